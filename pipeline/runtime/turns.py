"""Keeps what lies between the two hops short: the first hop waits while the second is far behind."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from confluent_kafka import TopicPartition

# With backlogs in all inputs, fetching gives every partition the same share; the driver then falls behind by
# nearly all that the other inputs lead to, and an event of an idle input waits for that in the second hop.
_FAR = 20_000
_NEAR = 5_000
_TICK_S = 0.1
# The other inputs wait no longer than this at a time, even if the driver itself has a long backlog.
_TURN_S = 2.0


class Turns:
    """Pauses the inputs beside the driver while the driver is far behind; only the poll thread calls it.

    Args:
        consumer: the Kafka consumer.
        driver: the topic that the first hop writes and the second one reads.
        others: all other inputs.
    """

    def __init__(self, consumer: Any, driver: str, others: Iterable[str]) -> None:
        self._consumer = consumer
        self._driver = driver
        self._others = list(others)
        self._reading: set[int] = set()
        self._paused_at: float | None = None
        self._looked = 0.0

    def begin(self, numbers: set[int]) -> None:
        """Read these partitions of all inputs from now on."""
        self.open()
        self._reading |= numbers
        self._consumer.resume(self._of([self._driver, *self._others], numbers))

    def end(self, numbers: set[int]) -> None:
        """These partitions are read no longer."""
        self._reading -= numbers

    def open(self) -> None:
        """Read all inputs, whatever is behind."""
        if self._paused_at is not None:
            self._paused_at = None
            self._consumer.resume(self._of(self._others, self._reading))

    def look(self) -> None:
        """Pause or resume, as it is time; cheap when called often."""
        now = time.monotonic()
        if now - self._looked < _TICK_S or not self._others:
            return
        self._looked = now
        behind = self._behind()
        if self._paused_at is None:
            if behind > _FAR:
                self._paused_at = now
                self._consumer.pause(self._of(self._others, self._reading))
        elif behind < _NEAR or now - self._paused_at > _TURN_S:
            self.open()

    def _behind(self) -> int:
        """Records of the driver that are not fetched yet, as of its last fetch."""
        behind = 0
        for at in self._consumer.position(self._of([self._driver], self._reading)):
            _, high = self._consumer.get_watermark_offsets(at, cached=True)
            if at.offset >= 0 and high > at.offset:
                behind += high - at.offset
        return behind

    @staticmethod
    def _of(topics: Iterable[str], numbers: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in numbers for topic in topics]
