"""What a reader of committed records finds, apart from all consumer groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

Change = tuple[str, str, bytes | None]
"""Table, key and value; None where the key was deleted."""

_READER = {
    "group.id": "reads-beside-every-group",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 10,
    "log_level": 0,
}
_ANSWER_S = 10.0

Offsets = Mapping[tuple[str, int], int]
"""An offset by topic and partition."""


def read_committed(
    kafka: Mapping[str, Any], positions: Offsets, ends: Offsets | None = None
) -> Iterator[Message]:
    """Every committed record from these positions to before `ends`, or to the end where none is given, each
    partition's in order. Raises KafkaException when one cannot be read.
    """
    ends = ends or {}
    consumer = Consumer({**kafka, **_READER})
    try:
        consumer.assign([TopicPartition(*tp, offset) for tp, offset in positions.items()])
        at_end: set[tuple[str, int]] = set()
        while len(at_end) < len(positions):
            for message in consumer.consume(10_000, 0.05):
                error = message.error()
                partition = str(message.topic()), int(message.partition() or 0)
                end = ends.get(partition)
                if error is None and (end is None or int(message.offset() or 0) < end):
                    yield message
                elif error is None or error.code() == KafkaError._PARTITION_EOF:
                    at_end.add(partition)
                elif not error.retriable():
                    raise KafkaException(error)
    finally:
        consumer.close()


def offsets_at(kafka: Mapping[str, Any], topics: Iterable[str], at: int) -> dict[tuple[str, int], int]:
    """Where the records begin that came to the brokers at a time (epoch milliseconds) or later.

    Of a partition without such records that is its end. Blocks. Raises KafkaException when no broker answers.
    """
    consumer = Consumer({**kafka, **_READER})
    try:
        known = consumer.list_topics(timeout=_ANSWER_S).topics
        wanted = [
            TopicPartition(name, n, at) for name in topics if name in known for n in known[name].partitions
        ]
        found = consumer.offsets_for_times(wanted, timeout=_ANSWER_S)
        return {
            (tp.topic, tp.partition): tp.offset
            if tp.offset >= 0
            else consumer.get_watermark_offsets(tp, timeout=_ANSWER_S)[1]
            for tp in found
        }
    finally:
        consumer.close()


class Changelogs:
    """Reads the changelogs of tables beside the workers, each record once."""

    def __init__(self, kafka: Mapping[str, Any], prefix: str, partitions: int) -> None:
        self._kafka = kafka
        self._prefix = f"{prefix}changelog."
        self._partitions = partitions
        self._positions: dict[tuple[str, int], int] = {}

    def read(self, tables: tuple[str, ...], again: bool = False) -> Iterator[Change]:
        """The changes of these tables since the last time, or all of them `again`."""
        wanted = {(self._prefix + name, n): 0 for name in tables for n in range(self._partitions)}
        positions = wanted if again else {tp: self._positions.get(tp, 0) for tp in wanted}
        self._positions |= positions
        for message in read_committed(self._kafka, positions):
            topic = str(message.topic())
            self._positions[topic, int(message.partition() or 0)] = int(message.offset() or 0) + 1
            key = (message.key() or b"").decode()
            yield topic.removeprefix(self._prefix), key, message.value()
