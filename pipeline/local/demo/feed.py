"""What comes out of the pipeline, read as any consumer of committed records would."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pipeline.domain import evidence, state
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.local.demo.effects import Effects
from pipeline.runtime.codec import make_codec
from pipeline.settings import Settings

Place = tuple[str, int]
OnMessage = Callable[[ActionCommand | Decision, float], None]
"""Called in the reading thread with what came and when (seconds of `time.perf_counter`)."""

_POLL_S = 0.1
_CALL_S = 10.0
_WATCH_S = 0.5
_RETRY_S = 0.1
_OUTPUTS = ("actions", "decisions", "dead-letters")
_CHANGES = ("changelog.sessions", "changelog.identities")


class FeedError(Exception):
    """The pipeline's outputs cannot be read, or do not come; the message says what to do."""


class Feed:
    """A thread that reads commands, decisions, dead letters and changelogs from now on; use with `with`.

    `watch` is called now and then while something is awaited; it raises when that cannot come any more.
    """

    def __init__(self, settings: Settings, watch: Callable[[], None]) -> None:
        self.on_message: OnMessage = lambda message, at: None
        self.dead_letters = 0
        self.effects = Effects()
        self.changed = threading.Condition()
        """Held while effects change; notified after every record."""
        self._settings = settings
        self._watch = watch
        self._codec = make_codec(settings)
        self._read_up_to: dict[Place, int] = {}
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._admin = AdminClient(dict(settings.kafka()))
        self._consumer = Consumer(
            {
                **settings.kafka(),
                "group.id": f"{settings.group}-demo",
                "enable.auto.commit": False,
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 20,
                "fetch.error.backoff.ms": 20,
            }
        )
        self._thread = threading.Thread(target=self._run, name="demo-feed", daemon=True)

    def __enter__(self) -> Self:
        self._read_up_to = self._ends()
        self._consumer.assign([TopicPartition(*at, offset) for at, offset in self._read_up_to.items()])
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def settled(self, timeout_s: float) -> bool:
        """Wait until all that was expected has taken effect and its outputs have come; whether they have.

        Raises FeedError when reading has failed.
        """
        deadline = time.monotonic() + timeout_s
        if not self._wait(lambda: not self.effects.under_way, deadline):
            return False
        ends = self._ends(_OUTPUTS)
        return self._wait(
            lambda: all(self._read_up_to[at] >= offset for at, offset in ends.items()), deadline
        )

    def _wait(self, condition: Callable[[], bool], deadline: float) -> bool:
        held = False
        while not held and (left := deadline - time.monotonic()) > 0:
            self._watch()
            with self.changed:
                held = bool(self.changed.wait_for(lambda: self._failure or condition(), min(left, _WATCH_S)))
            if self._failure:
                raise FeedError(f"The pipeline's outputs cannot be read: {self._failure}") from self._failure
        return held

    def _ends(self, names: tuple[str, ...] = (*_OUTPUTS, *_CHANGES)) -> dict[Place, int]:
        """Where committed records end now; waits for the leaders of topics that were just made."""
        asked = {
            TopicPartition(self._settings.topic_prefix + name, number): OffsetSpec.latest()
            for name in names
            for number in range(self._settings.partitions)
        }
        deadline = time.monotonic() + _CALL_S
        while True:
            answers = self._admin.list_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=_CALL_S
            )
            try:
                return {(at.topic, at.partition): one.result().offset for at, one in answers.items()}
            except KafkaException as error:
                if time.monotonic() > deadline:
                    reason = error.args[0].str()
                    raise FeedError(
                        f"The topics {self._settings.topic_prefix}* cannot be read ({reason}): did `throughline "
                        "topics apply` run, with the same prefix and number of partitions?"
                    ) from error
                time.sleep(_RETRY_S)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                message = self._consumer.poll(_POLL_S)
                if message is not None:
                    at = time.perf_counter()
                    with self.changed:
                        self._take(message, at)
                        self.changed.notify_all()
        except Exception as error:  # told by the thread that waits
            with self.changed:
                self._failure = error
                self.changed.notify_all()

    def _take(self, message: Message, at: float) -> None:
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        error = message.error()
        if error is None:
            self._handle(topic.removeprefix(self._settings.topic_prefix), message, at)
            self._read_up_to[topic, partition] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._read_up_to[topic, partition] = offset
        elif error.fatal() or error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise FeedError(error.str())

    def _handle(self, name: str, message: Message, at: float) -> None:
        raw = message.value()
        if raw is None:
            return
        if name == "changelog.sessions":
            self.effects.on_customer(state.decode(raw))
        elif name == "changelog.identities":
            self.effects.on_identifier((message.key() or b"").decode(), evidence.decode(raw))
        elif name == "dead-letters":
            self.dead_letters += 1
        else:
            value = self._codec.decode(raw, ActionCommand, Decision)
            if isinstance(value, ActionCommand | Decision):
                self.on_message(value, at)
