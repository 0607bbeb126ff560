"""The write-behind state of one table partition: decoded states in memory over a store on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from heapq import merge
from itertools import islice, takewhile
from operator import itemgetter
from typing import Generic, Protocol, TypeVar

V = TypeVar("V")
Changes = dict[bytes, bytes | None]
_key = itemgetter(0)


class StoreT(Protocol):
    """What a table partition asks of its disk (`pipeline.runtime.store.Store`)."""

    @property
    def offset(self) -> int:
        """The next changelog offset that is not yet in the store."""

    def get(self, key: bytes) -> bytes | None:
        """The value of `key`, or None."""

    def scan(self, start: bytes = ...) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in key order, from `start`."""

    def scan_back(self, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys and values in reverse key order, from the last up to `end`."""

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        """Apply `changes` and note `offset`, atomically."""

    def close(self) -> None:
        """Release the directory."""


class TablePartition(Generic[V]):
    """Keyed states of one partition, as an agent sees them.

    A state read is the state itself, not a copy: after changing it, `put` it. States live in three places,
    newest first: decoded in memory (of those that are not being changed no more than `cache_entries`, which may be
    set at any time); encoded in the checkpoint that is being committed; on disk. The store is
    written only with what a committed transaction holds, so `forget` can always go back to it.
    """

    def __init__(
        self,
        changelog: str,
        number: int,
        store: StoreT,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        cache_entries: int,
    ) -> None:
        self.changelog = changelog
        self.number = number
        self.store = store
        self.changelog_offset = store.offset
        self._encode = encode
        self._decode = decode
        self.cache_entries = cache_entries
        self._cache: dict[str, V | None] = {}
        self._dirty: set[str] = set()
        self._committing: Changes = {}

    def get(self, key: str) -> V | None:
        """The state of `key`, or None."""
        try:
            return self._cache[key]
        except KeyError:
            pass
        value = self._cache[key] = self._kept(key)
        return value

    def peek(self, key: str) -> V | None:
        """As `get`, for who only looks: what is not in memory stays out of it."""
        return self._cache[key] if key in self._cache else self._kept(key)

    def _kept(self, key: str) -> V | None:
        raw_key = key.encode()
        raw = self._committing[raw_key] if raw_key in self._committing else self.store.get(raw_key)
        return None if raw is None else self._decode(raw)

    def put(self, key: str, value: V) -> None:
        """Make `value` the state of `key`; call it again after every change."""
        self._cache[key] = value
        self._dirty.add(key)

    def delete(self, key: str) -> None:
        """Remove `key`: a tombstone in the changelog."""
        self._cache[key] = None
        self._dirty.add(key)

    @property
    def dirty(self) -> bool:
        """Whether anything changed since the last `swap`."""
        return bool(self._dirty)

    def scan(self, start: str = "") -> Iterator[tuple[str, V]]:
        """What is on disk, in key order from `start`: complete only while nothing is dirty or committing."""
        for key, raw in self.store.scan(start.encode()):
            yield key.decode(), self._decode(raw)

    def keys_from(self, start: str) -> Iterator[str]:
        """Keys that have a state, committed or not, in order from `start`; change nothing while it runs."""
        changed = {key.decode(): raw is not None for key, raw in self._committing.items()}
        changed |= {key: self._cache[key] is not None for key in self._dirty}
        here = sorted(key for key, present in changed.items() if present and key >= start)
        on_disk = (raw_key.decode() for raw_key, _ in self.store.scan(start.encode()))
        # Text and its UTF-8 sort alike.
        return merge(here, (key for key in on_disk if key not in changed))

    def latest(self, prefix: str) -> Iterator[V]:
        """States whose keys begin with `prefix`, committed or not, the last first; change nothing while it runs."""
        start = prefix.encode()
        changed = {
            key.decode(): None if raw is None else self._decode(raw)
            for key, raw in self._committing.items()
            if key.startswith(start)
        }
        changed |= {key: self._cache[key] for key in self._dirty if key.startswith(prefix)}
        here = sorted((item for item in changed.items() if item[1] is not None), key=_key, reverse=True)
        # No UTF-8 text has this byte, so that all that begin with the prefix come before.
        rows = takewhile(lambda row: row[0].startswith(start), self.store.scan_back(start + b"\xff"))
        on_disk = ((raw_key.decode(), self._decode(raw)) for raw_key, raw in rows)
        older = (row for row in on_disk if row[0] not in changed)
        for _, value in merge(here, older, key=_key, reverse=True):
            if value is not None:
                yield value

    def swap(self) -> Changes:
        """Encode what changed, for a checkpoint that starts to commit; what changes next is the next one's."""
        assert not self._committing, "one checkpoint commits at a time"
        cache, encode = self._cache, self._encode
        changes: Changes = {}
        for key in self._dirty:
            value = cache[key]
            changes[key.encode()] = None if value is None else encode(value)
        self._dirty = set()
        self._committing = changes
        return changes

    def settle(self) -> None:
        """The checkpoint is on disk: drop its bytes, and what the cache holds too much."""
        self._committing = {}
        self.trim()

    def trim(self) -> None:
        """Drop the oldest clean states beyond the cache's bound."""
        excess = len(self._cache) - self.cache_entries
        if excess > 0:
            for key in list(islice((k for k in self._cache if k not in self._dirty), excess)):
                del self._cache[key]

    def forget(self) -> None:
        """Throw away everything that is not committed; the next `get` reads the store again."""
        self._cache.clear()
        self._dirty.clear()
        self._committing = {}
