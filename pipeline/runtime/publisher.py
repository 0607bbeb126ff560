"""Publishing from outside a worker: channel services, imports and the demo, with an idempotent producer."""

from __future__ import annotations

import time

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from pipeline.runtime.producer import PARTITIONER
from pipeline.settings import Settings
from pipeline.wire.codec import MAX_HOLDING_BYTES, Codec
from pipeline.wire.headers import Headers, TraceParent
from pipeline.wire.routes import headers_of, route

_FLUSH_S = 30.0
_ANSWER_S = 5.0


class PublishError(Exception):
    """Records could not be delivered; the message says why and what to do."""


class Publisher:
    """Sends values to their topics, each once, in order per key; `close` (or `with`) waits for delivery.

    `source` is told as the CloudEvents source. `ends` has, of every topic (named in full) and partition, the offset
    behind the last record that was delivered.
    """

    def __init__(self, settings: Settings, codec: Codec, source: str) -> None:
        self._prefix = settings.topic_prefix
        self._bootstrap = settings.bootstrap
        self._codec = codec
        self._source = source
        self.ends: dict[tuple[str | None, int | None], int] = {}
        self._failure: str | None = None
        self._producer = Producer(
            {
                **settings.kafka(),
                **PARTITIONER,
                "enable.idempotence": True,
                # What is not delivered is said by `flush`, in one line.
                "log_level": 0,
                "linger.ms": 5,
                "compression.type": "lz4",
                "message.max.bytes": MAX_HOLDING_BYTES,
                "message.timeout.ms": int(_FLUSH_S * 1000),
            }
        )

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.flush()

    def send(self, value: msgspec.Struct) -> None:
        """Send a value, as the start of a trace; returns before it is delivered."""
        where = route(value)
        topic = self._prefix + where.topic
        headers = headers_of(value, where, self._source, TraceParent.new())
        self._produce(topic, where.key, self._codec.encode(topic, value), headers)

    def take_out(self, topic: str, key: str) -> None:
        """Send a tombstone: compaction takes what has this key out of the topic (named without the prefix)."""
        self._produce(self._prefix + topic, key, None, [])

    def _produce(self, topic: str, key: str, body: bytes | None, headers: Headers) -> None:
        while True:
            try:
                self._producer.produce(topic, value=body, key=key, headers=headers, on_delivery=self._report)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until everything is delivered; raises PublishError when something was not."""
        left = self._producer.flush(_FLUSH_S)
        if self._failure is None and left:
            self._failure = f"{left} records are not delivered after {_FLUSH_S:.0f} s"
        if self._failure is not None:
            reason, self._failure = self._failure, None
            raise PublishError(f"{self._bootstrap}: {reason}; is the broker up, and did `topics apply` run?")

    def _report(self, error: KafkaError | None, message: Message) -> None:
        if error is None:
            self.ends[message.topic(), message.partition()] = (message.offset() or 0) + 1
        elif self._failure is None:
            self._failure = error.str()


def reachable(settings: Settings) -> str | None:
    """None when a broker answers, else one line that says what to do; at once when all refuse, else after 5 s."""
    refused: list[KafkaError] = []

    def note(error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            refused.append(error)

    probe = Producer({**settings.kafka(), "log_level": 0, "error_cb": note})
    give_up = time.monotonic() + _ANSWER_S
    reason = ""
    while not refused and time.monotonic() < give_up:
        probe.poll(0.05)
        try:
            probe.list_topics(timeout=0.5)
        except KafkaException as error:
            reason = error.args[0].str()
        else:
            return None
    why = "connection refused" if refused else reason
    return (
        f"no Kafka broker answers at {settings.bootstrap} ({why}): start one with"
        " `throughline broker --port 9092`, or set THROUGHLINE_BOOTSTRAP"
    )
