"""What an agent reads: one batch of records of one partition, carried by one Faust event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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
    """Records of one partition, in offset order, and the checkpoint that their outputs belong to.

    `set_aside` maps offsets to the error that an earlier attempt at them raised; those go to dead-letters.
    """

    __slots__ = ("checkpoint", "messages", "poisoned", "set_aside", "tp")

    def __init__(
        self, tp: TP, messages: list[Message], checkpoint: Checkpoint, set_aside: dict[int, str]
    ) -> None:
        self.tp = tp
        self.messages = messages
        self.checkpoint = checkpoint
        self.set_aside = set_aside
        self.poisoned: Poisoned | None = None

    def __len__(self) -> int:
        return len(self.messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self.messages)

    @property
    def partition(self) -> int:
        """The partition number, the same for the input topics and the tables that belong together."""
        return self.tp.partition

    def process(self, handle: Callable[[Message], None], refuse: Callable[[Message, str], None]) -> None:
        """Call `handle` on every record, in order.

        When it raises, the batch is marked: the runtime throws the checkpoint's state away, reads the batch
        again and calls `refuse` with the error for that record, so that one record cannot stop a partition
        and nothing half done is kept. Unavailable is passed on.
        """
        for message in self.messages:
            offset = message.offset()
            assert offset is not None
            if self.set_aside and offset in self.set_aside:
                refuse(message, self.set_aside[offset])
                continue
            try:
                handle(message)
            except Unavailable:
                raise
            except Exception as error:  # whatever it is, it is this record's, and the next one must go on
                self.poisoned = Poisoned(self.tp, offset, f"{type(error).__name__}: {error}")
                return


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
