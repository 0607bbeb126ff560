"""Wiring: settings and rules in, an app with its agents out."""

from __future__ import annotations

import time

from pipeline.agents import decisions, identity, sessions
from pipeline.agents.outlet import Outlet
from pipeline.domain.rules import Rules
from pipeline.runtime.app import App, Clock
from pipeline.runtime.topics import all_topics
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released


def wall_clock() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000


def make_codec(settings: Settings) -> Codec:
    """The codec with the ids of the configured schema registry, or of the schemas themselves."""
    if not settings.schema_registry_url:
        return Codec()
    # The registry client brings an HTTP stack along: paid for only where there is a registry.
    from pipeline.runtime.schema_registry import RegistryIds  # noqa: PLC0415

    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    return Codec(RegistryIds(settings.schema_registry_url, specs, load_released()))


def create_app(settings: Settings, rules: Rules, clock: Clock = wall_clock) -> App:
    """A worker's app: the identity, sessions and decision agents on the transactional batch transport."""
    prefix = settings.topic_prefix
    codec = make_codec(settings)
    app = App(settings, driver_topic=f"{prefix}interactions.identified", clock=clock)
    identity.declare(app, Outlet(codec, prefix, "identity", clock), prefix)
    outlet = Outlet(codec, prefix, "sessions", clock)
    sessions.declare(app, outlet, decisions.declare(app, outlet, rules), prefix)
    return app
