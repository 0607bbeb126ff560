"""Telling the workers of a change, and waiting until they have applied it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import msgspec
import typer

from pipeline.cli.common import FAILED, err, out
from pipeline.cli.kafka import publishing
from pipeline.cli.strategies.live import TOPIC, read_on
from pipeline.cli.strategies.words import in_words, signed, switch_in_words
from pipeline.cli.waiting import (
    Applied,
    print_applied,
    print_not_applied,
    roster_of,
    wait,
    with_strategies,
)
from pipeline.domain.releases import KillSwitch, StrategyRecord, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.register import Entry, Register
from pipeline.settings import Settings

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
        roster_of(settings) as reader,
        err.status("Waiting for the workers"),
    ):
        begun = time.monotonic()
        for record in records:
            publisher.send(record)
        publisher.flush()
        end = publisher.ends[settings.topic_prefix + TOPIC, 0]
        told.workers = wait(reader, with_strategies, end, {one.key for one in records}, begun, timeout)
    told.meanwhile = _others(read_on(settings, register), records)
    return told


def _replaced(register: Register, changed: Sequence[Held]) -> dict[str, Held]:
    before: dict[str, Held] = {}
    for one in changed:
        held = register.switch if isinstance(one, KillSwitch) else register.rollout(one.strategy_id)
        if held is not None:
            before[one.key] = held
    return before


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
    if print_not_applied(told.workers):
        raise typer.Exit(FAILED)


def _print(told: Told) -> None:
    for one in told.unchanged:
        out.print(f"{one.key}: {_words(one)} already{_signed(one)}; nothing to change", markup=False)
    for one in told.changed:
        before = told.replaced.get(one.key)
        replaces = "" if before is None else f"; before: {_words(before)}{_signed(before)}"
        out.print(f"{one.key}: {_words(one)}{replaces}", markup=False)
    if told.changed:
        print_applied(told.workers)


def _words(value: Held) -> str:
    return switch_in_words(value) if isinstance(value, KillSwitch) else in_words(value)


def _signed(value: Held) -> str:
    return signed(value.changed_by, value.changed_at, value.reason)
