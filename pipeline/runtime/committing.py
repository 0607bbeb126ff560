"""The committing half of the consumer: when a checkpoint closes, what becomes of it, and the way back."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from pipeline.observe.logs import get_logger
from pipeline.observe.metrics import RUNTIME
from pipeline.runtime.batch import TP, Poisoned
from pipeline.runtime.checkpoint import Checkpoint, Prepared, TransactionAborted
from pipeline.runtime.horizon import Horizon
from pipeline.runtime.lag import Lag
from pipeline.runtime.poller import Poller

log = get_logger(__name__)

# So many transactions in a row are aborted only when it is their content that the broker refuses.
_ABORTS_IN_A_ROW = 10
_AFTER_ABORT_S = 2.0
# What one checkpoint holds at most, whatever the interval, and however long the commit before it takes.
_RECORDS = 10_000
_BYTES = 16 * 1024 * 1024


class Committing:
    """Closes checkpoints and commits them, one at a time, in a thread beside the agents.

    It knows how far every input is committed, so it is also what goes back there. Whoever calls holds the
    consumer's `alone`.

    Attributes:
        checkpoint: the open one, which the agents fold into.
        poller: whom to tell of a way back; None before the subscription.
    """

    def __init__(self, app: Any, horizon: Horizon, wake: Callable[[], None]) -> None:
        self.checkpoint = Checkpoint()
        self.poller: Poller | None = None
        self._app = app
        self._horizon = horizon
        self._lag = Lag()
        self._wake = wake
        self._positions: dict[TP, int] = {}
        self._set_aside: dict[TP, dict[int, str]] = defaultdict(dict)
        self._task: asyncio.Task[None] | None = None
        self._prepared: Prepared | None = None
        self._began = 0.0
        self._bytes = 0
        self._aborts = 0
        self._closed = False

    def start_at(self, positions: Mapping[TP, int]) -> None:
        """These inputs are read from now on, from these offsets."""
        self._positions |= positions
        self._horizon.begin(positions)

    def keep(self, partitions: set[int]) -> None:
        """Only these partitions are still read."""
        self._positions = {tp: at for tp, at in self._positions.items() if tp.partition in partitions}
        self._horizon.keep(partitions)
        self._lag.keep(partitions)

    def folded(self, tp: TP, next_offset: int, records: int, size: int) -> None:
        """A batch of so many records and bytes is folded; reading goes on at `next_offset`."""
        self.checkpoint.read(tp, next_offset, records)
        self._bytes += size

    def at_end(self, tp: TP, end: int) -> None:
        """After what is folded, no record comes before the offset `end`."""
        in_commit = self._prepared.checkpoint.offsets if self._prepared is not None else {}
        folded_to = self.checkpoint.offsets.get(tp) or in_commit.get(tp) or self._positions.get(tp, 0)
        self._lag.at_end(tp, folded_to, end)

    def show_lag(self, high: Mapping[TP, int]) -> None:
        """Tell the metrics how far the commits are behind these high watermarks."""
        self._lag.show(self._positions, high)

    @property
    def aside(self) -> Mapping[TP, Mapping[int, str]]:
        """Offsets of records that are not to be folded, and the errors that they raised."""
        return self._set_aside

    def set_aside(self, poisoned: Poisoned) -> None:
        """Do not fold this record again when it is read again."""
        tp, offset, error = poisoned
        log.error("record_set_aside", topic=tp.topic, partition=tp.partition, offset=offset, error=error)
        self._set_aside[tp][offset] = error

    @property
    def busy(self) -> bool:
        """Whether something folded is not committed yet."""
        return bool(self._task or self.checkpoint.outputs or self.checkpoint.offsets) or any(
            table.dirty for table in self._app.tables.opened()
        )

    async def step(self, more: bool) -> None:
        """Begin a commit when nothing `more` waits to be folded, the checkpoint interval is over, or it is full.

        While a commit runs, a full checkpoint waits for it, and so does whoever would fold more.
        """
        if self._task is not None and self._task.done():
            await self._end()
        full = self._bytes >= _BYTES or self.checkpoint.folded.total() >= _RECORDS
        due = (time.monotonic() - self._began) * 1000 >= self._app.settings.checkpoint_interval_ms
        if more and not (due or full):
            return
        if self._task is not None:
            if not (more or full):
                return  # its end wakes the pump
            await self._end()
        self._begin()

    async def all(self) -> None:
        """Commit everything folded, and wait until it is."""
        await self._end()
        self._begin()
        await self._end()

    async def undo(self) -> None:
        """Forget what is not committed and read it again."""
        await self._end()
        self._roll_back()

    def close(self) -> None:
        """Nothing is committed from here on."""
        self._closed = True

    def _begin(self) -> None:
        if self._app.failed is not None or self._closed:
            return  # an agent may have left its batch half folded: nothing of it may become final
        prepared = self.checkpoint.prepare(self._app.tables.opened())
        self._began = time.monotonic()
        if prepared.empty:
            return
        self._open_another()
        self._prepared = prepared
        fence = dict(list(self._positions.items())[:1])
        self._task = asyncio.create_task(self._commit(prepared, fence))
        self._task.add_done_callback(lambda _: self._wake())

    async def _commit(self, prepared: Prepared, fence: dict[TP, int]) -> None:
        assert self.poller is not None
        with RUNTIME.commit_seconds.time():
            await asyncio.to_thread(
                prepared.commit, self._app.producer.transactions, self.poller.group_metadata, fence
            )

    async def _end(self) -> None:
        """Wait for the commit that runs, if one does; when it was aborted, fold its events again."""
        task, prepared = self._task, self._prepared
        if task is None or prepared is None:
            return
        self._task = self._prepared = None
        try:
            await task
        except TransactionAborted as error:
            RUNTIME.aborts.inc()
            log.warning("transaction_aborted", reason=str(error))
            self._roll_back()
            self._aborts += 1
            if self._aborts == _ABORTS_IN_A_ROW:
                raise
            await asyncio.sleep(min(_AFTER_ABORT_S, 0.01 * 2**self._aborts))
            return
        self._aborts = 0
        prepared.settle()
        for tp, offset in prepared.checkpoint.offsets.items():
            if tp in self._positions:
                self._positions[tp] = offset
            aside = self._set_aside.get(tp)
            if aside and not any(at >= offset for at in aside):
                del self._set_aside[tp]
        RUNTIME.committed(prepared.checkpoint.folded, Counter(o.topic for o in prepared.checkpoint.outputs))

    def _open_another(self) -> None:
        self.checkpoint = Checkpoint()
        self._bytes = 0

    def _roll_back(self) -> None:
        self._open_another()
        self._app.tables.forget()
        self._horizon.begin(self._positions)
        if self.poller is not None:
            self.poller.rewind(self._positions)
        self._app.rolled_back()
