"""Telling the workers of a change, and waiting until they have applied it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import typer

from pipeline.cli.common import FAILED, err, out
from pipeline.cli.kafka import publishing
from pipeline.cli.strategies.live import TOPIC, read_on
from pipeline.cli.strategies.words import in_words, signed, switch_in_words
from pipeline.domain.releases import KillSwitch, StrategyRecord, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.register import Entry, Register
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import Roster, RosterReader
from pipeline.settings import Settings

_POLL_S = 0.1
_PATIENCE_S = 10.0


class Applied(msgspec.Struct, frozen=True):
    """How far the workers were `after_ms`: those that have `applied` a change, those that it is `waiting` for, and
    of those that have come that far but `refused` some of it, why, by key.
    """

    applied: list[str] = []
    waiting: list[str] = []
    refused: dict[str, dict[str, str]] = {}
    after_ms: int = 0


Held = StrategyRollout | KillSwitch


class Told(msgspec.Struct):
    """What became of a change: what holds since, what held before by key, and what others changed `meanwhile`."""

    changed: Sequence[Held] = []
    unchanged: Sequence[Held] = []
    replaced: dict[str, Held] = {}
    meanwhile: Sequence[Held] = []
    workers: Applied = Applied()


def tell(settings: Settings, register: Register, records: Sequence[StrategyRecord], timeout: float) -> Told:
    """Publish records, and wait for the workers `timeout` seconds at most; exit 1 when they are not delivered."""
    changed = [one for one in records if not isinstance(one, StrategyRelease)]
    told = Told(changed=changed, replaced=_replaced(register, changed))
    if not records:
        return told
    # The producer comes first: it needs as long to be ready as the workers need to be found.
    with (
        publishing(settings, "throughline/strategies") as publisher,
        _roster(settings) as reader,
        err.status("Waiting for the workers"),
    ):
        begun = time.monotonic()
        for record in records:
            publisher.send(record)
        publisher.flush()
        end = publisher.ends[settings.topic_prefix + TOPIC, 0]
        told.workers = _wait(reader, end, {one.key for one in records}, begun, timeout)
    told.meanwhile = _others(read_on(settings, register), records)
    return told


def _replaced(register: Register, changed: Sequence[Held]) -> dict[str, Held]:
    before: dict[str, Held] = {}
    for one in changed:
        held = register.switch if isinstance(one, KillSwitch) else register.rollout(one.strategy_id)
        if held is not None:
            before[one.key] = held
    return before


@contextmanager
def _roster(settings: Settings) -> Iterator[RosterReader]:
    """A reader who knows the workers that run."""
    reader = RosterReader(settings, make_codec(settings))
    give_up = time.monotonic() + _PATIENCE_S
    try:
        while not reader.poll(_POLL_S) and time.monotonic() < give_up:
            pass
        yield reader
    finally:
        reader.close()


def _wait(reader: RosterReader, end: int, keys: set[str], begun: float, timeout: float) -> Applied:
    while True:
        seen = applied(reader.roster, end, keys, int((time.monotonic() - begun) * 1_000))
        if not seen.waiting or time.monotonic() - begun > timeout:
            return seen
        reader.poll(_POLL_S)


def applied(roster: Roster, end: int, keys: set[str], after_ms: int) -> Applied:
    """How far the workers are with the records under `keys`, the last of which lies before the offset `end`."""
    done, waiting, refused = [], [], {}
    for status in roster.workers():
        if status.strategies_offset < end:
            waiting.append(status.worker_id)
        elif why := {key: reason for key, reason in status.strategies_refused.items() if key in keys}:
            refused[status.worker_id] = why
        else:
            done.append(status.worker_id)
    return Applied(done, waiting, refused, after_ms)


def _others(came: Sequence[Entry], records: Sequence[StrategyRecord]) -> list[Held]:
    """What others have changed of the same between our reading and our telling, or right after it."""
    ours = {one.key: one for one in records}
    return [
        entry.value
        for entry in came
        if isinstance(entry.value, StrategyRollout | KillSwitch)
        and entry.key in ours
        and entry.value != ours[entry.key]
    ]


def report(told: Told, as_json: bool) -> None:
    """Print what became of a change; exit 1 when a worker has refused it or not applied it in time."""
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(told)), markup=False)
    else:
        _print(told)
    for other in told.meanwhile:
        what = f"changed by somebody else at the same time{_signed(other)}: {_words(other)}"
        err.print(f"{other.key}: {what}; look at it with `throughline strategies list`", markup=False)
    for worker, why in told.workers.refused.items():
        for key, reason in why.items():
            err.print(f"worker {worker} refuses {key}: {reason}", markup=False)
    if told.workers.waiting:
        names = ", ".join(told.workers.waiting)
        after = f"{told.workers.after_ms / 1_000:.0f} s"
        err.print(
            f"not applied after {after} by {names}: it stays on the topic, and workers apply it when they can",
            markup=False,
        )
    if told.workers.refused or told.workers.waiting:
        raise typer.Exit(FAILED)


def _print(told: Told) -> None:
    for one in told.unchanged:
        out.print(f"{one.key}: {_words(one)} already{_signed(one)}; nothing to change", markup=False)
    for one in told.changed:
        before = told.replaced.get(one.key)
        replaces = "" if before is None else f"; before: {_words(before)}{_signed(before)}"
        out.print(f"{one.key}: {_words(one)}{replaces}", markup=False)
    workers = told.workers
    if not told.changed:
        return
    if workers.applied:
        some = "1 worker" if len(workers.applied) == 1 else f"{len(workers.applied)} workers"
        out.print(f"applied by {some}, after {workers.after_ms} ms", markup=False)
    elif not (workers.waiting or workers.refused):
        out.print("no worker runs: it is in force as soon as one does", markup=False)


def _words(value: Held) -> str:
    return switch_in_words(value) if isinstance(value, KillSwitch) else in_words(value)


def _signed(value: Held) -> str:
    return signed(value.changed_by, value.changed_at, value.reason)
