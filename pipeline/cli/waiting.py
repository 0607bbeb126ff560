"""Waiting until the workers have applied what was published."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import msgspec

from pipeline.cli.common import err, out
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import Roster, RosterReader
from pipeline.settings import Settings
from pipeline.wire.workers import WorkerStatus

_POLL_S = 0.1
_PATIENCE_S = 10.0

Progress = Callable[[WorkerStatus], tuple[int, Mapping[str, str]]]
"""How far a worker is with a topic: the offset before which all is applied, and why which keys are refused."""


def with_strategies(status: WorkerStatus) -> tuple[int, Mapping[str, str]]:
    """How far a worker is with the topic `strategies`."""
    return status.strategies_offset, status.strategies_refused


def with_circumstances(status: WorkerStatus) -> tuple[int, Mapping[str, str]]:
    """How far a worker is with the topic `circumstances`."""
    return status.circumstances_offset, status.circumstances_refused


class Applied(msgspec.Struct, frozen=True):
    """How far the workers were `after_ms`: those that have `applied` a change, those that it is `waiting` for, and
    of those that have come that far but `refused` some of it, why, by key.
    """

    applied: list[str] = []
    waiting: list[str] = []
    refused: dict[str, dict[str, str]] = {}
    after_ms: int = 0


@contextmanager
def roster_of(settings: Settings) -> Iterator[RosterReader]:
    """A reader who knows the workers that run."""
    reader = RosterReader(settings, make_codec(settings))
    give_up = time.monotonic() + _PATIENCE_S
    try:
        while not reader.poll(_POLL_S) and time.monotonic() < give_up:
            pass
        yield reader
    finally:
        reader.close()


def wait(
    reader: RosterReader, progress: Progress, end: int, keys: set[str], begun: float, timeout: float
) -> Applied:
    """Wait until every worker is at the offset `end`, `timeout` seconds at most since `begun` (monotonic)."""
    while True:
        after_ms = int((time.monotonic() - begun) * 1_000)
        seen = applied(reader.roster, progress, end, keys, after_ms)
        if not seen.waiting or time.monotonic() - begun > timeout:
            return seen
        reader.poll(_POLL_S)


def applied(roster: Roster, progress: Progress, end: int, keys: set[str], after_ms: int) -> Applied:
    """How far the workers are with the records under `keys`, the last of which lies before the offset `end`."""
    done, waiting, refused = [], [], {}
    for status in roster.workers():
        offset, refusals = progress(status)
        if offset < end:
            waiting.append(status.worker_id)
        elif why := {key: reason for key, reason in refusals.items() if key in keys}:
            refused[status.worker_id] = why
        else:
            done.append(status.worker_id)
    return Applied(done, waiting, refused, after_ms)


def print_applied(workers: Applied) -> None:
    """Tell people how many workers have applied a change, and how soon."""
    if workers.applied:
        some = "1 worker" if len(workers.applied) == 1 else f"{len(workers.applied)} workers"
        out.print(f"applied by {some}, after {workers.after_ms} ms", markup=False)
    elif not (workers.waiting or workers.refused):
        out.print("no worker runs: it is in force as soon as one does", markup=False)


def print_not_applied(workers: Applied) -> bool:
    """Tell which workers refuse a change, and which have not applied it in time; whether there are any."""
    for worker, why in workers.refused.items():
        for key, reason in why.items():
            err.print(f"worker {worker} refuses {key}: {reason}", markup=False)
    if workers.waiting:
        names = ", ".join(workers.waiting)
        after = f"{workers.after_ms / 1_000:.0f} s"
        err.print(
            f"not applied after {after} by {names}: it stays on the topic, and workers apply it when they can",
            markup=False,
        )
    return bool(workers.refused or workers.waiting)
