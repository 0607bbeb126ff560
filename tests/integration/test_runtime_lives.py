"""Lives of one worker on a real broker: whatever ends them, every event counts exactly once."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from threading import Event

import msgspec
import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from counting_app import PARTITIONS, Count, Counting, until, until_true_in_thread

from pipeline.local.broker import Broker
from pipeline.runtime import consumer
from pipeline.runtime.poller import Poller

pytestmark = pytest.mark.kafka


@pytest.fixture
def counting(broker: Broker, topic_prefix: str, tmp_path: Path) -> Counting:
    return Counting(broker.bootstrap, topic_prefix, tmp_path)


async def fold_all(counting: Counting) -> dict[str, Count]:
    """One life until everything sent is committed; returns its states."""
    async with counting.app().running() as worker:
        await until_true_in_thread(lambda: counting.committed() == counting.expected())
    async with counting.app().running() as worker:
        return worker.states()


def test_events_count_once_over_stops_in_the_middle(counting: Counting) -> None:
    async def lives() -> dict[str, Count]:
        counting.send_numbers(20_000)
        folded = 0
        for _ in range(3):
            worker = counting.app()
            async with worker.running():
                await until(lambda worker=worker: worker.folded > 0)
            folded += worker.folded
            assert 0 < worker.folded < 20_000, "the stop did not come in the middle"
        assert sum(map(len, counting.committed().values())) == folded
        return await fold_all(counting)

    assert asyncio.run(lives()) == counting.states()
    assert counting.committed() == counting.expected()


def test_states_come_back_from_the_changelog_when_the_disk_is_lost(counting: Counting) -> None:
    async def lives() -> dict[str, Count]:
        counting.send_numbers(2_000)
        states = await fold_all(counting)
        shutil.rmtree(counting.state_dir)
        async with counting.app().running() as worker:
            assert worker.states() == states
        counting.send_numbers(1_000)
        return await fold_all(counting)

    assert asyncio.run(lives()) == counting.states()
    assert counting.committed() == counting.expected()


def test_states_are_not_kept_when_their_changelog_was_created_anew(counting: Counting) -> None:
    topic = f"{counting.prefix}changelog.counts"
    of_the_new_life = {f"n{n}": Count(n, "new") for n in range(2_000)}

    def create_anew() -> None:
        admin = AdminClient({"bootstrap.servers": counting.bootstrap})
        admin.delete_topics([topic])[topic].result(30)
        admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(30)
        producer = Producer({"bootstrap.servers": counting.bootstrap})
        for key, count in of_the_new_life.items():
            producer.produce(topic, key=key, value=msgspec.msgpack.encode(count))
        assert producer.flush(30) == 0

    async def lives() -> dict[str, Count]:
        counting.send_numbers(500)
        await fold_all(counting)
        # More of them than the store has seen, so that its offsets fit into both.
        await asyncio.to_thread(create_anew)
        async with counting.app().running() as worker:
            return worker.states()

    assert asyncio.run(lives()) == of_the_new_life


def test_what_was_aborted_never_comes_back_from_the_changelog(counting: Counting) -> None:
    async def lives() -> dict[str, Count]:
        counting.send_numbers(500)
        await fold_all(counting)
        other = Producer({"bootstrap.servers": counting.bootstrap, "transactional.id": counting.prefix})
        other.init_transactions()
        other.begin_transaction()
        for number in range(4):
            other.produce(f"{counting.prefix}changelog.counts", key=b"k1", value=b"?", partition=number)
        other.flush()
        other.abort_transaction()
        shutil.rmtree(counting.state_dir)
        return await fold_all(counting)

    assert asyncio.run(lives()) == counting.states()


def test_a_record_that_raises_is_set_aside_and_the_next_one_counts(counting: Counting) -> None:
    async def life() -> dict[str, Count]:
        counting.send([("a", "1"), ("a", "poison"), ("a", "2"), ("b", "poison"), ("b", "poison"), ("b", "1")])
        counting.send_numbers(500)
        counting.send([("a", "poison"), ("a", "3")])
        return await fold_all(counting)

    assert asyncio.run(life()) == counting.states()
    assert counting.committed() == counting.expected()
    dead = {
        key: [text.split(":", 1)[1] for text in texts] for key, texts in counting.committed("dead").items()
    }
    assert dead == {"a": ["ValueError: poison"] * 2, "b": ["ValueError: poison"] * 2}


def test_an_agent_that_raises_stops_the_worker_and_nothing_of_its_batch_is_committed(
    counting: Counting,
) -> None:
    async def lives() -> dict[str, Count]:
        counting.send_numbers(300)
        await fold_all(counting)
        counting.send([("a", "1"), ("a", "fatal"), ("a", "2")])
        worker = counting.app(agent_fails_at="fatal")
        async with worker.running():
            await until(lambda: worker.app.failed is not None)
        assert str(worker.app.failed) == "the agent itself fails"
        assert worker.app.crashed
        assert "fatal" not in str(counting.committed()["a"])
        return await fold_all(counting)

    assert asyncio.run(lives()) == counting.states()
    assert counting.committed() == counting.expected()


def test_a_timer_that_raises_stops_the_worker_and_nothing_of_it_is_committed(counting: Counting) -> None:
    async def life() -> None:
        counting.send_numbers(300)
        worker = counting.app()

        @worker.app.timer(0.05)
        async def fails() -> None:
            async with worker.app.consumer.alone:
                if worker.owned and worker.folded >= 300:
                    worker.counts.partition(min(worker.owned)).put("half done", Count(1, "?"))
                    worker.app.consumer.touched()
                    raise RuntimeError("the timer fails")

        async with worker.running():
            await until(lambda: worker.app.failed is not None)
        assert str(worker.app.failed) == "the timer fails"
        states = await fold_all(counting)
        assert states == counting.states()

    asyncio.run(life())


def ends_are_known(poller: Poller) -> bool:
    try:
        return bool(poller.high_watermarks({0}))
    except KafkaException:
        return False


def test_the_broker_may_be_away_while_a_worker_runs_and_while_it_stops(
    broker: Broker, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "_PARTING_S", 1.0)

    async def lives() -> dict[str, Count]:
        counting.send_numbers(5_000)
        async with counting.app().running() as worker:
            await until(lambda: worker.folded > 0)
            await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
            counting.send_numbers(2_000)
            await until_true_in_thread(
                lambda: worker.app.failed is not None or counting.committed() == counting.expected()
            )
            assert worker.app.failed is None, worker.app.failed
            # As a rebalance and the watch over the lag ask, with clients that knew the broker before.
            poller = worker.app.consumer._poller
            assert poller is not None
            assert await asyncio.to_thread(poller.committed, {0}, Event())
            await until_true_in_thread(lambda: ends_are_known(poller))
            counting.send_numbers(5_000)
            await until(lambda: worker.folded > 7_000)
            await asyncio.to_thread(broker.kill)
        await asyncio.to_thread(broker.start)
        return await fold_all(counting)

    try:
        assert asyncio.run(lives()) == counting.states()
    finally:
        broker.restart()
    assert counting.committed() == counting.expected()
