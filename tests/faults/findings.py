"""The two sides of the oracle's comparison, read from a deployment's topics by a reader of committed records."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import msgspec
from confluent_kafka import Message

from pipeline.domain import evidence
from pipeline.domain import state as states
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.messages import ActionCommand, Decision, IdentityChange
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.strategies.compiled import Rules
from pipeline.pack import load_rules
from pipeline.wire.codec import Codec
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.headers import read_headers
from tests.faults.deployment import PARTITIONS, Deployment
from tests.faults.oracle import (
    Oracle,
    Record,
    Result,
    dead_letter_name,
    note,
    timeless_record,
    timeless_state,
)
from tests.faults.reading import read_topics

INPUTS = (
    *(f"interactions.{channel}" for channel in CHANNELS),
    "customers",
    "action.receipts",
    "identity.links",
    "interactions.identified",
)
OUTPUTS = ("actions", "decisions", "identity.changes", "dead-letters")
TABLES = ("identities", "sessions", "history", "deadlines")


def expected(deployment: Deployment) -> Oracle:
    """The oracle, with everything folded that the outside has published and the broker acknowledged."""
    rules = load_rules()
    assert isinstance(rules, Rules)
    oracle = Oracle(rules, time.time_ns() // 1_000_000)
    oracle.fold(
        _record(message, deployment) for message in _read(deployment, INPUTS) if _from_outside(message)
    )
    return oracle


def found(deployment: Deployment) -> Result:
    """What the workers have put out and kept."""
    once: Counter[str] = Counter()
    content: dict[str, Any] = {}
    codec = Codec()
    for message in _read(deployment, OUTPUTS):
        value = codec.decode(message.value() or b"", ActionCommand, Decision, IdentityChange, DeadLetter)
        assert not isinstance(value, Failure), value
        if isinstance(value, DeadLetter):
            topic = value.source.removeprefix(deployment.settings.topic_prefix)
            once[dead_letter_name(topic, value.partition, value.offset)] += 1
        else:
            note(once, content, value)
    rows: dict[str, bytes | None] = {}
    for message in _read(deployment, tuple(f"changelog.{table}" for table in TABLES)):
        table, key = _name(message, deployment).removeprefix("changelog."), (message.key() or b"").decode()
        if table == "history":
            # Appended once and never changed until it expires: a second record of a row is a second fold of its
            # event.
            if (row := message.value()) is not None:
                note(once, content, msgspec.msgpack.decode(row, type=HistoryEntry))
        else:
            rows[f"{table} {key}"] = message.value()
    content |= {name: _row(name, raw) for name, raw in rows.items() if raw is not None}
    return Result(once, content)


def _row(name: str, raw: bytes) -> Any:
    if name.startswith("deadlines "):
        return True
    if name.startswith("sessions "):
        return timeless_state(states.decode(raw))
    return timeless_record(evidence.decode(raw))


def _read(deployment: Deployment, names: tuple[str, ...]) -> list[Message]:
    topics = [deployment.topic(name) for name in names]
    return read_topics(deployment.settings.kafka(), topics, PARTITIONS)


def _name(message: Message, deployment: Deployment) -> str:
    return str(message.topic()).removeprefix(deployment.settings.topic_prefix)


def _from_outside(message: Message) -> bool:
    """Whether no worker wrote it: agents write to each other by way of input topics."""
    return not (read_headers(message.headers()).source or "").startswith("throughline/")


def _record(message: Message, deployment: Deployment) -> Record:
    return Record(
        topic=_name(message, deployment),
        partition=int(message.partition() or 0),
        offset=int(message.offset() or 0),
        arrived=message.timestamp()[1],
        key=message.key(),
        value=message.value() or b"",
    )
