"""The simulation: lives of a worker over a fake broker and fake disks, and the oracle that judges them.

`Checkpoint`, `Prepared`, `TablePartition` and `Batch` are the real ones. The loop around them stands for
`Consumer` and does in one thread, in an order drawn from the seed, what there is done by two.
"""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import msgspec
from simulated_kafka import Broker, Crash, Disk, Entry, Faults, Fenced, Transactions

from pipeline.runtime.batch import TP, Batch
from pipeline.runtime.checkpoint import Checkpoint, Prepared, TransactionAborted
from pipeline.runtime.partition import TablePartition

TOPICS = ("orders", "clicks")
PARTITIONS = (0, 1)
TABLES = ("tallies", "latest")
RECORDS = 24
POISON = -1


class Wrong(AssertionError):
    """What happened is not what the oracle says."""


class Tally(msgspec.Struct):
    """How many records a key has had, and a number that depends on all of them and on their order."""

    count: int = 0
    digest: int = 0


class Record:
    """An input record, as far as a Batch asks (`confluent_kafka.Message`)."""

    def __init__(self, tp: TP, offset: int, key: str, value: int) -> None:
        self._tp = tp
        self._offset = offset
        self.key = key
        self.value = value

    def topic(self) -> str:
        return self._tp.topic

    def partition(self) -> int:
        return self._tp.partition

    def offset(self) -> int:
        return self._offset


def add(tally: Tally, value: int) -> None:
    """The fold: in place, as the agents do it."""
    tally.count += 1
    tally.digest = (tally.digest * 31 + value) % 1_000_003


class Oracle:
    """The input folded once, in one go."""

    def __init__(self, inputs: dict[TP, list[Record]]) -> None:
        self.states: dict[TP, dict[str, Any]] = defaultdict(dict)
        self.outputs: dict[bytes, list[bytes]] = defaultdict(list)
        for tp, records in inputs.items():
            tallies = self.states[TP("tallies", tp.partition)]
            latest = self.states[TP("latest", tp.partition)]
            for record in records:
                place = f"{tp.topic}/{tp.partition}".encode()
                if record.value == POISON:
                    self.outputs[place].append(b"refused %d" % record.offset())
                    continue
                tally = tallies.setdefault(record.key, Tally())
                add(tally, record.value)
                latest[record.key] = record.value
                if record.value % 5 == 0:
                    del latest[record.key]
                if tally.count % 2 == 0:
                    self.outputs[place].append(b"%d %d" % (record.offset(), tally.digest))


class World:
    """What outlives a worker: its input, the broker and the disks; and the seed that decides everything."""

    def __init__(self, seed: int, rate: float = 0.02) -> None:
        self.chance = chance = random.Random(seed)
        self.faults = Faults(chance, rate)
        self.broker = Broker()
        self.inputs = {
            tp: [
                Record(
                    tp,
                    at,
                    f"{tp.topic}{chance.randrange(5)}",
                    POISON if chance.random() < 0.03 else at * 7 + 1,
                )
                for at in range(chance.randint(1, RECORDS))
            ]
            for tp in (TP(topic, number) for topic in TOPICS for number in PARTITIONS)
        }
        self.disks = {TP(table, n): Disk(self.faults) for table in TABLES for n in PARTITIONS}
        self.zombie: tuple[Prepared, Transactions] | None = None
        self.evicting = chance.choice([1, 3, 1000])
        self.rollbacks = 0

    def run(self) -> None:
        """Live and crash until all input is folded and committed; raises Wrong when the oracle disagrees."""
        done = False
        for life in range(1000):
            if life == 50:
                self.faults.rate = 0.0
            try:
                worker = Worker(self)
                self._wake_zombie()
                done = worker.work()
            except Crash:
                if self.chance.random() < 0.3:
                    for disk in self.disks.values():
                        disk.lose_power()
            self.check_disks()
            if done:
                break
        self._check_result(worker)

    def _wake_zombie(self) -> None:
        """An earlier life that was only paused tries to commit what it had prepared."""
        if self.zombie is None:
            return
        (prepared, transactions), self.zombie = self.zombie, None
        before = dict(self.broker.offsets)
        try:
            prepared.commit(transactions, None, {})
        except (Fenced, Crash):
            pass
        else:
            raise Wrong("a zombie has committed")
        if before != self.broker.offsets:
            raise Wrong("a zombie has moved the offsets")

    def check_disks(self) -> None:
        """A disk holds exactly what its changelog had committed up to the disk's offset."""
        for tp, disk in self.disks.items():
            log = self.broker.logs.get(tp, [])
            if disk.offset > len(log):
                raise Wrong(f"{tp}: the disk is at {disk.offset}, ahead of the changelog's {len(log)}")
            if dict(disk.scan()) != self.broker.table(tp, disk.offset):
                raise Wrong(f"{tp}: the disk does not hold what was committed up to {disk.offset}")

    def _check_result(self, worker: Worker) -> None:
        expected = Oracle(self.inputs)
        outputs: dict[bytes, list[bytes]] = defaultdict(list)
        for _, entry in self.broker.committed(TP("out", 0)):
            assert entry.key is not None and entry.value is not None
            outputs[entry.key].append(entry.value)
        if outputs != expected.outputs:
            raise Wrong(f"outputs {dict(outputs)}, expected {dict(expected.outputs)}")
        for tp, table in worker.tables.items():
            keys = [f"{topic}{n}" for topic in TOPICS for n in range(5)]
            for name, found in (
                ("seen by an agent", {k: v for k in keys if (v := table.get(k)) is not None}),
                ("on disk", dict(table.scan())),
            ):
                if found != expected.states[tp]:
                    raise Wrong(f"{tp} {name}: {found}, expected {expected.states[tp]}")


class Worker:
    """One life: recovers, then fetches, folds and commits until it crashes or all is done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance
        self._transactions = Transactions(world.broker, world.faults)
        self._positions = {tp: world.broker.offsets.get(tp, 0) for tp in world.inputs}
        self._reading = dict(self._positions)
        self._checkpoint = Checkpoint()
        self._in_commit: Prepared | None = None
        self._set_aside: dict[TP, dict[int, str]] = defaultdict(dict)
        for tp, disk in world.disks.items():
            self._recover(tp, disk)
        self.tables: dict[TP, TablePartition[Any]] = {}
        for tp, disk in world.disks.items():
            decoder = msgspec.msgpack.Decoder(Tally if tp.topic == "tallies" else int)
            self.tables[tp] = TablePartition(
                tp.topic, tp.partition, disk, msgspec.msgpack.encode, decoder.decode, world.evicting
            )

    def _recover(self, tp: TP, disk: Disk) -> None:
        """Stands for `recovery.recover`: the committed records after the disk's offset, in pieces."""
        end = len(self._world.broker.logs.get(tp, []))
        missing: list[tuple[int, Entry]] = list(self._world.broker.committed(tp, disk.offset, end))
        while missing:
            piece = missing[: self._chance.randint(1, 10)]
            missing = missing[len(piece) :]
            disk.write({entry.key or b"": entry.value for _, entry in piece}, piece[-1][0] + 1)
        if disk.offset < end:
            disk.write({}, end)

    def work(self) -> bool:
        """Return True once everything is folded and committed; a crash ends it otherwise."""
        while True:
            left = [tp for tp, at in self._reading.items() if at < len(self._world.inputs[tp])]
            if left and self._chance.random() < 0.7:
                self._fold(self._chance.choice(left))
            elif self._in_commit is None:
                self._in_commit = self._checkpoint.prepare(list(self.tables.values()))
                self._checkpoint = Checkpoint()
            else:
                self._finish_commit()
                if not left and self._nothing_left():
                    return True

    def _nothing_left(self) -> bool:
        return all(self._positions[tp] == len(records) for tp, records in self._world.inputs.items())

    def _fold(self, tp: TP) -> None:
        at = self._reading[tp]
        records: list[Any] = self._world.inputs[tp][at : at + self._chance.randint(1, 6)]
        batch = Batch(tp.partition, records, self._checkpoint, self._set_aside)
        place = f"{tp.topic}/{tp.partition}".encode()
        tallies = self.tables[TP("tallies", tp.partition)]
        latest = self.tables[TP("latest", tp.partition)]

        def handle(record: Any) -> None:
            tally = tallies.get(record.key) or Tally()
            add(tally, record.value)
            tallies.put(record.key, tally)
            if tally.count % 2 == 0:
                batch.checkpoint.emit("out", place, b"%d %d" % (record.offset(), tally.digest), [])
            latest.put(record.key, record.value)
            if record.value % 5 == 0:
                latest.delete(record.key)
            if record.value == POISON:
                raise ValueError("poison")

        def refuse(record: Any, _: str) -> None:
            batch.checkpoint.emit("out", place, b"refused %d" % record.offset(), [])

        batch.process(handle, refuse)
        if batch.poisoned:
            self._set_aside[tp][batch.poisoned.offset] = batch.poisoned.error
            if self._in_commit is not None:
                self._finish_commit()
            self.roll_back()
            return
        self._reading[tp] = at + len(records)
        self._checkpoint.read(tp, at + len(records), len(records))

    def _finish_commit(self) -> None:
        prepared, self._in_commit = self._in_commit, None
        assert prepared is not None
        if prepared.empty:
            prepared.settle()
            return
        if self._chance.random() < 0.02:
            self._world.zombie = (prepared, self._transactions)
            raise Crash
        try:
            prepared.commit(self._transactions, None, {})
        except TransactionAborted:
            self.roll_back()
            return
        self._world.check_disks()
        self._world.faults.may_crash()
        prepared.settle()
        self._positions |= prepared.checkpoint.offsets

    def roll_back(self) -> None:
        """As `Consumer` does."""
        self._world.rollbacks += 1
        self._checkpoint = Checkpoint()
        for table in self.tables.values():
            table.forget()
        self._reading = dict(self._positions)
