"""Faust tables over RocksDB: a `Table` holds one `TablePartition` for each partition assigned to this worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
from mode import Service
from mode.utils.locks import Event as LoopEvent

from pipeline.observe.logs import get_logger
from pipeline.runtime.batch import TP
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.progress import Progress
from pipeline.runtime.recovery import RecoveryStopped, high_watermarks, recover, topic_ids
from pipeline.runtime.store import Memory, Store

log = get_logger(__name__)

_RECOVERIES = 8


def _codec(value_type: Any) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    if value_type is bytes:
        return bytes, bytes
    return msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(value_type).decode


class Table(Service):
    """A keyed table, partitioned as the topics that its agent reads.

    Args:
        name: the table's name; its changelog topic is `changelog.<name>` behind the topic prefix.
        value_type: a msgspec Struct (kept as MessagePack) or `bytes`.
        keep_cached: whether decoded values stay in memory; false for what is written and hardly read.
    """

    def __init__(
        self, app: Any, *, name: str, value_type: Any = bytes, keep_cached: bool = True, **_: Any
    ) -> None:
        super().__init__(beacon=app.tables.beacon)
        self.app = app
        self.name = name
        self.changelog = f"{app.settings.topic_prefix}changelog.{name}"
        self.keep_cached = keep_cached
        self._encode, self._decode = _codec(value_type)
        self.partitions: dict[int, TablePartition[Any]] = {}

    def partition(self, number: int) -> TablePartition[Any]:
        """The states of one partition; a KeyError means that this worker does not own it."""
        return self.partitions[number]

    def open(
        self, number: int, changelog_id: bytes, end: int, stopping: Event, progress: Progress
    ) -> TablePartition[Any]:
        """Open the store of a partition and bring it up to the `end` of its changelog. Blocks.

        Raises RecoveryStopped when `stopping` is set.
        """
        settings = self.app.settings
        store = Store(
            Path(settings.state_dir) / settings.group / settings.worker_id / self.name / str(number),
            self.app.tables.memory,
        )
        if store.moved_aside:
            log.error("table_damaged", table=self.name, partition=number, moved_to=str(store.moved_aside))

        def read(done: int, total: int) -> None:
            progress.read(self.name, number, done, total)

        try:
            if not store.is_of(changelog_id):
                # Its offsets mean nothing in a topic that was created anew, however far that has come.
                log.warning("table_of_another_changelog", table=self.name, partition=number)
                store.clear()
            store.begin(changelog_id)
            progress.finished(recover(settings.kafka(), self.changelog, number, store, end, stopping, read))
        except BaseException:
            store.close()
            raise
        return TablePartition(self.changelog, number, store, self._encode, self._decode, 0)


Opened = list[tuple[Table, TablePartition[Any]]]


class TableManager(Service):
    """Opens, recovers and closes table partitions as this worker gains and loses them.

    Whoever sets `stopping` wants no broker to be waited for any longer.
    """

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app
        self.ready = LoopEvent()
        self.stopping = Event()
        self.memory = Memory(app.settings.block_cache_mb)
        self._tables: dict[str, Table] = {}
        # Its own threads: a commit must never wait for a recovery to leave it one.
        self._recoveries = ThreadPoolExecutor(_RECOVERIES, thread_name_prefix="recovery")

    def add(self, table: Table) -> Table:
        """Register a table (called by `app.Table`)."""
        self._tables[table.name] = table
        return table

    def opened(self) -> list[TablePartition[Any]]:
        """Every table partition that this worker holds."""
        return [partition for table in self._tables.values() for partition in table.partitions.values()]

    async def open(self, stopping: Mapping[int, Event]) -> dict[int, Opened]:
        """Open these partitions of every table, recovered, each unless its event is set meanwhile.

        Returns those that are open, for `adopt`. When one cannot be opened, all are closed again and its error
        is raised.
        """
        loop = asyncio.get_running_loop()
        wanted = [(table, number) for number in sorted(stopping) for table in self._tables.values()]
        ends = await loop.run_in_executor(
            self._recoveries, self._ends, [TP(table.changelog, number) for table, number in wanted]
        )
        ids = await loop.run_in_executor(self._recoveries, self._ids)
        progress = Progress(len(wanted))
        results = await asyncio.gather(
            *(
                loop.run_in_executor(
                    self._recoveries,
                    t.open,
                    n,
                    ids[t.changelog],
                    ends[TP(t.changelog, n)],
                    stopping[n],
                    progress,
                )
                for t, n in wanted
            ),
            return_exceptions=True,
        )
        progress.conclude()
        opened: dict[int, Opened] = {number: [] for number in stopping}
        failures: dict[int, BaseException] = {}
        for (table, number), result in zip(wanted, results, strict=True):
            if isinstance(result, BaseException):
                failures[number] = result
            else:
                opened[number].append((table, result))
        real = [error for error in failures.values() if not isinstance(error, RecoveryStopped)]
        for number in opened if real else failures:
            for _, partition in opened[number]:
                partition.store.close()
        if real:
            raise real[0]
        return {number: found for number, found in opened.items() if number not in failures}

    def _ends(self, changelogs: list[TP]) -> dict[TP, int]:
        return high_watermarks(self.app.settings.kafka(), changelogs, self.stopping)

    def _ids(self) -> dict[str, bytes]:
        changelogs = [table.changelog for table in self._tables.values()]
        return topic_ids(self.app.settings.kafka(), changelogs, self.stopping)

    def adopt(self, opened: Mapping[int, Opened], stopping: Mapping[int, Event]) -> set[int]:
        """Give agents and timers what was opened, close that whose event has been set; returns what they got."""
        for number, found in opened.items():
            for table, partition in found:
                if stopping[number].is_set():
                    partition.store.close()
                else:
                    table.partitions[number] = partition
        self._share_cache()
        return {number for number in opened if not stopping[number].is_set()}

    def close(self, numbers: Iterable[int]) -> None:
        """Close these partitions of every table; what is not committed is dropped."""
        for number in numbers:
            for table in self._tables.values():
                partition = table.partitions.pop(number, None)
                if partition is not None:
                    partition.store.close()
        self._share_cache()

    def _share_cache(self) -> None:
        cached = [table for table in self._tables.values() if table.keep_cached]
        share = self.app.settings.table_cache_entries // max(
            1, sum(len(table.partitions) for table in cached)
        )
        for table in cached:
            for partition in table.partitions.values():
                partition.cache_entries = share

    def forget(self) -> None:
        """Throw away all states that are not committed."""
        for partition in self.opened():
            partition.forget()

    async def on_stop(self) -> None:
        """Close every store; the consumer has stopped the recoveries."""
        self._recoveries.shutdown(wait=False)
        self.close({number for table in self._tables.values() for number in table.partitions})

    # What the stock App calls; the consumer drives opening and closing itself.

    async def wait_until_tables_registered(self) -> None:
        """Tables are registered when they are declared."""

    async def wait_until_recovery_completed(self) -> bool:
        """Wait for the first assignment to be ready; true when the app stops first."""
        return bool(await self.wait_for_stopped(self.ready))

    def on_rebalance_start(self) -> None:
        """Nothing: partitions that stay keep working through a rebalance."""

    def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Nothing: the consumer has closed them."""

    async def on_rebalance(
        self, assigned: set[Any], revoked: set[Any], newly_assigned: set[Any], generation_id: int = 0
    ) -> None:
        """Nothing: the consumer opens partitions before it tells the app."""
