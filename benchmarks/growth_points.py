"""The points of the growth benchmark: one pipe each, with its strategies, customers and history, and its events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import Message

from benchmarks.growth_mould import Mould, fill
from benchmarks.growth_pipe import Pipe, encoded
from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_events import interactions, profiles
from benchmarks.pipeline_strategies import write_strategies
from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.compiled import Rules
from pipeline.pack import load_rules
from pipeline.wire.codec import Codec

NOW = 1_790_000_000_000
_BASE = 500
_FEW = 20
_SEED = 5
_VISITS = 1_000
_MINUTE_MS = 60_000


class Cost(NamedTuple):
    """What one event cost, in microseconds: of the clock, and of the processor."""

    wall_us: float
    cpu_us: float


class Point:
    """A pipe that is measured again and again, with new events of its customers each time."""

    def __init__(self, pipe: Pipe, customers: int, mark: str) -> None:
        self.pipe = pipe
        self._codec = Codec()
        self._events = events_of(customers, mark, pipe)

    def warm_up(self, events: int) -> None:
        """Fill the caches, and fold until visits are in all their stages."""
        self.pipe.warm()
        self.measure(events)

    def next_messages(self, events: int) -> list[Message]:
        """The next events, as they are on their topics."""
        return encoded(self._codec, islice(self._events, events))

    def measure(self, events: int) -> Cost:
        """Fold so many new events; making and encoding them is not timed."""
        messages = self.next_messages(events)
        wall, cpu = time.perf_counter(), time.process_time()
        self.pipe.fold(messages)
        return Cost((time.perf_counter() - wall) / events * 1e6, (time.process_time() - cpu) / events * 1e6)


def rules_of(directory: Path, strategies: int, common: int | None = None) -> Rules:
    """The rules of so many strategies; all beyond the first `common` listen to events that do not happen."""
    write_strategies(directory, strategies, common)
    rules = load_rules(directory)
    if not isinstance(rules, Rules):
        raise BenchmarkError("\n".join(map(str, rules)))
    return rules


def events_of(customers: int, mark: str, pipe: Pipe) -> Iterator[Interaction]:
    """What the customers do, an event every millisecond of the pipe's time."""
    return interactions(customers, _SEED, mark, pipe.tick, at_once=_VISITS)


def ordinary(directory: Path, customers: int, strategies: int, now: int, common: int | None = None) -> Point:
    """Customers who are all in the middle of something, each with some events of today."""
    pipe = Pipe(directory / "state", rules_of(directory / "strategies", strategies, common), now)
    codec = Codec()
    pipe.fold(encoded(codec, profiles(customers, now)))
    pipe.fold(encoded(codec, islice(events_of(customers, "before-", pipe), 2 * customers)))
    return Point(pipe, customers, "e-")


def many(directory: Path, customers: int, strategies: int, now: int) -> Point:
    """So many customers on disk, copied from 500 who have done something; nothing of them is in memory."""
    model = ordinary(directory / "model", _BASE, strategies, now)
    model.measure(8 * _BASE)
    mould = Mould(model.pipe, _BASE, ("identities", "sessions", "deadlines"))
    model.pipe.close()
    fill(directory / "state", mould, customers)
    return Point(
        Pipe(directory / "state", rules_of(directory / "strategies", strategies), now), customers, "e-"
    )


def long(directory: Path, interactions_each: int, customers: int, strategies: int, now: int) -> Point:
    """Customers with so many interactions behind them, copied from 20 who had them one a minute."""
    rules = rules_of(directory / "strategies", strategies)
    pipe = Pipe(directory / "model", rules, now - interactions_each * _MINUTE_MS)
    codec = Codec()
    pipe.fold(encoded(codec, profiles(_FEW, pipe.now)))
    events = events_of(_FEW, "before-", pipe)
    for _ in range(interactions_each):
        pipe.fold(encoded(codec, islice(events, _FEW)))
        pipe.now += _MINUTE_MS
    mould = Mould(pipe, _FEW, ("identities", "sessions", "history", "deadlines"))
    pipe.close()
    fill(directory / "state", mould, customers)
    return Point(Pipe(directory / "state", rules, now), customers, "e-")
