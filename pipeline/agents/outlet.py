"""How agents read and write records: typed values in, typed values out, the rest to dead-letters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.batch import Batch, Message
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.wire.codec import Codec
from pipeline.wire.dead_letters import Source, dead_letter
from pipeline.wire.headers import TraceParent, read_headers, read_trace
from pipeline.wire.routes import headers_of, key_of, route

_UNREAD: Any = object()


class Cause:
    """The record that causes outputs: its trace is read from its headers when the first of them is put out."""

    __slots__ = ("_message", "_trace")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._trace: TraceParent | None = _UNREAD

    def trace(self) -> TraceParent | None:
        """The trace that the record tells of, None when it tells of none."""
        if self._trace is _UNREAD:
            self._trace = read_trace(self._message.headers())
        return self._trace


Handle = Callable[[Any, Cause], None]


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

    def read(self, batch: Batch, handle: Handle, *types: type[Any]) -> None:
        """Call `handle` with every record of the batch that is one of `types`; the others become dead letters.

        A tombstone on `customers` only takes an older profile out of the topic: it is passed over.
        """
        profiles = f"{self._prefix}customers"

        def one(message: Message) -> None:
            raw = message.value()
            if raw is None and message.topic() == profiles:
                return
            value = self._codec.decode(raw or b"", *types)
            failure = value if isinstance(value, Failure) else _misplaced(value, message.key())
            if failure is not None:
                self._refuse(batch, message, failure)
            else:
                handle(value, Cause(message))

        self._process(batch, one)

    def read_beside(self, batch: Batch, handle: Handle, *types: type[Any]) -> None:
        """As `read`, where another agent reads the same topic and sees to what is not one of `types`."""

        def one(message: Message) -> None:
            value = self._codec.decode(message.value() or b"", *types)
            if not isinstance(value, Failure) and _misplaced(value, message.key()) is None:
                handle(value, Cause(message))

        self._process(batch, one)

    def _process(self, batch: Batch, one: Callable[[Message], None]) -> None:
        batch.process(
            one, lambda message, error: self._refuse(batch, message, Failure("internal_error", error))
        )

    def send(self, checkpoint: Checkpoint, value: msgspec.Struct, cause: Cause | None = None) -> None:
        """Produce a value to its topic, as part of the checkpoint and in the trace of its cause."""
        where = route(value)
        topic = self._prefix + where.topic
        headers = headers_of(value, where, f"throughline/{self._stage}", cause.trace() if cause else None)
        checkpoint.emit(topic, where.key.encode(), self._codec.encode(topic, value), headers)

    def _refuse(self, batch: Batch, message: Message, failure: Failure) -> None:
        topic, offset = str(message.topic()), int(message.offset() or 0)
        source = Source(topic, batch.partition, offset, message.key())
        event_id = read_headers(message.headers()).id
        self.set_aside(batch.checkpoint, failure, source, message.value() or b"", event_id)

    def set_aside(
        self,
        checkpoint: Checkpoint,
        failure: Failure,
        source: Source,
        raw: bytes,
        event_id: str | None = None,
    ) -> None:
        """Produce a dead letter, under the key of its source, as part of the checkpoint."""
        letter = dead_letter(self._stage, failure, source, raw, failed_at=self._clock(), event_id=event_id)
        PIPELINE.dead_letters.labels(self._stage, failure.code).inc()
        topic = f"{self._prefix}dead-letters"
        headers = headers_of(letter, route(letter), f"throughline/{self._stage}", None)
        checkpoint.emit(topic, source.key, self._codec.encode(topic, letter), headers)


def _misplaced(value: msgspec.Struct, key: bytes | None) -> Failure | None:
    """A record under a key that is not its own would meet another's state."""
    if isinstance(value, Interaction) and not value.identifiers:
        return Failure("no_identifier", "the interaction names nobody: it needs at least one identifier")
    if key != key_of(value).encode():
        return Failure("wrong_key", "the Kafka key is not the record's own (see the table of topics)")
    return None
