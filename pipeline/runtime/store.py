"""The state of one table partition on disk: a RocksDB that knows which changelog offset it includes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from pipeline.runtime.batch import Unavailable

FORMAT = b"1"
# State keys are UTF-8 text that never begins with NUL, so these cannot meet one.
_OFFSET = b"\x00offset"
_WRITTEN = b"\x00written"
_FORMAT = b"\x00format"
_CHANGELOG = b"\x00changelog"
# Every life writes a row of its own, and its number with every batch. A RocksDB whose manifest has lost its end
# opens without complaint and without the files that were named there, and so without such a row.
_LIFE = b"\x00life"
_FIRST_KEY = b"\x01"
# A file beside those of RocksDB, made when a damaged block is read: most damage shows no sooner.
_DAMAGED = "DAMAGED"

_MB = 1024 * 1024


class Memory:
    """What the stores of a process may use together, so that it does not grow with the number of partitions.

    `blocks_mb` is for what was read from disk; what is not flushed yet is bounded besides.
    """

    def __init__(self, blocks_mb: int = 256) -> None:
        self.blocks = Cache(blocks_mb * _MB)
        self.write_buffers = WriteBufferManager(128 * _MB, allow_stall=False)


_ORDINARY = Memory()


class StoreError(Unavailable):
    """The directory cannot be used: the message says why and what to do."""


def _row_of(life: int) -> bytes:
    return _LIFE + life.to_bytes(4, "big")


def _options(memory: Memory) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(16 * _MB)
    options.set_write_buffer_manager(memory.write_buffers)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_open_files(256)
    options.set_keep_log_file_num(2)
    table = BlockBasedOptions()
    table.set_block_cache(memory.blocks)
    table.set_bloom_filter(10.0, False)
    table.set_cache_index_and_filter_blocks(True)
    # Every read asks the youngest files first: read again from disk each time, their filters are half of its cost.
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options.set_block_based_table_factory(table)
    return options


class Store:
    """Bytes to bytes, with the changelog offset written in the same batch as the states it covers.

    Every method raises StoreError when the disk fails it, the constructor also when another process uses the
    directory or it holds another format. A directory that is found damaged on opening, or was in its last life,
    is moved aside and the store starts empty, to be rebuilt from the changelog.
    """

    def __init__(self, path: Path, memory: Memory = _ORDINARY) -> None:
        self.path = path
        self._memory = memory
        self.moved_aside: Path | None = None
        self._logged = WriteOptions()
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True
        self._loading = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._open_or_replace()
            found = self.get(_FORMAT)
            if found is None:
                self._db[_FORMAT] = FORMAT
            self._life = self._begin_life()
        except StoreError:
            raise
        except Exception as error:  # RocksDB has no exception of its own
            raise self._broken(error) from error
        if found not in (None, FORMAT):
            self._db.close()
            raise StoreError(
                f"{path} was written by another version (format {found.decode(errors='replace')}, this one reads "
                f"{FORMAT.decode()}); remove it and the table is rebuilt from its changelog"
            )

    def _open_or_replace(self) -> Rdict:
        try:
            return self._open()
        except Exception as error:
            reason = str(error)
            # The two ways in which RocksDB says that another process, or this one, has the directory open.
            if reason.startswith(("IO error: While lock file", "IO error: lock hold by")):
                raise StoreError(
                    f"{self.path} is in use by another process; stop that worker or set THROUGHLINE_STATE_DIR"
                ) from error
            if not reason.startswith(("Corruption", "IO error: No such file")):
                raise
            self.moved_aside = self._move_aside()
            return self._open()

    def _open(self) -> Rdict:
        db = Rdict(str(self.path), options=_options(self._memory))
        try:
            if (self.path / _DAMAGED).exists():
                raise OSError("Corruption was found in it")
            lives = int.from_bytes(db.get(_LIFE) or b"", "big")
            if any(db.get(_row_of(life)) is None for life in range(1, lives + 1)):
                raise OSError("Corruption: rows are missing")
        except Exception:
            db.close()
            raise
        return db

    def _begin_life(self) -> bytes:
        life = int.from_bytes(self.get(_LIFE) or b"", "big") + 1
        self._db[_row_of(life)] = b""
        return life.to_bytes(4, "big")

    def _broken(self, error: Exception) -> StoreError:
        if str(error).startswith("Corruption"):
            with suppress(OSError):
                (self.path / _DAMAGED).touch()
            return StoreError(
                f"{self.path} is damaged ({error}); start the worker again: it moves the directory aside and"
                " rebuilds the table from its changelog"
            )
        return StoreError(
            f"{self.path} cannot be used ({error}); free or repair the disk, or remove the directory and the"
            " table is rebuilt from its changelog"
        )

    def _move_aside(self) -> Path:
        aside = self.path.with_name(self.path.name + ".damaged")
        shutil.rmtree(aside, ignore_errors=True)
        self.path.rename(aside)
        return aside

    @property
    def offset(self) -> int:
        """The next changelog offset that is not yet in the store; 0 for an empty one."""
        return int.from_bytes(self.get(_OFFSET) or b"", "big")

    @property
    def written_at(self) -> int:
        """When it was last written, epoch seconds; 0 for an empty one."""
        return int.from_bytes(self.get(_WRITTEN) or b"", "big")

    def is_of(self, changelog: bytes) -> bool:
        """Whether it was filled from the changelog with this topic id; one never told is taken to be."""
        return self.get(_CHANGELOG) in (None, changelog)

    def begin(self, changelog: bytes) -> None:
        """Note that it is filled from the changelog with this topic id."""
        try:
            self._db[_CHANGELOG] = changelog
        except Exception as error:
            raise self._broken(error) from error

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._broken(error) from error
        return value

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in key order, from `start`, as they are when it begins."""
        try:
            rows = self._db.iter(ReadOptions())
            rows.seek(max(start, _FIRST_KEY))
            while rows.valid():
                yield rows.key(), rows.value()
                rows.next()
            rows.status()  # an iterator that meets a damaged block only ends
        except Exception as error:
            raise self._broken(error) from error

    def scan_back(self, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in reverse key order, from the last up to `end`, as they are when it begins."""
        try:
            rows = self._db.iter(ReadOptions())
            rows.seek_for_prev(end)
            while rows.valid() and rows.key() >= _FIRST_KEY:
                yield rows.key(), rows.value()
                rows.prev()
            rows.status()
        except Exception as error:
            raise self._broken(error) from error

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """Put (or, for None, delete) `changes` and note `offset`, in one atomic batch."""
        if self._loading:
            # RocksDB's log would bring this back after a crash without the loads that came before it.
            self._flush()
        self._apply(changes, offset, self._logged)

    def load(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """As `write`, without RocksDB's log, for what is to be had again: twice as fast for large values.

        A crash may take the last loads away, whole ones and the latest first, so the store is at an earlier offset.
        """
        self._loading = True
        self._apply(changes, offset, self._unlogged)

    def _apply(self, changes: Mapping[bytes, bytes | None], offset: int, how: WriteOptions) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_LIFE, self._life)
        batch.put(_OFFSET, offset.to_bytes(8, "big"))
        batch.put(_WRITTEN, int(time.time()).to_bytes(8, "big"))
        try:
            self._db.write(batch, how)
        except Exception as error:
            raise self._broken(error) from error

    def _flush(self) -> None:
        try:
            self._db.flush()
        except Exception as error:
            raise self._broken(error) from error
        self._loading = False

    def clear(self) -> None:
        """Forget everything: the store starts empty again."""
        self._db.close()
        Rdict.destroy(str(self.path))
        self._db = self._open()
        self._db[_FORMAT] = FORMAT
        self._life = self._begin_life()
        self._loading = False

    def close(self) -> None:
        """Flush and release the directory; what a failing disk does not take is in the changelog."""
        with suppress(Exception):
            self._db.close()
