"""Whether a pipeline did its work exactly once: its topics and tables, read back after the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_site import Site
from benchmarks.records import observer
from benchmarks.workload import PARTITIONS
from pipeline.domain import state as states
from pipeline.domain.failures import Failure
from pipeline.domain.ids import fingerprint
from pipeline.domain.messages import ActionCommand
from pipeline.domain.recent import remembered
from pipeline.runtime.topics import all_topics
from pipeline.wire.codec import Codec


class Found(NamedTuple):
    """What is on the topics and in the tables after a run."""

    events: int
    actions: int
    decisions: int
    customers: int
    merged: int


def committed(bootstrap: str, topic: str, group: str | None = None) -> Iterator[Message]:
    """Every committed record of a topic, or with `group` those that the group has not read."""
    with observer(bootstrap, group or "observer") as consumer:
        parts = [TopicPartition(topic, n, OFFSET_BEGINNING) for n in range(PARTITIONS)]
        if group is not None:
            known = consumer.committed([TopicPartition(topic, n) for n in range(PARTITIONS)], 60)
            parts = [TopicPartition(topic, one.partition, max(one.offset, 0)) for one in known]
        consumer.assign(parts)
        at_end: set[int | None] = set()
        while len(at_end) < len(parts):
            for record in consumer.consume(10_000, 0.1):
                error = record.error()
                if error is None:
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    at_end.add(record.partition())
                else:
                    raise KafkaException(error)


def check(site: Site, events: dict[str, int], contacts: int) -> Found:
    """Compare what is there with what was sent: `events` by the mark of their ids, `contacts` of them by customers.

    Every event must be in one customer's record, once; every contact one row of history; no two actions may have
    one id; all input must be read by the group; nothing may be a dead letter. Raises BenchmarkError otherwise.
    """
    customers, merged = _check_records(site, events)
    _check_history(site, contacts)
    actions = _check_actions(site)
    letters = sum(1 for _ in committed(site.bootstrap, f"{site.prefix}dead-letters"))
    _demand(letters == 0, f"{letters} records became dead letters")
    for name in _inputs(site):
        left = sum(1 for _ in committed(site.bootstrap, name, site.group))
        _demand(left == 0, f"{left} records of {name} are not covered by the group's offsets")
    decisions = sum(1 for _ in committed(site.bootstrap, f"{site.prefix}decisions"))
    return Found(sum(events.values()), actions, decisions, customers, merged)


def latest(site: Site, table: str) -> dict[bytes, bytes]:
    """The rows of a table, from its changelog."""
    rows: dict[bytes, bytes] = {}
    for record in committed(site.bootstrap, f"{site.prefix}changelog.{table}"):
        key, value = record.key() or b"", record.value()
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    return rows


def _check_records(site: Site, events: dict[str, int]) -> tuple[int, int]:
    """The number of customers, and of those who went to another one."""
    folded: Counter[bytes] = Counter()
    customers = merged = forgotten = 0
    for raw in latest(site, "sessions").values():
        state = states.decode(raw)
        folded.update(remembered(state))
        customers += state.merged_into is None
        merged += state.merged_into is not None
        forgotten += state.forgotten_at >= 0
    _demand(not forgotten, f"{forgotten} records hold no longer all their events: take more customers")
    sent = {fingerprint(f"{mark}{number}") for mark, total in events.items() for number in range(total)}
    missing, foreign = len(sent - folded.keys()), len(folded.keys() - sent)
    twice = sum(times > 1 for times in folded.values())
    _demand(
        missing == foreign == twice == 0,
        f"{missing} events are in no record, {twice} in two, {foreign} are unknown",
    )
    return customers, merged


def _check_history(site: Site, contacts: int) -> None:
    rows = latest(site, "history")
    events = {key.rpartition(b"|")[2] for key in rows}
    _demand(
        len(rows) == len(events) == contacts,
        f"history has {len(rows)} rows of {len(events)} events, {contacts} were sent",
    )


def _check_actions(site: Site) -> int:
    codec = Codec()
    ids: Counter[str] = Counter()
    for record in committed(site.bootstrap, f"{site.prefix}actions"):
        command = codec.decode(record.value() or b"", ActionCommand)
        if isinstance(command, Failure):
            raise BenchmarkError(f"an action cannot be read: {command.message}")
        ids[command.action_id] += 1
    twice = sum(times > 1 for times in ids.values())
    _demand(twice == 0, f"{twice} action ids came twice")
    return len(ids)


def _inputs(site: Site) -> list[str]:
    names = ("interactions.", "identity.links", "customers")
    every = all_topics(site.prefix, PARTITIONS, 1)
    return [spec.name for spec in every if spec.name.removeprefix(site.prefix).startswith(names)]


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BenchmarkError(otherwise)
