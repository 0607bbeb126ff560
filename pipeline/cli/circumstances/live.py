"""Reading the circumstances that are declared, and telling the workers of others."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec
import typer
from confluent_kafka import KafkaException

from pipeline.cli.common import FAILED, err, out, stop
from pipeline.cli.kafka import broker_or_stop, publishing, topics_or_stop
from pipeline.cli.strategies.words import moment, signed
from pipeline.cli.waiting import (
    Applied,
    print_applied,
    print_not_applied,
    roster_of,
    wait,
    with_circumstances,
)
from pipeline.domain.declarations import overlaps
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.strategies.fields import duration_ms
from pipeline.domain.strategies.problems import one_of
from pipeline.runtime.codec import make_codec
from pipeline.runtime.reading import read_committed
from pipeline.settings import Settings

TOPIC = "circumstances"
TIME = "a time like 2026-03-02T18:00:00Z, or how long from now: 2h"


class Standing(msgspec.Struct, frozen=True):
    """What is on the topic: the last record of each circumstance by its id, and the offset behind each."""

    declared: dict[str, DeclaredCircumstance] = {}
    ends: dict[str, int] = {}


class Told(msgspec.Struct):
    """What became of a change: what holds since, and what stands as it was."""

    changed: Sequence[DeclaredCircumstance] = []
    unchanged: Sequence[DeclaredCircumstance] = []
    workers: Applied = Applied()


def standing_or_stop(settings: Settings) -> Standing:
    """What is declared; exit 1 when the broker does not tell."""
    broker_or_stop(settings)
    topics_or_stop(settings)
    codec, standing = make_codec(settings), Standing()
    try:
        for message in read_committed(settings.kafka(), {(settings.topic_prefix + TOPIC, 0): 0}):
            key, raw = (message.key() or b"").decode(errors="replace"), message.value()
            found = None if raw is None else codec.decode(raw, DeclaredCircumstance)
            standing.declared.pop(key, None)
            if isinstance(found, DeclaredCircumstance):
                standing.declared[key] = found
                standing.ends[key] = int(message.offset() or 0) + 1
    except KafkaException as error:
        stop(f"the topic {settings.topic_prefix}{TOPIC} cannot be read: {error.args[0].str()}", FAILED)
    return standing


def declared_or_stop(standing: Standing, circumstance_id: str) -> DeclaredCircumstance:
    """A circumstance as it stands; exit 2 with those that there are when there is none of this id."""
    found = standing.declared.get(circumstance_id)
    if found is None:
        known = sorted(standing.declared)
        remedy = one_of(circumstance_id, known) if known else "none is declared"
        stop(f"there is no circumstance {circumstance_id!r}; {remedy}")
    return found


def time_or_stop(option: str, text: str, now: int) -> str:
    """The time that was written, as a file of circumstances has it; exit 2 when it is none."""
    try:
        at = now + int(duration_ms(text))
    except ValueError:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            stop(f"{option} {text}: is no time; write {TIME}")
        return text
    return datetime.fromtimestamp(at / 1_000).astimezone().isoformat()


def sure_or_stop(yes: bool, everybody: Sequence[str]) -> None:
    """Ask whether circumstances that leave hardly anybody out are meant so; exit 2 where nobody can be asked."""
    if yes or not everybody:
        return
    told = f"{', '.join(everybody)}: the scope holds even for a customer of whom nothing is known"
    if not sys.stdin.isatty():
        stop(f"{told}; say --yes if it is to concern everybody")
    typer.confirm(f"{told}. Does it concern everybody?", abort=True, err=True)


def tell(
    settings: Settings, standing: Standing, records: Sequence[DeclaredCircumstance], timeout: float
) -> Told:
    """Publish records, and wait for the workers `timeout` seconds at most; exit 1 when they are not delivered."""
    told = Told(changed=records)
    if not records:
        return told
    with (
        publishing(settings, "throughline/circumstances") as publisher,
        roster_of(settings) as reader,
        err.status("Waiting for the workers"),
    ):
        begun = time.monotonic()
        for record in records:
            publisher.send(record)
        publisher.flush()
        end = publisher.ends[settings.topic_prefix + TOPIC, 0]
        told.workers = wait(reader, with_circumstances, end, {one.key for one in records}, begun, timeout)
    return told


def report(told: Told, standing: Standing, as_json: bool) -> None:
    """Print what became of a change; exit 1 when a worker has refused it or not applied it in time."""
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(told)), markup=False)
    else:
        _print(told, standing.declared)
    if print_not_applied(told.workers):
        raise typer.Exit(FAILED)


def _print(told: Told, declared: Mapping[str, DeclaredCircumstance]) -> None:
    for one in told.unchanged:
        by = signed(one.declared_by, one.declared_at)
        out.print(f"{one.key}: {in_words(one)} already{by}; nothing to change", markup=False)
    for one in told.changed:
        out.print(f"{one.key}: {in_words(one)}", markup=False)
        for other in declared.values():
            if not one.over(one.declared_at) and overlaps(one, other):
                out.print(
                    f"{one.key}: overlaps with {other.key} ({in_words(other)}), which has the same scope;"
                    " customers concerned are told of both",
                    markup=False,
                )
    if told.changed:
        print_applied(told.workers)


def in_words(one: DeclaredCircumstance) -> str:
    """When it is in force, in a sentence without its full stop."""
    if one.over(one.declared_at):
        return f"over since {moment(one.until_at or 0)}"
    begins = f"from {moment(one.from_at)}" if one.from_at > one.declared_at else "in force"
    return f"{begins} until {'it is ended' if one.until_at is None else moment(one.until_at)}"
