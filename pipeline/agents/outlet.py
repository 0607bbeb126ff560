"""How agents read and write records: typed values in, typed values out, the rest to dead-letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from confluent_kafka import Message

from pipeline.domain.failures import Failure
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    Decision,
    IdentifiedInteraction,
    IdentityLink,
    MergeRequested,
)
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.batch import Batch
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.wire.codec import Codec
from pipeline.wire.dead_letters import DeadLetter, Source, dead_letter
from pipeline.wire.headers import TraceParent, build_headers, event_type, read_headers

Value = TypeVar("Value", bound=msgspec.Struct)

# Which topic each value goes to, and which of its fields are the event's id and time.
_ROUTES: dict[type[msgspec.Struct], tuple[str, str, str | None]] = {
    IdentityLink: ("identity.links", "customer_id", "linked_at"),
    IdentifiedInteraction: ("interactions.identified", "customer_id", None),
    MergeRequested: ("interactions.identified", "loser", "requested_at"),
    CustomerMoved: ("interactions.identified", "loser", "moved_at"),
    ActionCommand: ("actions", "action_id", "decided_at"),
    ActionReceipt: ("action.receipts", "action_id", "at"),
    Decision: ("decisions", "decision_id", "decided_at"),
    DeadLetter: ("dead-letters", "code", "failed_at"),
}


class Outlet:
    """Decodes what an agent reads and produces what it decides, in the transaction of its batch.

    Args:
        codec: the wire format.
        prefix: goes before every topic name.
        stage: the agent's name, told in dead letters and as the CloudEvents source.
        clock: epoch milliseconds.
    """

    def __init__(self, codec: Codec, prefix: str, stage: str, clock: Callable[[], int]) -> None:
        self._codec = codec
        self._prefix = prefix
        self._stage = stage
        self._clock = clock

    def read(self, batch: Batch, handle: Callable[[Any, TraceParent | None], None], *types: type[Any]) -> None:
        """Call `handle` with every record of the batch that is one of `types`; the others become dead letters."""

        def one(message: Message) -> None:
            value = self._codec.decode(message.value() or b"", *types)
            if isinstance(value, Failure):
                self._refuse(batch, message, value)
            elif (message.key() or b"") != value_key(value).encode():
                self._refuse(batch, message, Failure("wrong_key", "the Kafka key is not the one of the record"))
            else:
                handle(value, read_headers(message.headers()).traceparent)

        batch.process(one, lambda message, error: self._refuse(batch, message, Failure("internal_error", error)))

    def send(self, checkpoint: Checkpoint, value: msgspec.Struct, trace: TraceParent | None = None) -> None:
        """Produce a value to its topic, as part of the checkpoint."""
        name, id_field, time_field = _ROUTES[type(value)]
        topic = self._prefix + name
        if isinstance(value, IdentifiedInteraction):
            event_id, at = value.interaction.event_id, value.interaction.received_at
        else:
            event_id = getattr(value, id_field)
            at = getattr(value, time_field) if time_field else self._clock()
        headers = build_headers(
            event_id, event_type(value), f"throughline/{self._stage}", at, trace.child() if trace else None
        )
        checkpoint.emit(topic, value_key(value), self._codec.encode(topic, value), headers)

    def _refuse(self, batch: Batch, message: Message, failure: Failure) -> None:
        source = Source(batch.tp.topic, batch.tp.partition, int(message.offset() or 0), message.key())
        letter = dead_letter(
            self._stage,
            failure,
            source,
            message.value() or b"",
            failed_at=self._clock(),
            event_id=read_headers(message.headers()).id,
        )
        PIPELINE.dead_letters.labels(self._stage, failure.code).inc()
        headers = build_headers(
            f"{source.name}/{source.partition}/{source.offset}",
            event_type(letter),
            f"throughline/{self._stage}",
            letter.failed_at,
        )
        topic = f"{self._prefix}dead-letters"
        batch.checkpoint.emit_raw(topic, message.key(), self._codec.encode(topic, letter), headers)


def value_key(value: Any) -> str:
    """The Kafka key of a value: its own, or for a profile the customer's id."""
    key: str = value.customer_id if not hasattr(value, "key") else value.key
    return key
