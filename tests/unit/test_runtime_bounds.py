"""What a worker holds in memory is bounded: what is fetched ahead, and what is folded while a commit hangs."""

from __future__ import annotations

import asyncio
from collections import deque
from threading import Event
from typing import Any

from prometheus_client import REGISTRY

from pipeline.runtime.batch import TP
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.committing import _BYTES, _RECORDS, Committing
from pipeline.runtime.horizon import Horizon
from pipeline.runtime.lag import Lag
from pipeline.runtime.poller import Room

WEB, ORDERS = TP("web", 0), TP("orders", 1)
NOW_S = 0.0


def test_there_is_room_for_so_many_batches() -> None:
    room = Room(batches=2, size=100)
    assert [room.enter(10, NOW_S) for _ in range(3)] == [True, True, False]
    room.leave()
    assert room.enter(10, NOW_S)


def test_there_is_room_for_so_many_bytes_but_always_for_one_batch() -> None:
    room = Room(batches=9, size=100)
    assert room.enter(500, NOW_S)
    assert not room.enter(1, NOW_S)
    room.leave()
    assert [room.enter(60, NOW_S), room.enter(41, NOW_S), room.enter(40, NOW_S)] == [True, False, True]


class Broker:
    """As much of a worker around `Committing` as it needs; its transactions hang until `answers` is set."""

    failed = None

    def __init__(self) -> None:
        self.answers = Event()
        self.committed: list[int] = []
        self.settings = self.producer = self.transactions = self.tables = self
        self.checkpoint_interval_ms = 1
        self.group_metadata = None

    def opened(self) -> list[Any]:
        return []

    def begin(self) -> None:
        self.answers.wait()

    def send_offsets(self, offsets: dict[TP, int], _: Any) -> None:
        self.committed.append(offsets[WEB])

    def commit(self) -> dict[TP, int]:
        return {}


async def folded_while_a_commit_hangs(records: int, size: int) -> tuple[list[int], list[int]]:
    """Fold 50 batches, with nothing more fetched after each of them; returns the offsets folded, and committed."""
    broker: Any = Broker()
    commits = Committing(broker, Horizon(lambda: 0, lambda: 0.0), lambda: None)
    commits.poller = broker
    commits.start_at({WEB: 0})
    folded: list[int] = []

    async def pump() -> None:
        for number in range(1, 51):
            folded.append(number * records)
            commits.folded(WEB, number * records, records, size)
            await commits.step(more=False)

    pumping = asyncio.create_task(pump())
    before: deque[int] = deque([-1, 0])
    while before[0] != before[1] and not pumping.done():
        await asyncio.sleep(0.05)
        before.append(len(folded))
        before.popleft()
    held = folded.copy()
    broker.answers.set()
    await pumping
    await commits.all()
    assert broker.committed[-1] == 50 * records
    return held, broker.committed


def test_no_more_records_are_folded_than_one_checkpoint_holds_while_another_hangs() -> None:
    held, committed = asyncio.run(folded_while_a_commit_hangs(_RECORDS // 4, size=1))
    assert committed[0] == _RECORDS // 4
    assert held[-1] == committed[0] + _RECORDS


def test_nor_more_bytes() -> None:
    held, _ = asyncio.run(folded_while_a_commit_hangs(records=1, size=_BYTES // 4))
    assert held[-1] == 1 + 4


def shown(tp: TP) -> float | None:
    labels = {"topic": tp.topic, "partition": str(tp.partition)}
    return REGISTRY.get_sample_value("throughline_lag_records", labels)


def test_lag_counts_what_is_not_committed_up_to_the_high_watermark() -> None:
    lag = Lag()
    lag.show({WEB: 10, ORDERS: 7}, {WEB: 25, ORDERS: 7})
    assert (shown(WEB), shown(ORDERS)) == (15, 0)
    lag.keep({ORDERS.partition})
    assert (shown(WEB), shown(ORDERS)) == (None, 0)
    lag.keep(set())
    assert shown(ORDERS) is None


def test_markers_after_the_last_record_are_no_lag_once_that_is_committed() -> None:
    lag = Lag()
    lag.at_end(WEB, folded_to=20, end=22)
    lag.show({WEB: 19}, {WEB: 22})
    assert shown(WEB) == 3
    lag.show({WEB: 20}, {WEB: 22})
    assert shown(WEB) == 0
    lag.show({WEB: 20}, {WEB: 30})
    assert shown(WEB) == 8
    lag.keep(set())


def test_a_full_checkpoint_is_closed_before_its_interval_is_over() -> None:
    async def life() -> Checkpoint:
        broker: Any = Broker()
        broker.answers.set()
        commits = Committing(broker, Horizon(lambda: 0, lambda: 0.0), lambda: None)
        commits.poller = broker
        commits.start_at({WEB: 0})
        commits.folded(WEB, 1, 1, 1)
        await commits.all()
        broker.checkpoint_interval_ms = 60_000
        commits.folded(WEB, 2, 1, 1)
        await commits.step(more=True)
        assert commits.checkpoint.offsets == {WEB: 2}
        commits.folded(WEB, 2 + _RECORDS, _RECORDS, 1)
        await commits.step(more=True)
        await commits.all()
        assert broker.committed == [1, 2 + _RECORDS]
        return commits.checkpoint

    assert not asyncio.run(life()).offsets
