"""Compacted topics of one partition that every worker reads whole and then follows."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from pipeline.runtime.asking import may_pass
from pipeline.settings import Settings

_POLL_S = 0.1
_AT_ONCE = 1_000
_CONSUMER = {
    "group.id": "unused-by-workers",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    # The worker's main consumer tells the same of the same brokers, and its lines go to the log.
    "log_level": 0,
}

Changed = dict[tuple[str, str], Message]
"""The last message by topic (without the prefix) and key, in the order of each topic."""


def key_of(message: Message) -> str:
    """The key as text."""
    return (message.key() or b"").decode(errors="replace")


class WholeTopics:
    """Reads topics (named without the prefix) from their beginnings; `offsets` is where it is in each."""

    def __init__(self, settings: Settings, topics: Sequence[str]) -> None:
        self.offsets = dict.fromkeys(topics, 0)
        self._prefix = settings.topic_prefix
        self._unended = set(topics)
        self._consumer = Consumer({**settings.kafka(), **_CONSUMER})
        # Of a compacted topic that is the beginning; librdkafka takes half a second to ask a broker for it.
        self._consumer.assign([TopicPartition(self._prefix + name, 0, 0) for name in topics])

    @property
    def at_end(self) -> bool:
        """Whether it was once at the end of each."""
        return not self._unended

    def poll(self) -> Changed:
        """What comes within 0.1 s or is there already. Raises KafkaException for what will not pass."""
        first = self._consumer.poll(_POLL_S)
        if first is None:
            return {}
        found: Changed = {}
        for message in [first, *self._consumer.consume(_AT_ONCE, 0)]:
            error, topic = message.error(), str(message.topic()).removeprefix(self._prefix)
            if error is None:
                self.offsets[topic] = int(message.offset() or 0) + 1
                found.pop((topic, key_of(message)), None)
                found[topic, key_of(message)] = message
            elif error.code() == KafkaError._PARTITION_EOF:
                self.offsets[topic] = int(message.offset() or 0)
                self._unended.discard(topic)
            elif not may_pass(failure := KafkaException(error)):
                raise failure
        return found

    def close(self) -> None:
        """Read no more."""
        self._consumer.close()
