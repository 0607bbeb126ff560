"""What a reader of committed records finds, apart from all consumer groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Message

from pipeline.runtime.reading import read_committed


def read_topics(kafka: Mapping[str, Any], topics: list[str], partitions: int) -> list[Message]:
    """Every committed record of these topics, each partition's in order."""
    return list(
        read_committed(kafka, {(name, n): OFFSET_BEGINNING for name in topics for n in range(partitions)})
    )


def left_to_read(kafka: Mapping[str, Any], positions: Mapping[tuple[str, int], int]) -> bool:
    """Whether a committed record is left at or after one of these positions."""
    return any(True for _ in read_committed(kafka, positions))
