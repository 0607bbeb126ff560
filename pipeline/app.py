"""Wiring: settings and rules in, an app with its agents out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import faust

from pipeline.agents import decisions, identity, sessions
from pipeline.agents.outlet import Outlet
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules
from pipeline.runtime.app import App, Clock
from pipeline.runtime.topics import all_topics
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released

PACK = Path(__file__).parent / "pack"


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


def load_rules(settings: Settings) -> Rules | list[str]:
    """The strategies and the brand that the settings name, compiled; or one line for every mistake in them."""
    directory = settings.strategies or PACK / "strategies"
    brand = settings.brand or PACK / "brand.yaml"
    files = sorted(directory.glob("*.yaml")) if directory.is_dir() else []
    if not files:
        return [f"{directory}: no strategy file (*.yaml) is there; name a directory that has some"]
    try:
        texts = {str(file): file.read_text(encoding="utf-8") for file in files}
        brand_text = brand.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return [f"{error}; name files of UTF-8 text that can be read"]
    rules = compile_rules(texts, brand_text, str(brand))
    return rules if isinstance(rules, Rules) else [str(problem) for problem in rules]


def create_app(settings: Settings, rules: Rules, clock: Clock = wall_clock) -> App:
    """A worker's app: the identity, sessions and decision agents on the transactional batch transport."""
    prefix = settings.topic_prefix
    codec = make_codec(settings)
    app = App(settings, driver_topic=f"{prefix}interactions.identified", clock=clock)
    identity.declare(app, Outlet(codec, prefix, "identity", clock), prefix)
    outlet = Outlet(codec, prefix, "sessions", clock)
    sessions.declare(app, outlet, decisions.declare(app, outlet, rules), prefix)
    return app


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
