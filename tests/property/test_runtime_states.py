"""A table partition behaves as a dict whose uncommitted changes can be thrown away, whatever it evicts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pipeline.runtime.partition import Changes, TablePartition

KEYS = st.sampled_from(["a", "b", "c", "ä", "x|y"])


class Memory:
    """A store in memory (`StoreT`)."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.offset = 0
        self.written_at = 0

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(row for row in self.rows.items() if row[0] >= start))

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        for key, value in changes.items():
            self.rows.pop(key, None)
            if value is not None:
                self.rows[key] = value
        self.offset = offset

    def clear(self) -> None:
        self.rows.clear()

    def close(self) -> None:
        """Nothing is held open."""


class Table(RuleBasedStateMachine):
    @initialize(entries=st.integers(0, 6))
    def open(self, entries: int) -> None:
        self.store = Memory()
        decoder = msgspec.msgpack.Decoder(list[int])
        self.table = TablePartition("c", 0, self.store, msgspec.msgpack.encode, decoder.decode, entries)
        self.now: dict[str, list[int]] = {}
        self.closed: dict[str, list[int]] | None = None
        self.committed: dict[str, list[int]] = {}
        self.changes: Changes = {}

    @rule(key=KEYS, value=st.integers(-1000, 1000))
    def change(self, key: str, value: int) -> None:
        state = self.table.get(key) or []
        state.append(value)
        self.table.put(key, state)
        self.now[key] = [*self.now.get(key, []), value]

    @rule(key=KEYS)
    def delete(self, key: str) -> None:
        self.table.delete(key)
        self.now.pop(key, None)

    @rule()
    def trim(self) -> None:
        self.table.trim()

    @precondition(lambda self: self.closed is None)
    @rule()
    def close(self) -> None:
        self.changes = self.table.swap()
        self.closed = dict(self.now)

    @precondition(lambda self: self.closed is not None)
    @rule()
    def commit(self) -> None:
        assert self.closed is not None
        self.store.write(self.changes, self.store.offset + 1)
        self.table.settle()
        self.committed, self.closed = self.closed, None

    @rule()
    def roll_back(self) -> None:
        self.table.forget()
        self.now, self.closed = dict(self.committed), None

    @invariant()
    def reads_what_was_put_last(self) -> None:
        for key in ("a", "b", "c", "ä", "x|y"):
            assert self.table.get(key) == self.now.get(key)

    @invariant()
    def keys_are_those_that_have_a_state_in_order(self) -> None:
        for start in ("", "b", "x|y"):
            assert list(self.table.keys_from(start)) == sorted(key for key in self.now if key >= start)

    @invariant()
    def disk_holds_what_was_committed(self) -> None:
        assert dict(self.table.scan()) == self.committed


TestTable = Table.TestCase
TestTable.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
