"""The store of one table partition, on a real disk."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.runtime import store as module
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.store import Store, StoreError


def test_states_and_offset_survive_together(tmp_path: Path) -> None:
    store = Store(tmp_path / "table" / "0")
    assert (store.offset, store.written_at, store.moved_aside) == (0, 0, None)
    store.write({b"a": b"1", b"b": b"2"}, 5)
    store.write({b"a": None, b"c": b""}, 2**40)
    store.close()
    again = Store(tmp_path / "table" / "0")
    assert again.offset == 2**40
    assert again.written_at > 1_700_000_000
    assert [again.get(key) for key in (b"a", b"b", b"c")] == [None, b"2", b""]
    assert list(again.scan()) == [(b"b", b"2"), (b"c", b"")]
    assert list(again.scan(b"c")) == [(b"c", b"")]
    again.close()


def test_a_failed_write_leaves_states_and_offset_as_they_were(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    store.write({b"a": b"1"}, 1)
    with pytest.raises(OverflowError):
        store.write({b"a": b"2"}, 2**64)
    assert (store.offset, store.get(b"a")) == (1, b"1")
    store.close()


def test_a_store_knows_which_changelog_it_was_filled_from(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    assert store.is_of(b"one")
    store.begin(b"one")
    assert (store.is_of(b"one"), store.is_of(b"another")) == (True, False)
    store.clear()
    assert store.is_of(b"another")
    store.close()


def test_a_cleared_store_is_empty_and_goes_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    store.write({b"a": b"1"}, 9)
    store.clear()
    assert (store.offset, list(store.scan())) == (0, [])
    store.write({b"b": b"2"}, 3)
    store.close()
    again = Store(tmp_path / "0")
    assert (again.offset, list(again.scan())) == (3, [(b"b", b"2")])
    again.close()


def only(directory: Path, pattern: str) -> Path:
    return next(directory.glob(pattern))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda d: (d / "CURRENT").write_bytes(b"?"), id="CURRENT overwritten"),
        pytest.param(lambda d: (d / "CURRENT").unlink(), id="CURRENT gone"),
        pytest.param(lambda d: only(d, "MANIFEST-*").unlink(), id="manifest gone"),
        pytest.param(lambda d: only(d, "MANIFEST-*").write_bytes(b"?" * 50), id="manifest overwritten"),
        pytest.param(lambda d: only(d, "*.sst").unlink(), id="table file gone"),
        pytest.param(lambda d: only(d, "*.sst").write_bytes(b"?" * 50), id="table file overwritten"),
    ],
)
def test_a_damaged_directory_is_moved_aside_and_the_store_starts_empty(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    path = tmp_path / "0"
    for _ in range(2):  # opening again writes the log out as a table file
        store = Store(path)
        store.write({b"a": b"1"}, 5)
        store.close()
    damage(path)
    store = Store(path)
    assert store.moved_aside == tmp_path / "0.damaged"
    assert any(store.moved_aside.iterdir())
    assert (store.offset, list(store.scan())) == (0, [])
    store.write({b"b": b"2"}, 1)
    store.close()
    again = Store(path)
    assert (again.moved_aside, again.get(b"b")) == (None, b"2")
    again.close()


def test_damage_found_while_reading_is_nobodys_record(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    store.close()
    with pytest.raises(StoreError, match=r"cannot be used .*remove the directory") as refused:
        store.get(b"a")
    assert isinstance(refused.value, Unavailable)
    with pytest.raises(StoreError):
        store.write({b"a": b"1"}, 1)


@pytest.mark.parametrize("name", ["0", "lock-holder"])
def test_a_directory_in_use_is_refused_in_one_line_and_not_touched(tmp_path: Path, name: str) -> None:
    held = Store(tmp_path / name)
    held.write({b"a": b"1"}, 1)
    program = (
        "import sys; from pathlib import Path; from pipeline.runtime.store import Store, StoreError\n"
        "try: Store(Path(sys.argv[1]))\n"
        "except StoreError as error: print(error)\n"
    )
    other = subprocess.run(
        [sys.executable, "-c", program, str(held.path)], capture_output=True, text=True, check=True
    )
    assert other.stdout == (
        f"{held.path} is in use by another process; stop that worker or set THROUGHLINE_STATE_DIR\n"
    )
    with pytest.raises(StoreError, match="is in use"):
        Store(held.path)
    held.write({b"b": b"2"}, 2)
    held.close()
    again = Store(tmp_path / name)
    assert (again.moved_aside, again.offset) == (None, 2)
    again.close()


def test_another_format_is_refused_in_one_line_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "0")
    store.write({b"a": b"1"}, 1)
    store.close()
    monkeypatch.setattr(module, "FORMAT", b"2")
    with pytest.raises(StoreError) as refused:
        Store(tmp_path / "0")
    assert str(refused.value) == (
        f"{tmp_path / '0'} was written by another version (format 1, this one reads 2);"
        " remove it and the table is rebuilt from its changelog"
    )
    monkeypatch.undo()
    again = Store(tmp_path / "0")
    assert again.get(b"a") == b"1"
    again.close()


def test_a_path_that_is_no_directory_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("a file")
    with pytest.raises(StoreError, match="cannot be used") as refused:
        Store(tmp_path / "0")
    assert "\n" not in str(refused.value)
    assert (tmp_path / "0").read_text() == "a file"


def flip_a_bit_in_the_middle(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 3] ^= 1
    path.write_bytes(raw)


@pytest.mark.parametrize(
    "read",
    [
        pytest.param(lambda store: [store.get(b"%05d" % n) for n in range(5_000)], id="get"),
        pytest.param(lambda store: list(store.scan()), id="scan"),
    ],
)
def test_a_damaged_block_is_told_when_it_is_read_and_the_next_life_starts_empty(
    tmp_path: Path, read: Callable[[Store], object]
) -> None:
    path = tmp_path / "0"
    store = Store(path)
    rows = random.Random(1)
    store.write({b"%05d" % n: rows.randbytes(100) for n in range(5_000)}, 5_000)
    store.close()
    Store(path).close()  # opening again writes the log out as a table file
    flip_a_bit_in_the_middle(max(path.glob("*.sst"), key=lambda file: file.stat().st_size))
    damaged = Store(path)
    assert damaged.moved_aside is None
    with pytest.raises(StoreError, match=r"is damaged .*start the worker again"):
        read(damaged)
    damaged.close()
    again = Store(path)
    assert again.moved_aside == tmp_path / "0.damaged"
    assert (again.offset, list(again.scan())) == (0, [])
    again.close()


KILLED_WHILE_IT_LOADS = """
import os, signal, sys
from pathlib import Path
from pipeline.runtime.store import Store

store, row, written = Store(Path(sys.argv[1])), b"x" * 10_000, int(sys.argv[2])
for n in range(8_000):
    (store.write if n == written else store.load)({b"%05d" % n: row}, n + 1)
    if n == max(written, 7_999):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(
    "written", [pytest.param(-1, id="loads only"), pytest.param(7_999, id="a write ends them")]
)
def test_a_kill_takes_only_the_last_loads_and_none_before_a_write(tmp_path: Path, written: int) -> None:
    program = [sys.executable, "-c", KILLED_WHILE_IT_LOADS, str(tmp_path / "0"), str(written)]
    killed = subprocess.run(program, check=False, capture_output=True, text=True)
    assert (killed.returncode, killed.stderr) == (-signal.SIGKILL, "")
    store = Store(tmp_path / "0")
    # 80 MB are more than RocksDB holds back, so a part of them is on disk.
    assert 0 < store.offset < 8_000 if written < 0 else store.offset == 8_000
    assert [key for key, _ in store.scan()] == [b"%05d" % n for n in range(store.offset)]
    store.close()


def test_what_was_loaded_is_there_after_an_orderly_end(tmp_path: Path) -> None:
    store = Store(tmp_path / "0")
    store.load({b"a": b"1"}, 1)
    store.close()
    again = Store(tmp_path / "0")
    assert (again.offset, again.get(b"a")) == (1, b"1")
    again.close()


@pytest.mark.parametrize("by", ["load", "write"])
def test_a_manifest_that_lost_its_end_leaves_no_rows_out(tmp_path: Path, by: str) -> None:
    store = Store(tmp_path / "whole")
    getattr(store, by)({b"a%03d" % n: b"1" for n in range(100)}, 100)
    store._db.flush()
    store.write({b"b": b"2"}, 101)
    manifest = only(store.path, "MANIFEST-*")
    opened = []
    for size in range(0, manifest.stat().st_size, 8):
        spoilt = tmp_path / str(size) / "0"
        shutil.copytree(store.path, spoilt)
        os.truncate(spoilt / manifest.name, size)
        found = Store(spoilt)
        opened.append((found.offset, len(list(found.scan()))))
        found.close()
    store.close()
    assert set(opened) == {(0, 0), (101, 101)}
