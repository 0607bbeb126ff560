"""Who runs, and whose customers each worker knows: the topic `workers`, which every worker writes and reads whole.

It has a thread and Kafka clients of its own: nothing here takes part in transactions or waits for them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition, murmur2

from pipeline.domain.failures import Failure
from pipeline.observe.logs import get_logger
from pipeline.runtime.producer import PARTITIONER
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.headers import TraceParent
from pipeline.wire.routes import headers_of, route
from pipeline.wire.workers import WorkerStatus

log = get_logger(__name__)

TOPIC = "workers"
_POLL_S = 0.1
# How long a worker that stops waits for a broker that may be away, to take its name off the list.
_PARTING_S = 2.0
_CONSUMER = {
    "group.id": "unused-by-workers",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    # The worker's main consumer tells the same of the same brokers, and its lines go to the log.
    "log_level": 0,
}


def partition_of(key: str, partitions: int) -> int:
    """The partition to which every producer (`murmur2_random`) sends this key."""
    return int(murmur2(key.encode(), partitions))


class Roster(msgspec.Struct, frozen=True):
    """The workers that run, as the topic tells in its order: a partition is whose who claimed it last."""

    statuses: Mapping[str, WorkerStatus] = {}
    owners: Mapping[int, str] = {}

    def told(self, worker_id: str, status: WorkerStatus | None) -> Roster:
        """The roster after a worker has told of itself (None: that it stops).

        One that had partitions and lost all of them to others has died: it would have said so itself otherwise.
        One that tells of something else meanwhile claims nothing that another has claimed since.
        """
        claimed = {} if status is None else dict.fromkeys(status.partitions, worker_id)
        before = self.statuses.get(worker_id)
        if status is not None and before is not None and before.updated_at == status.updated_at:
            claimed = {n: worker_id for n in claimed if self.owners.get(n, worker_id) == worker_id}
        owners = {n: owner for n, owner in self.owners.items() if owner != worker_id} | claimed
        alive = {
            name: other
            for name, other in self.statuses.items()
            if name != worker_id and (not other.partitions or name in owners.values())
        }
        return Roster(alive if status is None else alive | {worker_id: status}, owners)

    def owner(self, partition: int) -> WorkerStatus | None:
        """The worker that owns a partition; None while nobody does."""
        owner = self.owners.get(partition)
        return None if owner is None else self.statuses[owner]

    def workers(self) -> list[WorkerStatus]:
        """All that run, each with the partitions that it owns, by name."""
        return [
            msgspec.structs.replace(
                status, partitions=sorted(n for n, owner in self.owners.items() if owner == name)
            )
            for name, status in sorted(self.statuses.items())
        ]


class RosterReader:
    """Reads the topic from its beginning; `roster` is what it has told so far."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        self._codec = codec
        self._consumer = Consumer({**settings.kafka(), **_CONSUMER})
        # Of a compacted topic that is the beginning; librdkafka takes half a second to ask a broker for it.
        self._consumer.assign([TopicPartition(settings.topic_prefix + TOPIC, 0, 0)])
        self.roster = Roster()

    def poll(self, timeout: float) -> bool:
        """Take in one record if one comes within `timeout` seconds; whether the end of the topic was reached."""
        message = self._consumer.poll(timeout)
        if message is None:
            return False
        error = message.error()
        if error is None:
            self._take(message)
        return error is not None and error.code() == KafkaError._PARTITION_EOF

    def _take(self, message: Message) -> None:
        name = (message.key() or b"").decode(errors="replace")
        raw = message.value()
        status = None if raw is None else self._codec.decode(raw, WorkerStatus)
        if isinstance(status, Failure):
            log.warning("worker_status_unreadable", code=status.code)
        else:
            self.roster = self.roster.told(name, status)

    def close(self) -> None:
        """Close the connection."""
        self._consumer.close()


def read_workers(settings: Settings, codec: Codec, patience_s: float) -> Roster:
    """The workers that run, read once; after `patience_s` without the topic's end what is known by then. Blocks."""
    reader = RosterReader(settings, codec)
    give_up = time.monotonic() + patience_s
    try:
        while not reader.poll(_POLL_S) and time.monotonic() < give_up:
            pass
        return reader.roster
    finally:
        reader.close()


class Workers(threading.Thread):
    """This worker's place among the others; `roster` is what is known of all. The codec is this thread's alone."""

    def __init__(self, settings: Settings, codec: Codec) -> None:
        super().__init__(name="workers", daemon=True)
        self.roster = Roster()
        self._settings = settings
        self._codec = codec
        self._outbox: SimpleQueue[WorkerStatus | None] = SimpleQueue()
        self._over = threading.Event()

    def announce(self, status: WorkerStatus) -> None:
        """Tell all workers, soon."""
        self._outbox.put(status)

    def leave(self) -> None:
        """Tell that this worker stops, and end the thread; waits for a broker no longer than 2 s. Blocks."""
        self._outbox.put(None)
        self._over.set()
        self.join(_PARTING_S)

    def run(self) -> None:
        """Write what is announced, read what all write, until `leave`."""
        settings = self._settings
        reader = RosterReader(settings, self._codec)
        # What cannot be delivered now is delivered when the broker is back, in order.
        producer = Producer(
            {
                **settings.kafka(),
                **PARTITIONER,
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "log_level": 0,
            }
        )
        while not self._over.is_set():
            self._write(producer)
            reader.poll(_POLL_S)
            self.roster = reader.roster
        self._write(producer)
        producer.flush(_PARTING_S)
        reader.close()

    def _write(self, producer: Producer) -> None:
        try:
            while True:
                producer.produce(**self._record(self._outbox.get_nowait()))
        except Empty:
            producer.poll(0)

    def _record(self, status: WorkerStatus | None) -> dict[str, Any]:
        topic = self._settings.topic_prefix + TOPIC
        if status is None:
            return {"topic": topic, "key": self._settings.worker_id, "value": None}
        return {
            "topic": topic,
            "key": status.key,
            "value": self._codec.encode(topic, status),
            "headers": headers_of(status, route(status), "throughline/workers", TraceParent.new()),
        }
