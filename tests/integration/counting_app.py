"""A tiny app on the real runtime, for the tests of the runtime: it counts the records of every key."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.runtime.app import App
from pipeline.runtime.producer import PARTITIONER
from pipeline.settings import Settings

PARTITIONS = 4
# Against a hang alone: a broker that is restarted on a busy machine takes most of a minute until all is had again.
LIMIT_S = 150


class Count(msgspec.Struct):
    """How many records a key has had, and the last one."""

    records: int = 0
    last: str = ""


class Counting:
    """Topics `in`, `out`, `dead` and `changelog.counts` under a prefix, and what is known of them.

    The agent emits `<count>:<value>` for every record; the value `poison` raises, after the state was changed
    and something was emitted.
    """

    def __init__(self, bootstrap: str, prefix: str, state_dir: Path) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.state_dir = state_dir
        self.sent: dict[str, list[str]] = defaultdict(list)
        compacted = {"cleanup.policy": "compact"}
        topics = [NewTopic(prefix + name, PARTITIONS, 1) for name in ("in", "out", "dead")]
        topics.append(NewTopic(f"{prefix}changelog.counts", PARTITIONS, 1, config=compacted))
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in admin.create_topics(topics).values():
            future.result()
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, **PARTITIONER})

    def send(self, records: Iterable[tuple[str, str]]) -> None:
        """Publish keys and values and wait until they are there."""
        for key, value in records:
            self.sent[key].append(value)
            self._producer.produce(f"{self.prefix}in", key=key, value=value)
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def send_numbers(self, count: int, keys: int = 50) -> None:
        """Publish `count` different records of `keys` keys."""
        start = sum(map(len, self.sent.values()))
        self.send((f"k{n % keys}", f"v{n}") for n in range(start, start + count))

    def app(self, worker_id: str = "w1", agent_fails_at: str = "") -> Worker:
        """A worker that is not started yet; its agent raises at the value `agent_fails_at`."""
        settings = Settings(
            bootstrap=self.bootstrap,
            topic_prefix=self.prefix,
            group=f"{self.prefix}group",
            worker_id=worker_id,
            state_dir=self.state_dir,
            checkpoint_interval_ms=20,
        )
        return Worker(settings, agent_fails_at)

    def committed(self, topic: str = "out") -> dict[str, list[str]]:
        """What a reader of committed records finds in a topic, by key, in order."""
        found: dict[str, list[str]] = defaultdict(list)
        for message in read_committed(self.bootstrap, f"{self.prefix}{topic}", PARTITIONS):
            found[message.key().decode()].append(message.value().decode())
        return found

    def expected(self) -> dict[str, list[str]]:
        """What `out` must hold once everything sent is folded, each exactly once."""
        counted = {key: [v for v in values if v != "poison"] for key, values in self.sent.items()}
        return {
            key: [f"{n}:{value}" for n, value in enumerate(values, 1)]
            for key, values in counted.items()
            if values
        }

    def states(self) -> dict[str, Count]:
        """What the table must hold once everything sent is folded."""
        ends = {key: values[-1].split(":", 1) for key, values in self.expected().items()}
        return {key: Count(int(count), last) for key, (count, last) in ends.items()}


class Worker:
    """One life of a worker of the counting app."""

    def __init__(self, settings: Settings, agent_fails_at: str) -> None:
        prefix = settings.topic_prefix
        self.app = App(settings, driver_topic=f"{prefix}in", clock=lambda: time.time_ns() // 1_000_000)
        self.counts: Any = self.app.Table("counts", value_type=Count)
        self.folded = 0
        topic = self.app.topic(f"{prefix}in", value_type=bytes)

        @self.app.agent(topic)
        async def count(batches: Any) -> None:
            async for batch in batches:
                table = self.counts.partition(batch.partition)

                def handle(message: Any, batch: Any = batch, table: Any = table) -> None:
                    key, value = message.key().decode(), message.value().decode()
                    state = table.get(key) or Count()
                    state.records += 1
                    state.last = value
                    table.put(key, state)
                    emit = f"{state.records}:{value}".encode()
                    batch.checkpoint.emit(f"{prefix}out", message.key(), emit, [])
                    if value == "poison":
                        raise ValueError("poison")
                    self.folded += 1

                def refuse(message: Any, error: str, batch: Any = batch) -> None:
                    text = f"{message.offset()}:{error}".encode()
                    batch.checkpoint.emit(f"{prefix}dead", message.key(), text, [])

                batch.process(handle, refuse)
                if agent_fails_at.encode() in [message.value() for message in batch]:
                    raise RuntimeError("the agent itself fails")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Worker]:
        """Started and ready; stopped in the end, with no thread left behind."""
        before = set(threading.enumerate())
        await self.app.start()
        try:
            await asyncio.wait_for(self.app.tables.ready.wait(), LIMIT_S)
            yield self
        finally:
            await asyncio.wait_for(self.app.stop(), LIMIT_S)
        left = {t.name for t in set(threading.enumerate()) - before if t.name in ("poller", "committing")}
        assert not left, left

    @property
    def owned(self) -> set[int]:
        """The partitions whose states this worker holds."""
        return set(self.counts.partitions)

    def states(self) -> dict[str, Count]:
        """Every state that this worker has committed to its disk."""
        return {key: value for table in self.counts.partitions.values() for key, value in table.scan()}


async def until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; raises TimeoutError when it does not come true."""
    async with asyncio.timeout(LIMIT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def until_true_in_thread(condition: Callable[[], bool]) -> None:
    """As `until`, for a condition that blocks."""
    async with asyncio.timeout(LIMIT_S):
        while not await asyncio.to_thread(condition):
            await asyncio.sleep(0.1)


def read_committed(bootstrap: str, topic: str, partitions: int) -> list[Any]:
    """Every committed record of a topic, in order within a partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "reader-in-tests",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    found: list[Any] = []
    at_end: set[int | None] = set()
    deadline = time.monotonic() + LIMIT_S
    try:
        while len(at_end) < partitions:
            assert time.monotonic() < deadline, f"{topic} cannot be read to its end"
            for message in consumer.consume(1000, 0.02):
                if message.error() is None:
                    found.append(message)
                else:
                    at_end.add(message.partition())
    finally:
        consumer.close()
    return found
