"""Bringing a table partition's store up to its changelog."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Event
from typing import Any

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from pipeline.observe.logs import get_logger
from pipeline.runtime.asking import ATTEMPT_S, answered
from pipeline.runtime.batch import TP
from pipeline.runtime.partition import Changes
from pipeline.runtime.store import Store

log = get_logger(__name__)

_CONSUMER = {
    "group.id": "unused-by-recovery",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    # The end is known only by this: a committed end may be a transaction marker, which is never delivered.
    "enable.partition.eof": True,
    # With nothing but a marker to read, the broker holds the answer back for as long as this.
    "fetch.wait.max.ms": 10,
    "fetch.queue.backoff.ms": 5,
    # Eight recoveries at a time may each hold as much.
    "queued.max.messages.kbytes": 32_768,
}
_BATCH = 2_000
# Compaction drops a tombstone after `delete.retention.ms`, a day: a store that did not see it within that time
# would keep for ever what was deleted. Half of it leaves room for a long recovery.
_STALE_S = 12 * 60 * 60


class RecoveryStopped(Exception):
    """Recovery was asked to stop before it was done."""


def high_watermarks(kafka: Mapping[str, Any], changelogs: Iterable[TP], stopping: Event) -> dict[TP, int]:
    """The end of each partition, records of open transactions included. Blocks.

    The end of committed records would not do: it lies before a transaction that is being decided, though what
    that wrote may already be part of the group's committed offsets.
    """
    asked = {TopicPartition(*tp): OffsetSpec.latest() for tp in changelogs}

    def ask() -> dict[TP, int]:
        admin = AdminClient({**kafka, "log_level": 0})
        futures = admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=ATTEMPT_S
        )
        return {TP(p.topic, p.partition): future.result().offset for p, future in futures.items()}

    return answered(ask, stopping) if asked else {}


def topic_ids(kafka: Mapping[str, Any], topics: Iterable[str], stopping: Event) -> dict[str, bytes]:
    """The id of each topic, in which it differs from an earlier one of the same name. Blocks."""
    wanted = list(topics)
    admin = AdminClient({**kafka, "log_level": 0})

    def ask() -> dict[str, bytes]:
        futures = admin.describe_topics(TopicCollection(wanted), request_timeout=ATTEMPT_S)
        return {name: str(future.result().topic_id).encode() for name, future in futures.items()}

    return answered(ask, stopping) if wanted else {}


def recover(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    store: Store,
    end: int,
    stopping: Event,
    progress: Callable[[int, int], None],
) -> int:
    """Read the changelog from the store's offset to `end`, into the store; returns the records read.

    `end` is the high watermark (`high_watermarks`), so a transaction that is still being decided is waited for.
    A store that is ahead of the changelog, or was last written so long ago that it may have missed a tombstone,
    is built anew. `progress(done, total)` is called after every batch, both in offsets, of which compaction and
    transactions leave some without a record. A crash costs the last few batches only. Blocks; raises
    RecoveryStopped when `stopping` is set.
    """
    position = store.offset
    ahead = position > end
    if ahead or (0 < position < end and time.time() - store.written_at > _STALE_S):
        reason = "it is ahead of its changelog" if ahead else "it may have missed deletions"
        log.warning(
            "table_built_anew", topic=topic, partition=partition, store=position, end=end, reason=reason
        )
        store.clear()
        position = 0
    if position >= end:
        return 0
    consumer = Consumer({**kafka, **_CONSUMER})
    try:
        return _read(consumer, topic, partition, position, end, store, stopping, progress)
    finally:
        consumer.close()


def _read(
    consumer: Consumer,
    topic: str,
    partition: int,
    position: int,
    end: int,
    store: Store,
    stopping: Event,
    progress: Callable[[int, int], None],
) -> int:
    start, records = position, 0
    consumer.assign([TopicPartition(topic, partition, position)])
    while position < end:
        if stopping.is_set():
            raise RecoveryStopped(f"{topic}[{partition}] at {position} of {end}")
        changes: Changes = {}
        at_end = False
        for message in consumer.consume(_BATCH, 0.05):
            error = message.error()
            if error is None:
                changes[message.key() or b""] = message.value()
                position = int(message.offset() or 0) + 1
                records += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                position = max(position, int(message.offset() or 0))
                at_end = True
            elif error.fatal():
                raise KafkaException(error)
        if position >= end:
            store.write(changes, position)
        elif changes:
            store.load(changes, position)
        if at_end and position < end:
            # A transaction is open before `end`; ask again from here until it is decided.
            stopping.wait(0.05)
            consumer.assign([TopicPartition(topic, partition, position)])
        progress(position - start, end - start)
    return records
