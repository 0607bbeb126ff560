"""What an agent reads: one batch of records of one partition number, carried by one Faust event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import Message

if TYPE_CHECKING:
    from pipeline.runtime.checkpoint import Checkpoint

__all__ = ["TP", "Batch", "Headers", "Message", "Output", "Poisoned"]

Headers = list[tuple[str, bytes]]


class TP(NamedTuple):
    """A topic and a partition."""

    topic: str
    partition: int


class Output(NamedTuple):
    """A record to be produced; its key decides the partition."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers


class Unavailable(Exception):
    """What the worker itself depends on has failed (its disk, the schema registry): no record is to blame.

    A handler that raises it stops the worker; in its next life the record is read again.
    """


class Poisoned(NamedTuple):
    """A record whose handling raised: it is set aside when its batch is folded again."""

    tp: TP
    offset: int
    error: str


class Batch:
    """Records of one partition number, of one topic or more, and the checkpoint that their outputs belong to.

    Those of a topic are in offset order. `partition` is also the number of the table partitions beside them.
    `set_aside` has the errors that earlier attempts at records raised, by offset; those go to dead-letters.
    """

    __slots__ = ("checkpoint", "messages", "partition", "poisoned", "set_aside")

    def __init__(
        self,
        partition: int,
        messages: list[Message],
        checkpoint: Checkpoint,
        set_aside: Mapping[TP, Mapping[int, str]],
    ) -> None:
        self.partition = partition
        self.messages = messages
        self.checkpoint = checkpoint
        self.set_aside = set_aside
        self.poisoned: Poisoned | None = None

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    def process(self, handle: Callable[[Message], None], refuse: Callable[[Message, str], None]) -> None:
        """Call `handle` on every record, in order.

        When it raises, the batch is marked: the runtime throws the checkpoint's state away, reads the batch
        again and calls `refuse` with the error for that record, so that one record cannot stop a partition
        and nothing half done is kept. Unavailable is passed on.
        """
        for message in self.messages:
            error = self._error_of(message) if self.set_aside else None
            if error is not None:
                refuse(message, error)
                continue
            try:
                handle(message)
            except Unavailable:
                raise
            except Exception as raised:  # whatever it is, it is this record's, and the next one must go on
                tp, offset = _place(message)
                self.poisoned = Poisoned(tp, offset, f"{type(raised).__name__}: {raised}")
                return

    def _error_of(self, message: Message) -> str | None:
        tp, offset = _place(message)
        return self.set_aside.get(tp, {}).get(offset)


def _place(message: Message) -> tuple[TP, int]:
    offset = message.offset()
    assert offset is not None
    return TP(str(message.topic()), int(message.partition() or 0)), offset


def by_partition(messages: list[Message]) -> dict[TP, list[Message]]:
    """Messages of one poll, apart by topic partition, each in its order."""
    grouped: dict[tuple[str, int], list[Message]] = {}
    for message in messages:
        key = (message.topic(), message.partition())
        found = grouped.get(key)
        if found is None:
            grouped[key] = [message]
        else:
            found.append(message)
    return {TP(*key): found for key, found in grouped.items()}
