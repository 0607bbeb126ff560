"""A table partition over a store on a real disk: which of the three places a state is read from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from pipeline.runtime.batch import TP
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.deadlines import Deadlines
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "0")
    yield opened
    opened.close()


def table_over(store: Store, entries: int = 100) -> TablePartition[int]:
    decoder = msgspec.msgpack.Decoder(int)
    return TablePartition("changelog", 0, store, msgspec.msgpack.encode, decoder.decode, entries)


def commit(table: TablePartition[int], offset: int) -> None:
    table.store.write(table.swap(), offset)
    table.settle()


def test_a_state_is_read_from_memory_then_from_the_commit_under_way_then_from_disk(store: Store) -> None:
    table = table_over(store, entries=0)
    table.put("a", 1)
    commit(table, 1)
    assert (table.get("a"), store.get(b"a")) == (1, msgspec.msgpack.encode(1))
    table.put("a", 2)
    changes = table.swap()
    table.trim()  # the state itself is gone from memory, its bytes are not on disk yet
    assert table.get("a") == 2
    assert store.get(b"a") == msgspec.msgpack.encode(1)
    table.put("a", 3)
    assert table.get("a") == 3
    store.write(changes, 2)
    table.settle()
    assert table.get("a") == 3


def test_a_deleted_state_is_gone_before_its_tombstone_is_on_disk(store: Store) -> None:
    table = table_over(store, entries=0)
    table.put("a", 1)
    commit(table, 1)
    table.delete("a")
    assert table.get("a") is None
    assert table.swap() == {b"a": None}
    table.trim()
    assert table.get("a") is None
    store.write({b"a": None}, 2)
    table.settle()
    assert table.get("a") is None
    assert list(table.scan()) == []


def test_eviction_never_drops_a_state_that_is_not_committed(store: Store) -> None:
    table = table_over(store, entries=2)
    for number in range(10):
        table.put(f"k{number}", number)
    changes = table.swap()
    table.put("k0", 100)
    store.write(changes, 10)
    table.settle()
    assert table.get("k0") == 100
    assert {key: table.get(key) for key in ("k1", "k9")} == {"k1": 1, "k9": 9}
    assert table.swap() == {b"k0": msgspec.msgpack.encode(100)}


@pytest.mark.parametrize("written", [True, False])
def test_the_cache_stays_within_its_bound_for_what_is_only_read_too(store: Store, written: bool) -> None:
    store.write({b"k%d" % number: msgspec.msgpack.encode(number) for number in range(50)}, 50)
    table = table_over(store, entries=5)
    for number in range(50):
        table.get(f"k{number}")
        table.get(f"absent{number}")
    if written:
        table.put("k0", 0)
    Checkpoint().prepare([table]).settle()
    assert len(table._cache) == 5


def test_looking_sees_what_reading_sees_and_keeps_nothing(store: Store) -> None:
    table = table_over(store)
    for key in "abc":
        table.put(key, 1)
    commit(table, 3)
    table.forget()
    table.put("b", 2)
    table.swap()
    table.trim()
    table.put("c", 3)
    assert [table.peek(key) for key in "abcd"] == [1, 2, 3, None]
    assert "a" not in table._cache and "d" not in table._cache


def test_the_latest_come_from_disk_from_the_commit_and_from_memory_in_one_order(store: Store) -> None:
    table = table_over(store, entries=0)
    keys = ["a|9", "b|1", "b|2", "b|3", "b|4", "b|5", "b|é", "b}", "c|1"]
    for number, key in enumerate(keys):
        table.put(key, number)
    commit(table, 9)
    table.put("b|3", 30)
    table.delete("b|4")
    table.put("b|6", 60)
    table.swap()
    table.trim()
    table.put("b|2", 20)
    table.delete("b|5")
    table.put("b|7", 70)
    assert list(table.latest("b|")) == [6, 70, 60, 30, 20, 1]
    assert list(table.latest("d|")) == []


def test_forgetting_goes_back_to_what_is_on_disk(store: Store) -> None:
    table = table_over(store)
    table.put("a", 1)
    table.put("b", 1)
    commit(table, 2)
    table.put("a", 2)
    table.swap()  # aborted
    table.put("a", 3)
    table.delete("b")
    table.put("c", 3)
    table.forget()
    assert [table.get(key) for key in "abc"] == [1, 1, None]
    assert not table.dirty
    assert table.swap() == {}


def test_a_checkpoint_holds_one_record_for_each_touched_key(store: Store) -> None:
    table = table_over(store)
    for number in range(100):
        table.put("a", number)
    assert table.swap() == {b"a": msgspec.msgpack.encode(99)}
    assert not table.dirty


def test_a_checkpoint_with_nothing_in_it_is_empty(store: Store) -> None:
    table = table_over(store)
    table.get("a")
    assert Checkpoint().prepare([table]).empty
    read = Checkpoint()
    read.read(TP("topic", 0), 7, 7)
    assert not read.prepare([table]).empty


def deadlines_over(store: Store) -> tuple[Deadlines, TablePartition[bytes]]:
    table: TablePartition[bytes] = TablePartition("changelog", 0, store, bytes, bytes, 100)
    return Deadlines(table), table


def test_deadlines_come_up_in_time_order_and_once(store: Store) -> None:
    deadlines, _ = deadlines_over(store)
    for key, due in (("late", 30), ("early", 10), ("middle", 20), ("later", 40)):
        deadlines.move(key, None, due)
    assert deadlines.next_due() == 10
    assert deadlines.take_due(9, 5) == []
    assert deadlines.take_due(30, 2) == [(10, "early"), (20, "middle")]
    for due, key in ((10, "early"), (20, "middle")):
        deadlines.move(key, due, None)
    assert deadlines.take_due(30, 5) == [(30, "late")]
    deadlines.move("late", 30, None)
    assert deadlines.take_due(30, 5) == []
    assert deadlines.next_due() == 40


def test_a_moved_deadline_comes_up_at_its_new_time_and_after_a_restart(store: Store) -> None:
    deadlines, table = deadlines_over(store)
    deadlines.move("a|b", None, 10)
    deadlines.move("gone", None, 10)
    deadlines.move("a|b", 10, 20)
    deadlines.move("gone", 10, None)
    store.write(table.swap(), 1)
    table.settle()
    again, _ = deadlines_over(store)
    assert again.take_due(19, 5) == []
    assert again.take_due(20, 5) == [(20, "a|b")]


def test_rows_sort_as_their_times_do(store: Store) -> None:
    deadlines, table = deadlines_over(store)
    for due in (9, 10, 1_700_000_000_000, 99):
        deadlines.move(f"k{due}", None, due)
    store.write(table.swap(), 1)
    table.settle()
    again, _ = deadlines_over(store)
    taken = again.take_due(2_000_000_000_000, 5)
    assert [key for _, key in taken] == ["k9", "k10", "k99", "k1700000000000"]


def test_taking_a_deadline_is_undone_by_a_rollback(store: Store) -> None:
    deadlines, table = deadlines_over(store)
    deadlines.move("a", None, 10)
    store.write(table.swap(), 1)
    table.settle()
    assert deadlines.take_due(10, 5) == [(10, "a")]
    deadlines.move("a", 10, 50)
    table.forget()
    deadlines = Deadlines(table)
    assert deadlines.take_due(10, 5) == [(10, "a")]
