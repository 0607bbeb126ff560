"""Wiring: settings and rules in, an app with its agents out."""

from __future__ import annotations

import asyncio
import contextlib
import time

import faust

from pipeline.agents import decisions, identity, sessions
from pipeline.agents.decisions import Decisions
from pipeline.agents.outlet import Outlet
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem
from pipeline.pack import BRAND, STRATEGIES, load_rules
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


def rules_of(settings: Settings) -> Rules | list[Problem]:
    """The strategies and the brand that the settings name, or all that is wrong with them."""
    return load_rules(settings.strategies or STRATEGIES, settings.brand or BRAND)


def wire(settings: Settings, rules: Rules, clock: Clock = wall_clock) -> tuple[App, Decisions]:
    """A worker's app (the identity, sessions and decision agents) and its customers."""
    prefix = settings.topic_prefix
    codec = make_codec(settings)
    app = App(settings, driver_topic=f"{prefix}interactions.identified", clock=clock)
    identity.declare(app, Outlet(codec, prefix, "identity", clock), prefix)
    outlet = Outlet(codec, prefix, "sessions", clock)
    customers = decisions.declare(app, outlet, rules)
    sessions.declare(app, outlet, customers, prefix)
    return app, customers


def run_worker(app: App) -> str | None:
    """Run the app as a Faust worker until a signal; returns None, or one line that says why it failed."""
    worker = faust.Worker(
        app, loop=asyncio.new_event_loop(), override_logging=False, redirect_stdouts=False, quiet=True
    )
    with contextlib.suppress(SystemExit, Exception):
        worker.execute_from_commandline()
    if app.failed is None:
        return None
    return f"the worker stopped: {type(app.failed).__name__}: {app.failed}"
