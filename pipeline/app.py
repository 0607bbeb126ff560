"""Wiring: settings and rules in, an app with its agents out."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import logging
from contextlib import suppress

import faust
from confluent_kafka import KafkaException

from pipeline.agents import decisions, identity, intents, sessions
from pipeline.agents.customers import Marks
from pipeline.agents.decisions import Decisions
from pipeline.agents.outlet import Outlet
from pipeline.agents.strategies import Strategies
from pipeline.api.service import Api
from pipeline.domain.contacts import DAY_MS
from pipeline.domain.intents import Recogniser
from pipeline.domain.strategies.compiled import Rules
from pipeline.observe.clock import wall_clock
from pipeline.observe.logs import get_logger
from pipeline.runtime.app import App, Clock
from pipeline.runtime.asking import in_words, operators
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.codec import make_codec
from pipeline.runtime.topics import problem_of_topics
from pipeline.settings import Settings

log = get_logger(__name__)

# Producers learn of new partitions within minutes (`topic.metadata.refresh.interval.ms`, 5 of them): who looks more
# often sees them before there are records in them that no worker reads.
_TOPICS_S = 60.0

# The number of `mallopt`'s parameter, from glibc's malloc.h.
_M_ARENA_MAX = -8
_ARENAS = 2


def wire(settings: Settings, rules: Rules, clock: Clock = wall_clock) -> tuple[App, Decisions]:
    """A worker's app (the identity, sessions and decision agents) and its customers.

    `rules` are those of files; strategies that are published come before them.
    """
    prefix = settings.topic_prefix
    codec = make_codec(settings)
    app = App(settings, driver_topic=f"{prefix}interactions.identified", clock=clock)
    marks = Marks(app, settings.erasure_key.get_secret_value().encode())
    identities = identity.declare(app, Outlet(codec, prefix, "identity", clock), prefix, marks)
    outlet = Outlet(codec, prefix, "sessions", clock)
    customers = decisions.declare(app, outlet, rules, marks, settings.history_days * DAY_MS)
    sessions.declare(app, outlet, customers, prefix)
    # Their threads have codecs of their own.
    strategies = Strategies(app, customers, make_codec(settings))
    app.add_dependency(Api(app, customers, identities, strategies, make_codec(settings)))
    app.add_dependency(strategies)
    app.timer(_TOPICS_S)(lambda: _look_at_topics(app))
    return app, customers


def wire_intents(settings: Settings, recogniser: Recogniser, clock: Clock = wall_clock) -> App:
    """The app that reads intents, in a consumer group of its own: workers are the same whether it runs or not."""
    settings = settings.model_copy(update={"group": f"{settings.group}-intents"})
    prefix = settings.topic_prefix
    app = App(settings, driver_topic=f"{prefix}interactions.identified", clock=clock)
    intents.declare(app, Outlet(make_codec(settings), prefix, "intents", clock), recogniser)
    return app


async def _look_at_topics(app: App) -> None:
    try:
        problem = await asyncio.to_thread(problem_of_topics, app.settings)
    except KafkaException:
        return  # whether the broker is there is for those to judge that need it
    if problem is not None:
        app.fail(Unavailable(problem))


def _collect_rarely() -> None:
    """Keep the cycle collector away from cached states, of which there are millions and none is part of a cycle.

    With Python's defaults a full collection comes whenever their number has grown by a quarter, and stops the
    worker for as long as it walks all of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)


def _share_arenas() -> None:
    """Have all threads take their memory from two of the C library's arenas.

    With glibc's default each of a worker's many threads (RocksDB's, librdkafka's, commits') has its own, and what
    is free in one is of no use to the others: resident memory grew for as long as the worker ran.
    """
    with suppress(AttributeError, OSError):  # other C libraries have no such setting, and no need of it
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)


def run_worker(app: App) -> str | None:
    """Run the app as a Faust worker until a signal; returns None, or one line that says why it failed."""
    worker = faust.Worker(
        app, loop=asyncio.new_event_loop(), override_logging=False, redirect_stdouts=False, quiet=True
    )
    worker.spinner = None  # it would write terminal escapes into the log
    logging.getLogger("faust.worker").disabled = True  # it would tell of a failure a second time
    failure: BaseException | None = None
    _collect_rarely()
    _share_arenas()
    try:
        worker.execute_from_commandline()
    except SystemExit as end:
        # Faust ends the process itself: with 0 after a signal, else because of what the exit replaced.
        failure = end.__context__ if end.code else None
    failure = app.failed or failure
    if failure is None:
        return None
    if not operators(failure):
        log.error("worker_failed", exc_info=failure)
    return f"the worker stopped: {in_words(failure)}"
