"""Deadlines come up exactly when they are due, in time order, wherever the windows in memory fall."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from test_runtime_states import Memory

from pipeline.runtime.deadlines import Deadlines
from pipeline.runtime.partition import Changes, TablePartition
from pipeline.runtime.store import Store

KEYS = st.sampled_from([*"abcdefgh", "ä", "x|y", ""])
TIMES = st.integers(0, 20)


class Waiting(RuleBasedStateMachine):
    @initialize(window=st.integers(1, 4))
    def open(self, window: int) -> None:
        self.window = window
        self.store = Memory()
        self.table: TablePartition[bytes] = TablePartition("c", 0, self.store, bytes, bytes, 0)
        self.now: dict[str, int] = {}
        self.closed: dict[str, int] | None = None
        self.committed: dict[str, int] = {}
        self.changes: Changes = {}
        self.read_again()

    def read_again(self) -> None:
        self.deadlines = Deadlines(self.table, self.window)

    @rule(key=KEYS, due=st.none() | TIMES)
    def move(self, key: str, due: int | None) -> None:
        self.deadlines.move(key, self.now.pop(key, None), due)
        if due is not None:
            self.now[key] = due

    @rule(now=TIMES, limit=st.integers(1, 5), later=st.none() | st.integers(1, 20))
    def fire(self, now: int, limit: int, later: int | None) -> None:
        expected = sorted((due, key) for key, due in self.now.items() if due <= now)[:limit]
        assert self.deadlines.take_due(now, limit) == expected
        for due, key in expected:
            self.move(key, None if later is None else due + later)

    @rule(limit=st.integers(1, 5))
    def look_through(self, limit: int) -> None:
        """Every key that waits comes once, in time order, whatever is not on disk yet."""
        found: list[str] = []
        keys, row = self.deadlines.keys_after("", limit)
        while keys:
            assert len(keys) <= limit
            found += keys
            keys, row = self.deadlines.keys_after(row, limit)
        assert found == [key for _, key in sorted((due, key) for key, due in self.now.items())]

    @precondition(lambda self: self.closed is None)
    @rule()
    def close(self) -> None:
        self.changes = self.table.swap()
        self.closed = dict(self.now)

    @precondition(lambda self: self.closed is not None)
    @rule()
    def write(self) -> None:
        """On disk, and not settled yet: the commit runs beside the agents."""
        self.store.write(self.changes, self.store.offset + 1)

    @precondition(lambda self: self.closed is not None)
    @rule()
    def commit(self) -> None:
        assert self.closed is not None
        self.write()
        self.table.settle()
        self.committed, self.closed = self.closed, None

    @precondition(lambda self: self.closed is None)
    @rule()
    def roll_back(self) -> None:
        self.table.forget()
        self.now = dict(self.committed)
        self.read_again()

    @invariant()
    def the_next_one_is_known(self) -> None:
        assert self.deadlines.next_due() == min(self.now.values(), default=None)

    @invariant()
    def memory_holds_no_more_than_two_windows(self) -> None:
        assert len(self.deadlines._heap) <= 2 * self.window


TestWaiting = Waiting.TestCase
TestWaiting.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


class Counting(Store):
    """A store that counts the rows that are read from it."""

    rows = 0

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        for row in super().scan(start):
            self.rows += 1
            yield row


def test_neither_opening_nor_a_tick_reads_more_than_a_window(tmp_path: Path) -> None:
    store = Counting(tmp_path / "0")
    store.write({b"%015d|key" % due: b"" for due in range(100_000)}, 1)
    table: TablePartition[bytes] = TablePartition("c", 0, store, bytes, bytes, 0)
    window = 100
    deadlines = Deadlines(table, window)
    assert store.rows == 0
    for tick in range(10):
        assert deadlines.take_due(tick, 1_000) == [(tick, "key")]
        deadlines.move("key", tick, 200_000 + tick)
    assert store.rows <= window + 1
    for due, key in deadlines.take_due(1_009, 1_000):
        deadlines.move(key, due, None)
    assert deadlines.next_due() == 1_010
    assert store.rows <= 12 * (window + 1)
    store.close()


def test_deleted_rows_do_not_pile_up_in_memory(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    table: TablePartition[bytes] = TablePartition("c", 0, store, bytes, bytes, 0)
    deadlines = Deadlines(table, 10)
    for due in range(500):
        deadlines.move("key", due - 1 if due else None, due)
        if due % 50 == 49:
            store.write(table.swap(), due)
            table.settle()
    assert (len(table._cache), len(deadlines._heap) <= 20) == (0, True)
    assert list(table.scan()) == [(f"{499:015d}|key", b"")]
    store.close()
