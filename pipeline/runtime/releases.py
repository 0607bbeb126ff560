"""The topics `strategies` and `circumstances`: read whole by every worker before it folds anything, then followed.

They have a thread and Kafka clients of its own, so that compiling takes no time of the event loop's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import Message, Producer

from pipeline.domain.declarations import Declarations
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.releases import KillSwitch, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.rollout import Change, pause
from pipeline.observe.logs import get_logger
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.asking import PATIENCE_S
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.producer import PARTITIONER
from pipeline.runtime.reading import read_committed
from pipeline.runtime.whole_topics import Changed, WholeTopics, key_of
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.headers import TraceParent
from pipeline.wire.routes import headers_of, route

log = get_logger(__name__)

STRATEGIES, CIRCUMSTANCES = "strategies", "circumstances"
BY = "throughline"
"""Who has changed what workers change by themselves."""

_KINDS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    STRATEGIES: (StrategyRelease, StrategyRollout, KillSwitch),
    CIRCUMSTANCES: (DeclaredCircumstance,),
}
_REFUSED = {STRATEGIES: "strategy_refused", CIRCUMSTANCES: "circumstance_refused"}
_PARTING_S = 2.0
_REASON = 256
_SHOWN = 32


class Applied(NamedTuple):
    """How far a topic is applied: all records before `offset`, but those under the keys `refused`."""

    offset: int = 0
    refused: Mapping[str, Problem] = {}

    def refusals(self) -> dict[str, str]:
        """The first keys that are refused, each with one line."""
        return {key: str(one)[:_REASON] for key, one in sorted(self.refused.items())[:_SHOWN]}


class Live(NamedTuple):
    """The rules by what both topics say, and how far each is applied."""

    rules: Rules
    strategies: Applied = Applied()
    circumstances: Applied = Applied()


def read_catalogue(settings: Settings, codec: Codec, base: Rules) -> Catalogue:
    """What is published at this moment, on top of the strategies in files. Blocks.

    Raises KafkaException when the topic cannot be read.
    """
    catalogue = Catalogue(base)
    messages = read_committed(settings.kafka(), {(settings.topic_prefix + STRATEGIES, 0): 0})
    for key, message in {key_of(message): message for message in messages}.items():
        catalogue.take(key, _record(message, codec, STRATEGIES))
    return catalogue


def _record(message: Message, codec: Codec, topic: str) -> Any:
    """A record of the topic; a Failure for what is none, None where the key was deleted."""
    raw = message.value()
    return None if raw is None else codec.decode(raw, *_KINDS[topic])


class Releases(threading.Thread):
    """Follows the topics; the codec is this thread's alone.

    Args:
        base: the strategies in files.
        clock: epoch milliseconds.
        on_live: called in this thread when the topics have been read to their ends, and after every change.
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
        self._declarations = Declarations()
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
        reader = WholeTopics(self._settings, (STRATEGIES, CIRCUMSTANCES))
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

    def _follow(self, reader: WholeTopics, producer: Producer) -> None:
        whole: Changed = {}
        give_up = time.monotonic() + PATIENCE_S
        while not (reader.at_end or self._over.is_set()):
            whole |= reader.poll()
            if time.monotonic() > give_up and not whole:
                names = f"the topics {STRATEGIES} and {CIRCUMSTANCES}"
                raise Unavailable(f"{names} cannot be read; is the broker up, and did `topics apply` run?")
        self._take(whole, reader.offsets)
        while not self._over.is_set():
            self._pause(producer)
            offsets, changed = reader.offsets.copy(), reader.poll()
            if reader.offsets != offsets:
                self._take(changed, reader.offsets)

    def _take(self, changed: Changed, offsets: Mapping[str, int]) -> None:
        before = self._refused()
        for (topic, key), message in changed.items():
            try:
                self._take_record(topic, key, _record(message, self._codec, topic))
            except Exception as error:  # one record's, and what is live must stay live
                self._take_record(topic, key, Failure("internal_error", f"{type(error).__name__}: {error}"))
        refused = self._refused()
        for topic, problems in refused.items():
            for key, problem in problems.items():
                if before[topic].get(key) != problem:
                    log.error(_REFUSED[topic], key=key, problem=str(problem)[:_REASON])
        PIPELINE.strategies_refused.set(len(refused[STRATEGIES]))
        PIPELINE.circumstances_refused.set(len(refused[CIRCUMSTANCES]))
        rules = self._catalogue.rules(self._declarations.standing(self._clock()))
        self._on_live(Live(rules, *(Applied(offsets[topic], refused[topic]) for topic in _REFUSED)))

    def _refused(self) -> dict[str, Mapping[str, Problem]]:
        return {STRATEGIES: self._catalogue.refused, CIRCUMSTANCES: dict(self._declarations.refused)}

    def _take_record(self, topic: str, key: str, record: Any) -> None:
        if topic == STRATEGIES:
            self._catalogue.take(key, record)
        else:
            self._declarations.take(key, record, self._clock())

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
        topic = self._settings.topic_prefix + STRATEGIES
        record: dict[str, Any] = {
            "value": self._codec.encode(topic, paused),
            "headers": headers_of(paused, route(paused), "throughline/releases", TraceParent.new()),
        }
        producer.produce(topic, key=paused.key, **record)
