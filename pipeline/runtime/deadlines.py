"""What must happen at a time, without an event: kept in time order beside the states that it belongs to."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import islice

from pipeline.runtime.partition import TablePartition

WINDOW = 5_000
_DIGITS = 15


class Deadlines:
    """The deadlines of one partition: each key has at most one, its earliest.

    They are rows of a table, `due|key`, so they are committed, recovered and moved with everything else, and the
    order of the table is that of time. Memory holds a window of them: all rows before `_edge`, in a heap. What is
    due at the edge or later is in the table only, and is read, a window at a time, when the heap runs out. So
    neither opening nor a tick costs more than a window, however many deadlines wait. `due` is epoch milliseconds.
    """

    def __init__(self, table: TablePartition[bytes], window: int = WINDOW) -> None:
        self._table = table
        self._window = window
        self._heap: list[str] = []
        # A row that is taken back stays in the heap, where finding it would cost a scan, but not in here.
        self._rows: set[str] = set()
        # Nothing is read yet; None when no row lies beyond the heap.
        self._edge: str | None = ""

    def move(self, key: str, old: int | None, new: int | None) -> None:
        """The deadline of `key` changes from `old` to `new`; None is no deadline."""
        if old == new:
            return
        if old is not None:
            row = _row(old, key)
            self._table.delete(row)
            self._rows.discard(row)
        if new is not None:
            row = _row(new, key)
            self._table.put(row, b"")
            if self._edge is None or row < self._edge:
                self._rows.add(row)
                heappush(self._heap, row)
                if len(self._heap) > 2 * self._window:
                    self._narrow()

    def next_due(self) -> int | None:
        """The earliest deadline; None when there is none."""
        row = self._first()
        return None if row is None else _due(row)

    def take_due(self, now: int, limit: int) -> list[tuple[int, str]]:
        """The earliest deadlines up to `now`, at most `limit`, in time order: when due, and the key.

        Each is to be moved before the next call, which may return it again otherwise.
        """
        taken: list[tuple[int, str]] = []
        while len(taken) < limit and (row := self._first()) is not None and _due(row) <= now:
            self._rows.discard(heappop(self._heap))
            taken.append((_due(row), row[_DIGITS + 1 :]))
        return taken

    def keys_after(self, row: str, limit: int) -> tuple[list[str], str]:
        """The next keys that have a deadline, at most `limit`, after a row of the table ("": from the earliest
        on), and the row of the last one; no keys after the latest.
        """
        rows = list(islice(self._table.keys_from(f"{row}\0" if row else row), limit))
        return [one[_DIGITS + 1 :] for one in rows], rows[-1] if rows else row

    def _first(self) -> str | None:
        while True:
            while self._heap:
                if self._heap[0] in self._rows:
                    return self._heap[0]
                heappop(self._heap)
            if self._edge is None:
                return None
            self._keep(list(islice(self._table.keys_from(self._edge), self._window + 1)), None)

    def _narrow(self) -> None:
        """Drop what was taken back, and the latest rows beyond a window."""
        self._keep(sorted(self._rows), self._edge)

    def _keep(self, rows: list[str], edge: str | None) -> None:
        """Hold the first window of these `rows`, which are all those before `edge`."""
        if len(rows) > self._window:
            edge = rows[self._window]
        self._heap = rows[: self._window]  # in order, so it is a heap
        self._rows = set(self._heap)
        self._edge = edge


def _row(due: int, key: str) -> str:
    return f"{due:0{_DIGITS}d}|{key}"


def _due(row: str) -> int:
    return int(row[:_DIGITS])
