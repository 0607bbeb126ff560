"""A batch is folded as a whole, or one record of it is named that is to be set aside."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.runtime.batch import TP, Batch, Poisoned, Unavailable, by_partition
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.store import StoreError

HERE = TP("topic", 3)


class Message:
    def __init__(self, offset: int, partition: int = 3, topic: str = "topic") -> None:
        self._place = topic, partition, offset

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._place[2]


def batch_of(*offsets: int, set_aside: dict[int, str] | None = None) -> Batch:
    messages: list[Any] = [Message(offset) for offset in offsets]
    return Batch(HERE.partition, messages, Checkpoint(), {HERE: set_aside} if set_aside else {})


def test_every_record_is_handled_in_order() -> None:
    batch = batch_of(5, 6, 9)
    seen: list[int | None] = []
    batch.process(lambda m: seen.append(m.offset()), lambda m, error: pytest.fail(error))
    assert seen == [5, 6, 9]
    assert (batch.poisoned, batch.partition, len(batch), [m.offset() for m in batch]) == (None, 3, 3, seen)


def test_the_first_record_that_raises_ends_the_batch_and_is_named() -> None:
    batch = batch_of(5, 6, 7)
    seen: list[int | None] = []

    def handle(message: Any) -> None:
        seen.append(message.offset())
        if message.offset() == 6:
            raise ValueError("no such order")

    batch.process(handle, lambda m, error: pytest.fail(error))
    assert seen == [5, 6]
    assert batch.poisoned == Poisoned(HERE, 6, "ValueError: no such order")


def test_a_record_that_was_set_aside_is_refused_with_its_error_and_the_others_are_handled() -> None:
    batch = batch_of(5, 6, 7, set_aside={6: "ValueError: bad"})
    seen: list[Any] = []
    batch.process(lambda m: seen.append(m.offset()), lambda m, error: seen.append((m.offset(), error)))
    assert seen == [5, (6, "ValueError: bad"), 7]
    assert batch.poisoned is None


@pytest.mark.parametrize("failure", [StoreError("disk full"), Unavailable("no registry")])
def test_no_record_is_blamed_for_what_the_worker_depends_on(failure: Exception) -> None:
    batch = batch_of(5, 6)

    def handle(_: Any) -> None:
        raise failure

    with pytest.raises(type(failure), match=str(failure)):
        batch.process(handle, lambda m, error: pytest.fail(error))
    assert batch.poisoned is None


def test_one_poll_is_taken_apart_by_partition_in_order() -> None:
    polled: list[Any] = [Message(1), Message(7, partition=0), Message(2), Message(1, topic="other")]
    found = {tp: [m.offset() for m in messages] for tp, messages in by_partition(polled).items()}
    assert found == {TP("topic", 3): [1, 2], TP("topic", 0): [7], TP("other", 3): [1]}
