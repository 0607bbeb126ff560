"""What a reader of committed records finds, apart from all consumer groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

_READER = {
    "group.id": "reads-beside-every-group",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 10,
    "log_level": 0,
}


@contextmanager
def _reader(kafka: Mapping[str, Any]) -> Iterator[Consumer]:
    consumer = Consumer({**kafka, **_READER})
    try:
        yield consumer
    finally:
        consumer.close()


def read_committed(kafka: Mapping[str, Any], positions: Mapping[tuple[str, int], int]) -> Iterator[Message]:
    """Every committed record from these positions (topic and partition → offset) to the ends, each partition's
    in order. Raises KafkaException when one cannot be read.
    """
    with _reader(kafka) as consumer:
        consumer.assign([TopicPartition(*tp, offset) for tp, offset in positions.items()])
        at_end: set[tuple[str | None, int | None]] = set()
        while len(at_end) < len(positions):
            for message in consumer.consume(10_000, 0.05):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    at_end.add((message.topic(), message.partition()))
                elif not error.retriable():
                    raise KafkaException(error)


def read_topics(kafka: Mapping[str, Any], topics: list[str], partitions: int) -> list[Message]:
    """Every committed record of these topics, each partition's in order."""
    return list(
        read_committed(kafka, {(name, n): OFFSET_BEGINNING for name in topics for n in range(partitions)})
    )


def left_to_read(kafka: Mapping[str, Any], positions: Mapping[tuple[str, int], int]) -> bool:
    """Whether a committed record is left at or after one of these positions."""
    return any(True for _ in read_committed(kafka, positions))
