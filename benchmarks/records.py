"""Records on the broker: the benchmark's input with what must come of it, and reading what did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from benchmarks.workload import STAGE, State, encode_state, event, fold
from pipeline.runtime.producer import PARTITIONER
from pipeline.wire.codec import Codec
from pipeline.wire.headers import TraceParent
from pipeline.wire.routes import headers_of, route

_TIMEOUT_S = 60
_REPORT_EVERY = 10_000


# Key, value, and the headers that are the same whoever writes them.
Written = tuple[bytes, bytes, tuple[tuple[str, bytes], ...]]


class Expected(NamedTuple):
    """An input topic with its end offsets, and what the fold makes of it in memory.

    `actions` counts what `written` makes of a record, `states` holds the last value by key.
    """

    topic: str
    events: int
    ends: dict[TopicPartition, int]
    actions: Counter[Written]
    states: dict[bytes, bytes]


def produce_input(
    bootstrap: str, topic: str, events: int, customers: int, progress: Callable[[int], None]
) -> Expected:
    """Write `events` events of `customers` customers to `topic`, in our wire format; fold them alongside."""
    # Not compressed: plain Faust's driver reads lz4 only with one more package.
    producer = Producer(
        {"bootstrap.servers": bootstrap, **PARTITIONER, "enable.idempotence": True, "log_level": 3}
    )
    codec = Codec()
    states: dict[str, State] = {}
    actions: Counter[Written] = Counter()
    for number in range(events):
        value = event(number, customers)
        headers = headers_of(value, route(value), value.source, TraceParent.new())
        _produce(producer, topic, value.key, codec.encode(topic, value), headers)
        states[value.key], action = fold(states.get(value.key), value)
        if action is not None:
            named = headers_of(action, route(action), f"throughline/{STAGE}", None)
            actions[action.key.encode(), codec.encode(None, action), tuple(sorted(named))] += 1
        if number % _REPORT_EVERY == 0:
            progress(number)
    if producer.flush(_TIMEOUT_S):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "the input could not be written"))
    encoded = {key.encode(): encode_state(state) for key, state in states.items()}
    return Expected(topic, events, _ends(bootstrap, topic), actions, encoded)


def written(record: Message) -> Written:
    """An action as it is on its topic, without the place in its trace, which is another each time."""
    headers = sorted(one for one in record.headers() or () if one[0] != "traceparent")
    return record.key(), record.value(), tuple(headers)


def _produce(
    producer: Producer, topic: str, key: str, value: bytes, headers: list[tuple[str, bytes]]
) -> None:
    while True:
        try:
            producer.produce(topic, value=value, key=key, headers=headers)
            return
        except BufferError:
            producer.poll(0.1)


@contextmanager
def observer(bootstrap: str, group: str = "observer") -> Iterator[Consumer]:
    """A consumer of committed records that joins no group; also tells the end of a partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def read_all(bootstrap: str, topic: str) -> list[Message]:
    """Every committed record of a topic, each partition's in order. Raises KafkaException when it cannot."""
    found: list[Message] = []
    with observer(bootstrap) as consumer:
        partitions = _partitions(consumer, topic)
        consumer.assign([TopicPartition(topic, p.partition, OFFSET_BEGINNING) for p in partitions])
        at_end: set[int | None] = set()
        while len(at_end) < len(partitions):
            for record in consumer.consume(10_000, 0.1):
                error = record.error()
                if error is None:
                    found.append(record)
                elif error.code() == KafkaError._PARTITION_EOF:
                    at_end.add(record.partition())
                else:
                    raise KafkaException(error)
    return found


def group_offsets(bootstrap: str, group: str, partitions: list[TopicPartition]) -> list[int]:
    """The offsets that a group has committed, 0 where it has none."""
    with observer(bootstrap, group) as consumer:
        return [max(found.offset, 0) for found in consumer.committed(partitions, _TIMEOUT_S)]


def _ends(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    with observer(bootstrap) as consumer:
        return {
            one: consumer.get_watermark_offsets(one, _TIMEOUT_S)[1] for one in _partitions(consumer, topic)
        }


def _partitions(consumer: Consumer, topic: str) -> list[TopicPartition]:
    found = consumer.list_topics(topic, _TIMEOUT_S).topics[topic].partitions
    return [TopicPartition(topic, number) for number in sorted(found)]
