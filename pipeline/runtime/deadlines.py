"""What must happen at a time, without an event: kept in time order beside the states that it belongs to."""

from __future__ import annotations

import heapq

from pipeline.runtime.partition import TablePartition


class Deadlines:
    """The deadlines of one partition: each key has at most one, its earliest.

    They are rows of a table, `due|key`, so they are committed, recovered and moved with everything else; a heap
    in memory spares the scan at every tick. `due` is epoch milliseconds.
    """

    def __init__(self, table: TablePartition[bytes]) -> None:
        self._table = table
        # Rows come in key order, which is time order: already a heap.
        rows = (row.partition("|") for row, _ in table.scan())
        self._heap = [(int(due), key) for due, _, key in rows]

    def move(self, key: str, old: int | None, new: int | None) -> None:
        """The deadline of `key` changes from `old` to `new`; None is no deadline."""
        if old == new:
            return
        if old is not None:
            self._table.delete(_row(old, key))
        if new is not None:
            self._table.put(_row(new, key), b"")
            heapq.heappush(self._heap, (new, key))

    def next_due(self) -> int | None:
        """The earliest deadline, which may have been moved since; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: int) -> list[str]:
        """Keys that may be due, each once, in time order. Some may have been moved since: ask their state."""
        keys: dict[str, None] = {}
        while self._heap and self._heap[0][0] <= now:
            keys[heapq.heappop(self._heap)[1]] = None
        return list(keys)


def _row(due: int, key: str) -> str:
    return f"{due:015d}|{key}"
