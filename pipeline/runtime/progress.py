"""How far the recoveries of a worker are, for whoever reads its log."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from threading import Lock

from pipeline.observe.logs import get_logger

log = get_logger(__name__)

_EVERY_S = 1.0


class Progress:
    """The recoveries of one assignment, which run in several threads: one line a second for all of them.

    They are counted in offsets, of which compaction and transactions leave some without a record. `recoveries` is
    how many there will be.
    """

    def __init__(self, recoveries: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._recoveries = recoveries
        self._monotonic = monotonic
        self._began = self._told = monotonic()
        self._partitions: dict[tuple[str, int], tuple[int, int]] = {}
        self._records = 0
        self._finished = 0
        self._lock = Lock()

    def read(self, table: str, number: int, done: int, total: int) -> None:
        """The recovery of a table partition has read `done` of `total` offsets."""
        with self._lock:
            self._partitions[table, number] = (done, total)
            now = self._monotonic()
            if now - self._told < _EVERY_S:
                return
            self._told = now
            partitions, unfinished = dict(self._partitions), self._recoveries - self._finished
        done, total = (sum(column) for column in zip(*partitions.values(), strict=True))
        log.info(
            "tables_recovering",
            done=done,
            total=total,
            per_second=round(done / (now - self._began)),
            tables=_by_table(partitions),
            unfinished=unfinished,
        )

    def finished(self, records: int) -> None:
        """A recovery is over, after reading so many records."""
        with self._lock:
            self._records += records
            self._finished += 1

    def conclude(self) -> None:
        """All recoveries are over: say what they read, if anything."""
        seconds = self._monotonic() - self._began
        if self._records:
            per_second = round(self._records / seconds)
            log.info(
                "tables_recovered", records=self._records, seconds=round(seconds, 2), per_second=per_second
            )


def _by_table(partitions: Mapping[tuple[str, int], tuple[int, int]]) -> str:
    done: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for (table, _), (read, whole) in partitions.items():
        done[table] += read
        total[table] += whole
    return ", ".join(f"{table} {100 * done[table] // total[table]} %" for table in sorted(total))
