"""Bringing a table partition's store up to its changelog."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Event
from typing import Any

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from pipeline.runtime.asking import PATIENCE_S, answered
from pipeline.runtime.partition import Changes, StoreT

log = structlog.get_logger(__name__)

_CONSUMER = {
    "group.id": "unused-by-recovery",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    # The end is known only by this: a committed end may be a transaction marker, which is never delivered.
    "enable.partition.eof": True,
    "fetch.queue.backoff.ms": 5,
    "queued.max.messages.kbytes": 131_072,
}
_BATCH = 10_000
_PROGRESS_S = 1.0


class RecoveryStopped(Exception):
    """Recovery was asked to stop before it was done."""


def recover(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    store: StoreT,
    stopping: Event,
    progress: Callable[[int, int], None],
) -> int:
    """Read the changelog from the store's offset to its end, into the store; returns the records read.

    The end is the high watermark at the start, so a transaction that is still being decided is waited for: what
    it wrote may already be part of the group's committed offsets. `progress(done, total)` is called about every
    second. Blocks; raises RecoveryStopped when `stopping` is set.
    """
    consumer = Consumer({**kafka, **_CONSUMER})
    try:
        asked = TopicPartition(topic, partition)
        low, end = answered(lambda: consumer.get_watermark_offsets(asked, timeout=PATIENCE_S))
        position = store.offset
        if position > end:
            log.warning(
                "table_ahead_of_changelog", topic=topic, partition=partition, store=position, changelog=end
            )
            store.clear()
            position = 0
        if position >= end:
            return 0
        return _read(consumer, topic, partition, max(position, low), end, store, stopping, progress)
    finally:
        consumer.close()


def _read(
    consumer: Consumer,
    topic: str,
    partition: int,
    position: int,
    end: int,
    store: StoreT,
    stopping: Event,
    progress: Callable[[int, int], None],
) -> int:
    start, records, told = position, 0, time.monotonic()
    consumer.assign([TopicPartition(topic, partition, position or OFFSET_BEGINNING)])
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
        if changes or position >= end:
            store.write(changes, position)
        if at_end and position < end:
            # A transaction is open before `end`; ask again from here until it is decided.
            stopping.wait(0.05)
            consumer.assign([TopicPartition(topic, partition, position)])
        if time.monotonic() - told >= _PROGRESS_S:
            told = time.monotonic()
            progress(position - start, end - start)
    return records
