"""Several workers on a real broker: partitions and their states change hands under load."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from counting_app import PARTITIONS, Counting, until, until_true_in_thread

from pipeline.local.broker import Broker
from pipeline.runtime import poller, tables
from pipeline.runtime.poller import Poller

pytestmark = pytest.mark.kafka

ALL = set(range(PARTITIONS))


@pytest.fixture
def counting(broker: Broker, topic_prefix: str, tmp_path: Path) -> Counting:
    return Counting(broker.bootstrap, topic_prefix, tmp_path)


@pytest.fixture(autouse=True)
def short_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members that are silent or stuck are given up after 6 seconds, the least that the broker allows."""
    monkeypatch.setitem(poller._CONSUMER, "session.timeout.ms", 6_000)
    monkeypatch.setitem(poller._CONSUMER, "max.poll.interval.ms", 6_000)


def whole(counting: Counting) -> Callable[[], bool]:
    return lambda: counting.committed() == counting.expected()


def test_partitions_and_states_change_hands_under_load(counting: Counting) -> None:
    async def load(done: asyncio.Event) -> None:
        while not done.is_set():
            await asyncio.to_thread(counting.send_numbers, 500)
            await asyncio.sleep(0.1)

    async def lives() -> None:
        done = asyncio.Event()
        first, second = counting.app("w1"), counting.app("w2")
        async with first.running(), asyncio.TaskGroup() as tasks:
            tasks.create_task(load(done))
            await until(lambda: first.folded > 1_000)
            assert first.owned == ALL
            async with second.running():
                await until(lambda: len(second.owned) == 2 and second.folded > 1_000)
                assert first.owned | second.owned == ALL
                assert not first.owned & second.owned
                kept = first.folded
                await until(lambda: first.folded > kept)
            # The second one has stopped: its partitions come back when its session has run out.
            await until(lambda: first.owned == ALL)
            done.set()
        async with counting.app("w1").running() as again:
            await until_true_in_thread(whole(counting))
            await until(lambda: again.states() == counting.states())
            assert first.app.failed is None
            assert second.app.failed is None

    asyncio.run(lives())


def test_a_worker_that_was_stuck_is_fenced_and_comes_back(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck: set[Poller] = set()
    poll_once = Poller._poll_once

    def may_be_stuck(self: Poller) -> None:
        while self in stuck and not self._stopping.is_set():
            time.sleep(0.05)
        poll_once(self)

    monkeypatch.setattr(Poller, "_poll_once", may_be_stuck)

    async def lives() -> None:
        first, second = counting.app("w1"), counting.app("w2")
        async with first.running():
            counting.send_numbers(1_000)
            await until_true_in_thread(whole(counting))
            async with second.running():
                await until(lambda: len(second.owned) == 2)
                stuck.add(first.app.consumer._poller)
                await until(lambda: second.owned == ALL)
                counting.send_numbers(1_000)
                await until_true_in_thread(whole(counting))
                # It still believes that it owns them: what it commits now must not count.
                lost = min(first.owned)
                async with first.app.consumer.alone:
                    first.counts.partition(lost).put("zombie", next(iter(counting.states().values())))
                    first.app.consumer.checkpoint.emit(f"{counting.prefix}out", b"zombie", b"zombie", [])
                    first.app.consumer.touched()
                await until(lambda: first.app.consumer._commits._aborts > 0 or first.app.failed is not None)
                stuck.clear()
                await until(
                    lambda: len(first.owned) == 2 == len(second.owned) and first.owned != second.owned
                )
                counting.send_numbers(1_000)
                await until_true_in_thread(whole(counting))
                assert first.app.failed is None
                await until(lambda: first.states() | second.states() == counting.states())

    asyncio.run(lives())


def test_a_rebalance_does_not_wait_for_a_recovery(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = threading.Event()
    recover = tables.recover

    def blocked(kafka: Any, topic: str, partition: int, store: Any, *others: Any) -> int:
        stopping = others[1]
        while "w1" in str(store.path) and not let_go.is_set():
            if stopping.wait(0.02):
                raise tables.RecoveryStopped
        return recover(kafka, topic, partition, store, *others)

    monkeypatch.setattr(tables, "recover", blocked)

    async def lives() -> None:
        counting.send_numbers(1_000)
        first, second = counting.app("w1"), counting.app("w2")
        starting = asyncio.create_task(first.app.start())
        try:
            await until(lambda: len(first.app.consumer._coming) == PARTITIONS)
            async with second.running():
                await until(lambda: len(second.owned) == 2 and second.folded > 0)
                assert first.owned == set()
                let_go.set()
                await until(lambda: first.owned == ALL - second.owned)
                await until_true_in_thread(whole(counting))
        finally:
            await starting
            await first.app.stop()

    asyncio.run(lives())
