"""Fakes of a broker and of a disk, for the simulation: none of this is Kafka or RocksDB.

They keep what the commit path relies on and nothing more: a log whose transactions commit or abort as a whole
and leave a marker, offsets that belong to a transaction, fencing of an earlier life, and a disk whose writes
are atomic. Every step asks `Faults` first, which may end the process there or fail the transaction.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.runtime.batch import TP, Output
from pipeline.runtime.checkpoint import TransactionAborted
from pipeline.runtime.partition import Changes


class Crash(BaseException):
    """The process ends here. Not an Exception, because nobody may handle it."""


class Fenced(Exception):
    """A later life of the worker has taken over."""


class Entry(NamedTuple):
    """One offset of a log; a marker holds no record."""

    transaction: int
    key: bytes | None
    value: bytes | None
    marker: bool = False


class Faults:
    """Decides at every step whether the process ends there; `rate` is the chance of it."""

    def __init__(self, chance: random.Random, rate: float) -> None:
        self.chance = chance
        self.rate = rate
        self.crashes = self.aborts = 0

    def may_crash(self) -> None:
        if self.chance.random() < self.rate:
            self.crashes += 1
            raise Crash

    def may_abort(self) -> bool:
        aborted = self.chance.random() < self.rate
        self.aborts += aborted
        return aborted


class Broker:
    """Logs, committed offsets, and the state of every transaction (None: open)."""

    def __init__(self) -> None:
        self.logs: dict[TP, list[Entry]] = {}
        self.offsets: dict[TP, int] = {}
        self.decided: list[bool | None] = []
        self.epoch = 0

    def begin(self) -> int:
        self.decided.append(None)
        return len(self.decided) - 1

    def decide(self, transaction: int, commit: bool) -> None:
        self.decided[transaction] = commit
        for log in self.logs.values():
            if any(entry.transaction == transaction for entry in log):
                log.append(Entry(transaction, None, None, marker=True))

    def append(self, tp: TP, transaction: int, key: bytes | None, value: bytes | None) -> int:
        log = self.logs.setdefault(tp, [])
        log.append(Entry(transaction, key, value))
        return len(log) - 1

    def committed(self, tp: TP, start: int = 0, end: int | None = None) -> Iterator[tuple[int, Entry]]:
        """What a reader of committed records sees, with offsets."""
        for offset, entry in enumerate(self.logs.get(tp, [])[start:end], start):
            if not entry.marker and self.decided[entry.transaction]:
                yield offset, entry

    def table(self, tp: TP, end: int) -> dict[bytes, bytes]:
        """A changelog folded up to an offset."""
        found: dict[bytes, bytes] = {}
        for _, entry in self.committed(tp, end=end):
            assert entry.key is not None
            if entry.value is None:
                found.pop(entry.key, None)
            else:
                found[entry.key] = entry.value
        return found


class Transactions:
    """One life's producer (`TransactionsT`)."""

    def __init__(self, broker: Broker, faults: Faults) -> None:
        self._broker = broker
        self._faults = faults
        broker.epoch += 1
        self._epoch = broker.epoch
        self._ends: dict[TP, int] = {}
        self._offsets: dict[TP, int] = {}
        self._open: int | None = None
        for transaction, decided in enumerate(broker.decided):
            if decided is None:
                broker.decide(transaction, commit=False)  # what an earlier life left open

    def _step(self) -> None:
        self._faults.may_crash()
        if self._broker.epoch != self._epoch:
            raise Fenced

    def _fail(self) -> None:
        if self._faults.may_abort():
            raise TransactionAborted("simulated")

    def begin(self) -> None:
        self._step()
        self._open, self._ends, self._offsets = self._broker.begin(), {}, {}

    def produce(self, output: Output) -> None:
        self._step()
        self._fail()
        assert self._open is not None
        self._broker.append(TP(output.topic, 0), self._open, output.key, output.value)

    def produce_changes(self, topic: str, partition: int, changes: Changes) -> None:
        tp = TP(topic, partition)
        for key, value in changes.items():
            self._step()
            assert self._open is not None
            self._ends[tp] = self._broker.append(tp, self._open, key, value) + 1
        self._fail()

    def send_offsets(self, offsets: Mapping[TP, int], group: Any) -> None:
        self._step()
        self._fail()
        self._offsets = dict(offsets)

    def commit(self) -> dict[TP, int]:
        self._step()
        self._fail()
        assert self._open is not None
        transaction, self._open = self._open, None
        self._broker.decide(transaction, commit=True)
        self._broker.offsets |= self._offsets
        self._faults.may_crash()  # committed, and the worker never learns of it
        return self._ends

    def abort(self) -> None:
        if self._open is not None and self._broker.epoch == self._epoch:
            self._broker.decide(self._open, commit=False)
            self._open = None


class Disk:
    """One partition's directory (`StoreT`); it outlives the process."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._states: dict[bytes, bytes] = {}
        self._written = [(0, self._states)]

    @property
    def offset(self) -> int:
        return self._written[-1][0]

    @property
    def written_at(self) -> int:
        return 0

    def get(self, key: bytes) -> bytes | None:
        return self._states.get(key)

    def scan(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(row for row in self._states.items() if row[0] >= start))

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        self._faults.may_crash()
        merged = self._states | changes
        self._states = {key: value for key, value in merged.items() if value is not None}
        self._written.append((offset, self._states))
        self._faults.may_crash()

    def lose_power(self) -> None:
        """The machine went down: what had not reached the disk is gone, latest first."""
        del self._written[self._faults.chance.randint(1, len(self._written)) :]
        self._states = self._written[-1][1]

    def clear(self) -> None:
        self._states = {}
        self._written = [(0, self._states)]

    def close(self) -> None:
        """Nothing is held open."""
