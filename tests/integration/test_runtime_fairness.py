"""What one partition, or the first hop, has too much of does not keep the others waiting for all of it."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from counting_app import LIMIT_S, PARTITIONS, Count, Counting, read_committed, until, until_true_in_thread
from prometheus_client import REGISTRY

from pipeline.local.broker import Broker
from pipeline.runtime.app import App
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka


def lag(topic: str) -> dict[str, float]:
    """What the metrics tell of a topic: partition → records not committed yet."""
    return {
        sample.labels["partition"]: sample.value
        for family in REGISTRY.collect()
        if family.name == "throughline_lag_records"
        for sample in family.samples
        if sample.labels["topic"] == topic
    }


@pytest.fixture
def counting(broker: Broker, topic_prefix: str, tmp_path: Path) -> Counting:
    return Counting(broker.bootstrap, topic_prefix, tmp_path)


def two_keys(counting: Counting) -> tuple[str, str]:
    """Keys of different partitions, each of which has had one record."""
    counting.send((key, "first") for key in "abcdefgh")
    found = read_committed(counting.bootstrap, f"{counting.prefix}in", PARTITIONS)
    partitions = {message.key().decode(): message.partition() for message in found}
    return "a", next(key for key, number in partitions.items() if number != partitions["a"])


def test_a_lonely_event_does_not_wait_for_the_backlog_of_another_partition(counting: Counting) -> None:
    backlog = 60_000

    async def life() -> int:
        busy, lonely = two_keys(counting)
        counting.send((busy, f"{n:0300}") for n in range(backlog))
        worker = counting.app()
        async with worker.running():
            await until(lambda: worker.folded > 0)
            async with worker.app.consumer.alone:
                before = worker.folded
                await asyncio.to_thread(counting.send, [(lonely, "lonely")])
            assert before < backlog // 2, "the backlog was nearly done"
            await until_true_in_thread(lambda: counting.committed() == counting.expected())
        made = read_committed(counting.bootstrap, f"{counting.prefix}out", PARTITIONS)
        [at] = [message.timestamp()[1] for message in made if message.value().endswith(b":lonely")]
        return sum(message.timestamp()[1] <= at for message in made) - before

    assert asyncio.run(life()) < backlog // 2


def test_large_records_are_not_fetched_ahead_without_end(counting: Counting) -> None:
    size, number = 900_000, 150

    async def life() -> int:
        worker = counting.app()
        consumer = worker.app.consumer
        async with worker.running():
            async with consumer.alone:
                await asyncio.to_thread(counting.send, ((f"k{n}", f"{n:0{size}}") for n in range(number)))
                await until(lambda: len(consumer._fetched) > 0)
                await asyncio.sleep(1)  # it fetches ahead what it will
                held = sum(len(message) for fetched in consumer._fetched for message in fetched.messages)
            await until(lambda: worker.folded == number)
        return held

    assert 0 < asyncio.run(life()) < size * number // 3
    assert counting.committed() == counting.expected()


class TwoHops:
    """Eight topics that lead to one, `mid`, which is counted."""

    def __init__(self, bootstrap: str, prefix: str, state_dir: Path) -> None:
        self.topics = [f"{prefix}in{n}" for n in range(8)]
        self.between = self.most_between = self.counted = 0
        names = [*self.topics, f"{prefix}mid", f"{prefix}changelog.counts"]
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for future in admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names]).values():
            future.result()
        # Services send little at a time; large batches would make the inputs take turns by themselves.
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "linger.ms": 5,
                "batch.size": 16_384,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        settings = Settings(
            bootstrap=bootstrap,
            topic_prefix=prefix,
            group=f"{prefix}group",
            worker_id="w1",
            state_dir=state_dir,
        )
        self.app = App(settings, driver_topic=f"{prefix}mid", clock=lambda: time.time_ns() // 1_000_000)
        self.counts: Any = self.app.Table("counts", value_type=Count)

        @self.app.agent(self.app.topic(*self.topics, value_type=bytes), name="first")
        async def first(batches: Any) -> None:
            async for batch in batches:

                def handle(message: Any, batch: Any = batch) -> None:
                    if message.value() == b"poison":
                        raise ValueError("poison")
                    batch.checkpoint.emit(f"{prefix}mid", message.key(), message.value(), [])

                batch.process(handle, lambda *_: None)
                self.between += len(batch)
                self.most_between = max(self.most_between, self.between)

        @self.app.agent(self.app.topic(f"{prefix}mid", value_type=bytes), name="second")
        async def second(batches: Any) -> None:
            async for batch in batches:
                table = self.counts.partition(batch.partition)
                for message in batch:
                    key = message.key().decode()
                    table.put(key, Count((table.get(key) or Count()).records + 1))
                self.between -= len(batch)
                self.counted += len(batch)

    def send(self, records: int, poisoned: int = 0) -> None:
        for n in range(poisoned):
            self._producer.produce(self.topics[n % len(self.topics)], key="poison", value=b"poison")
        for n in range(records):
            topic = self.topics[n % len(self.topics)]
            # What is compressed on one way only would give that way a larger share.
            self._producer.produce(topic, key=f"k{n % 20_000}", value=os.urandom(300))
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await self.app.start()
        try:
            yield
        finally:
            await asyncio.wait_for(self.app.stop(), LIMIT_S)


def test_the_second_hop_keeps_up_with_the_first(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    records = 240_000
    hops = TwoHops(broker.bootstrap, topic_prefix, tmp_path)
    hops.send(records)

    async def life() -> None:
        async with hops.running():
            await until(lambda: hops.counted == records)

    asyncio.run(life())
    assert 0 < hops.most_between < records // 2


def test_a_record_of_the_first_hop_that_raises_while_it_waits_for_the_second_loses_nothing(
    broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    hops = TwoHops(broker.bootstrap, topic_prefix, tmp_path)
    for _ in range(6):
        hops.send(20_000, poisoned=1)

    def counted() -> int:
        return sum(count.records for table in hops.counts.partitions.values() for _, count in table.scan())

    async def life() -> int:
        async with hops.running():
            await until(
                lambda: hops.counted >= 120_000 and not hops.app.consumer.busy and counted() >= 120_000
            )
            return counted()

    assert asyncio.run(life()) == 120_000


def test_lag_is_told_while_the_worker_stands_still_and_until_it_has_caught_up(counting: Counting) -> None:
    topic = f"{counting.prefix}in"

    async def life() -> None:
        worker = counting.app()
        async with worker.running():
            counting.send_numbers(400)
            await until(lambda: len(lag(topic)) == PARTITIONS and worker.folded == 400)
            async with worker.app.consumer.alone:
                await asyncio.to_thread(counting.send_numbers, 600)
                await until(lambda: sum(lag(topic).values()) >= 600)
            await until(lambda: worker.folded == 1_000 and not any(lag(topic).values()))

    asyncio.run(life())
    assert lag(topic) == {}, "of a partition that was given up nothing is told"


def test_a_transaction_marker_is_no_lag(counting: Counting) -> None:
    topic = f"{counting.prefix}in"

    async def life() -> None:
        other = Producer({"bootstrap.servers": counting.bootstrap, "transactional.id": counting.prefix})
        other.init_transactions()
        worker = counting.app()
        async with worker.running():
            other.begin_transaction()
            for number in range(PARTITIONS):
                other.produce(topic, key=b"k", value=b"open", partition=number)
            other.flush()
            await until(lambda: list(lag(topic).values()) == [1] * PARTITIONS)
            await asyncio.to_thread(other.commit_transaction)
            await until(lambda: worker.folded == PARTITIONS and not any(lag(topic).values()))
            other.begin_transaction()
            other.produce(topic, key=b"k", value=b"never", partition=0)
            other.flush()
            await until(lambda: lag(topic)["0"] > 0)
            await asyncio.to_thread(other.abort_transaction)
            await until(lambda: not any(lag(topic).values()))

    asyncio.run(life())
