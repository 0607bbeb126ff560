"""The topic `strategies`: read whole by every worker before it folds anything, then followed.

It has a thread and Kafka clients of its own, so that compiling takes no time of the event loop's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, cast

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from pipeline.domain.failures import Failure
from pipeline.domain.releases import KillSwitch, StrategyRecord, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.rollout import Change, pause
from pipeline.observe.logs import get_logger
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.asking import PATIENCE_S, may_pass
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.producer import PARTITIONER
from pipeline.runtime.reading import read_committed
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.headers import TraceParent
from pipeline.wire.routes import headers_of, route

log = get_logger(__name__)

TOPIC = "strategies"
BY = "throughline"
"""Who has changed what workers change by themselves."""

_RECORDS = (StrategyRelease, StrategyRollout, KillSwitch)
_POLL_S = 0.1
_AT_ONCE = 1_000
_PARTING_S = 2.0
_REASON = 256
_SHOWN = 32
_CONSUMER = {
    "group.id": "unused-by-workers",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    # The worker's main consumer tells the same of the same brokers, and its lines go to the log.
    "log_level": 0,
}


class Live(NamedTuple):
    """What the topic says up to before `offset`: the rules, and why which keys are refused."""

    rules: Rules
    offset: int
    refused: Mapping[str, Problem]

    def refusals(self) -> dict[str, str]:
        """The first keys that are refused, each with one line."""
        return {key: str(one)[:_REASON] for key, one in sorted(self.refused.items())[:_SHOWN]}


def read_catalogue(settings: Settings, codec: Codec, base: Rules) -> Catalogue:
    """What is published at this moment, on top of the strategies in files. Blocks.

    Raises KafkaException when the topic cannot be read.
    """
    catalogue = Catalogue(base)
    messages = read_committed(settings.kafka(), {(settings.topic_prefix + TOPIC, 0): 0})
    for key, message in {_key(message): message for message in messages}.items():
        catalogue.take(key, _record(message, codec))
    return catalogue


def _key(message: Message) -> str:
    return (message.key() or b"").decode(errors="replace")


def _record(message: Message, codec: Codec) -> StrategyRecord | Failure | None:
    raw = message.value()
    if raw is None:
        return None
    return cast(StrategyRecord | Failure, codec.decode(raw, *_RECORDS))


class _Reader:
    """Reads the topic from its beginning; `offset` is where it is, `at_end` whether it was once at the end."""

    def __init__(self, settings: Settings) -> None:
        self.offset = 0
        self.at_end = False
        self._consumer = Consumer({**settings.kafka(), **_CONSUMER})
        # Of a compacted topic that is the beginning; librdkafka takes half a second to ask a broker for it.
        self._consumer.assign([TopicPartition(settings.topic_prefix + TOPIC, 0, 0)])

    def poll(self) -> dict[str, Message]:
        """The last message of each key, of those that come within 0.1 s or are there already, in order.

        Raises KafkaException for what will not pass.
        """
        first = self._consumer.poll(_POLL_S)
        if first is None:
            return {}
        found: dict[str, Message] = {}
        for message in [first, *self._consumer.consume(_AT_ONCE, 0)]:
            error = message.error()
            if error is None:
                self.offset = int(message.offset() or 0) + 1
                found.pop(_key(message), None)
                found[_key(message)] = message
            elif error.code() == KafkaError._PARTITION_EOF:
                self.offset = int(message.offset() or 0)
                self.at_end = True
            elif not may_pass(failure := KafkaException(error)):
                raise failure
        return found

    def close(self) -> None:
        self._consumer.close()


class Releases(threading.Thread):
    """Follows the topic; the codec is this thread's alone.

    Args:
        base: the strategies in files.
        clock: epoch milliseconds.
        on_live: called in this thread when the topic has been read to its end, and after every change.
        on_failure: called in this thread with what ends it.
    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        base: Rules,
        clock: Callable[[], int],
        on_live: Callable[[Live], None],
        on_failure: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="releases", daemon=True)
        self._settings = settings
        self._codec = codec
        self._clock = clock
        self._on_live = on_live
        self._on_failure = on_failure
        self._catalogue = Catalogue(base)
        self._failing: SimpleQueue[tuple[str, str]] = SimpleQueue()
        self._told: dict[str, StrategyRollout] = {}
        self._over = threading.Event()

    def pause(self, strategy_id: str, reason: str) -> None:
        """Have the strategy paused on all workers, soon."""
        self._failing.put((strategy_id, reason))

    def leave(self) -> None:
        """End the thread; waits for a broker no longer than 2 s. Blocks."""
        self._over.set()
        self.join(_PARTING_S)

    def run(self) -> None:
        """Read and follow until `leave`."""
        reader = _Reader(self._settings)
        # What cannot be delivered now is delivered when the broker is back, in order.
        producer = Producer(
            {
                **self._settings.kafka(),
                **PARTITIONER,
                "enable.idempotence": True,
                "message.timeout.ms": 0,
                "log_level": 0,
            }
        )
        try:
            self._follow(reader, producer)
        except Exception as error:
            self._on_failure(error)
        finally:
            producer.flush(_PARTING_S)
            reader.close()

    def _follow(self, reader: _Reader, producer: Producer) -> None:
        whole: dict[str, Message] = {}
        give_up = time.monotonic() + PATIENCE_S
        while not (reader.at_end or self._over.is_set()):
            whole |= reader.poll()
            if time.monotonic() > give_up and not whole:
                topic = self._settings.topic_prefix + TOPIC
                raise Unavailable(f"{topic} cannot be read; is the broker up, and did `topics apply` run?")
        self._take(whole.items(), reader.offset)
        while not self._over.is_set():
            self._pause(producer)
            offset, changed = reader.offset, reader.poll()
            if reader.offset != offset:
                self._take(changed.items(), reader.offset)

    def _take(self, changed: Iterable[tuple[str, Message]], offset: int) -> None:
        catalogue = self._catalogue
        before = catalogue.refused
        for key, message in changed:
            record = _record(message, self._codec)
            try:
                catalogue.take(key, record)
            except Exception as error:  # one record's, and what is live must stay live
                catalogue.take(key, Failure("internal_error", f"{type(error).__name__}: {error}"))
        refused = catalogue.refused
        for key, problem in refused.items():
            if before.get(key) != problem:
                log.error("strategy_refused", key=key, problem=str(problem)[:_REASON])
        PIPELINE.strategies_refused.set(len(refused))
        self._on_live(Live(catalogue.rules(), offset, refused))

    def _pause(self, producer: Producer) -> None:
        try:
            while True:
                self._publish(producer, *self._failing.get_nowait())
        except Empty:
            producer.poll(0)

    def _publish(self, producer: Producer, strategy_id: str, reason: str) -> None:
        """Publish the pause of a strategy, once for each roll-out of it."""
        current = self._catalogue.rollouts.get(strategy_id)
        paused = pause(current, Change(BY, self._clock(), reason[:_REASON]))
        if current is None or isinstance(paused, Failure) or self._told.get(strategy_id) == current:
            return
        self._told[strategy_id] = current
        log.error("strategy_paused", strategy=strategy_id, version=current.version, reason=paused.reason)
        PIPELINE.strategies_paused.labels(strategy_id).inc()
        topic = self._settings.topic_prefix + TOPIC
        record: dict[str, Any] = {
            "value": self._codec.encode(topic, paused),
            "headers": headers_of(paused, route(paused), "throughline/releases", TraceParent.new()),
        }
        producer.produce(topic, key=paused.key, **record)
