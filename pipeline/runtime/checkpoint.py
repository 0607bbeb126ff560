"""The one commit path.

A checkpoint takes what the agents folded and makes it final:

1. the agents fold and decide a batch, in memory (states in `TablePartition`, records in `Checkpoint.outputs`);
2. produce the changelog records (one for each touched key) and the outputs;
3. add the input offsets, with the consumer group's metadata, so that a zombie is fenced;
4. commit the transaction: from here on it has happened;
5. write states and changelog offset to RocksDB, one WriteBatch for each table partition;
6. drop the bytes that were kept for the commit.

A crash before 4 leaves an aborted transaction: nobody who reads committed records sees it, and the events are
read again. A crash between 4 and 6 leaves the disk behind the changelog: recovery reads the difference. The
disk is never ahead of the changelog. While a checkpoint commits, the agents fold into the next one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.runtime.batch import TP, Headers, Output
from pipeline.runtime.partition import Changes, TablePartition


class TransactionAborted(Exception):
    """The transaction was given up; nothing of it happened and its events are to be folded again."""


class TransactionsT(Protocol):
    """What the commit path asks of the broker (`pipeline.runtime.producer.TransactionalProducer`)."""

    def begin(self) -> None:
        """Begin a transaction."""

    def produce(self, output: Output) -> None:
        """Add a record."""

    def produce_changes(self, topic: str, partition: int, changes: Changes) -> None:
        """Add one changelog record for each changed key, None being a tombstone."""

    def send_offsets(self, offsets: Mapping[TP, int], group: Any) -> None:
        """Add the next offsets to read, in the name of the consumer group's member."""

    def commit(self) -> dict[TP, int]:
        """Commit; returns for each changelog partition the offset after its last record.

        Raises TransactionAborted when it could not; any other error means that the worker must stop.
        """

    def abort(self) -> None:
        """Abort the transaction that is open, if any."""


class Checkpoint:
    """What was folded since the last commit, and how far its input was read."""

    def __init__(self) -> None:
        self.outputs: list[Output] = []
        self.offsets: dict[TP, int] = {}
        self.folded: Counter[str] = Counter()

    def read(self, tp: TP, next_offset: int, records: int) -> None:
        """A batch of `records` of `tp` is folded; reading goes on at `next_offset`."""
        self.offsets[tp] = next_offset
        self.folded[tp.topic] += records

    def emit(self, topic: str, key: bytes | None, value: bytes, headers: Headers) -> None:
        """Produce a record when this checkpoint commits; the key decides the partition."""
        self.outputs.append(Output(topic, key, value, headers))

    def prepare(self, tables: list[TablePartition[Any]]) -> Prepared:
        """Close this checkpoint: encode the touched states. From here on the agents fold into the next."""
        changed = []
        for table in tables:
            if table.dirty:
                changed.append((table, table.swap()))
            else:
                table.trim()  # it may have been read; `settle` is for those that were written
        return Prepared(self, changed)


class Prepared:
    """A checkpoint ready to commit; it may run beside the agents, which no longer touch what it holds."""

    def __init__(self, checkpoint: Checkpoint, changed: list[tuple[TablePartition[Any], Changes]]) -> None:
        self.checkpoint = checkpoint
        self.changed = changed

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.changed or self.checkpoint.outputs or self.checkpoint.offsets)

    def commit(self, transactions: TransactionsT, group: Any, fence: Mapping[TP, int]) -> None:
        """Steps 2 to 5. `fence` holds offsets to send when no input was read, so that every commit is fenced."""
        transactions.begin()
        try:
            for table, changes in self.changed:
                transactions.produce_changes(table.changelog, table.number, changes)
            for output in self.checkpoint.outputs:
                transactions.produce(output)
            transactions.send_offsets(self.checkpoint.offsets or fence, group)
            ends = transactions.commit()
        except BaseException:
            transactions.abort()
            raise
        for table, changes in self.changed:
            table.changelog_offset = ends.get(TP(table.changelog, table.number), table.changelog_offset)
            table.store.write(changes, table.changelog_offset)

    def settle(self) -> None:
        """Step 6, back where the agents run."""
        for table, _ in self.changed:
            table.settle()
