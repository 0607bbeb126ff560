"""The pipeline under fault: topics under a prefix of their own, worker processes, and how far they have come."""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import msgspec
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from pipeline.domain.interactions import CHANNELS
from pipeline.local.supervised import Supervised
from pipeline.runtime.asking import answered, group_observer
from pipeline.runtime.producer import PARTITIONER
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.topics import all_topics, apply
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from tests.faults.reading import left_to_read

ROOT = Path(__file__).resolve().parents[2]
WORKER = ("-m", "pipeline.cli", "worker")
PARTITIONS = 4
LIMIT_S = 120.0
_POLL_S = 0.01
_ANSWER_S = 2.0
_STOP_S = 30.0

T = TypeVar("T")


class FaultError(Exception):
    """The pipeline did not do what the fault needs of it, such as coming to rest; the message says what."""


class Raw(NamedTuple):
    """Bytes for a topic (without the prefix), as no well-meaning client would send them."""

    topic: str
    key: bytes | None
    value: bytes


Event = msgspec.Struct | Raw


class Progress(NamedTuple):
    """What the group has committed of the events published, and what is left of them."""

    done: int
    left: int


class Worker:
    """One life of a worker process; its log goes on where that of the last life ended."""

    def __init__(self, name: str, command: list[str], directory: Path) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        with self.log.open("ab") as output:
            self._before = output.tell()
            self.process = Supervised(command, ROOT, output)

    def told(self) -> str:
        """What this life has written to its log so far."""
        return self.log.read_bytes()[self._before :].decode(errors="replace")


class Deployment:
    """Topics, a consumer group and a state directory, all removed at the end of the `with` block.

    Published *events* are those on the topics that only the outside writes to: the channels, `customers` and
    `action.receipts`. What the identity agent sends on is counted by `settle` only.
    """

    def __init__(self, bootstrap: str, name: str) -> None:
        self.scratch = Path(tempfile.mkdtemp(prefix="throughline-faults-"))
        self.settings = Settings(
            bootstrap=bootstrap,
            topic_prefix=f"{name}.",
            partitions=PARTITIONS,
            group=name,
            worker_id="w1",
            state_dir=self.scratch / "state",
            # Small checkpoints: a fault then meets many of them.
            checkpoint_interval_ms=5,
        )
        self.workers: dict[str, Worker] = {}
        self._meet_broker()
        self._topics = all_topics(self.settings.topic_prefix, PARTITIONS, 1)
        names = ["customers", "action.receipts", *(f"interactions.{channel}" for channel in CHANNELS)]
        self._external = [
            TopicPartition(self.topic(name), number) for name in names for number in range(PARTITIONS)
        ]

    def _meet_broker(self) -> None:
        kafka = dict(self.settings.kafka()) | {"log_level": 0}
        self.admin = AdminClient(kafka)
        self._observer = group_observer(kafka, self.settings.group, stable=False)

    def __enter__(self) -> Self:
        problems = [c for c in apply(self.admin, self._topics) if c.outcome == "problem"]
        if problems:
            raise FaultError(f"{problems[0].topic}: {problems[0].message}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for worker in self.workers.values():
            worker.process.kill()
        for removed in self.admin.delete_topics([spec.name for spec in self._topics]).values():
            removed.exception()  # waits; one that is gone is as good as removed
        self._observer.close()
        shutil.rmtree(self.scratch, ignore_errors=True)

    def topic(self, name: str) -> str:
        """The full name of a topic."""
        return self.settings.topic_prefix + name

    # --- workers -----------------------------------------------------------------------------------------

    def start(self, name: str = "w1", program: Iterable[str] = WORKER, **settings: object) -> Worker:
        """Start a life of the worker `name`: the real command, or another `program` for the interpreter.

        `settings` go before those of the deployment.
        """
        chosen = self.settings.model_dump(
            include={
                "bootstrap",
                "topic_prefix",
                "partitions",
                "group",
                "state_dir",
                "checkpoint_interval_ms",
            }
        )
        chosen |= {"worker_id": name, "log_format": "json", **settings}
        environment = [f"THROUGHLINE_{key.upper()}={value}" for key, value in chosen.items()]
        command = ["/usr/bin/env", *environment, sys.executable, *program]
        self.workers[name] = Worker(name, command, self.scratch)
        return self.workers[name]

    def running(self) -> list[Worker]:
        """The workers whose process has not ended."""
        return [worker for worker in self.workers.values() if worker.process.running]

    def stop(self, *names: str) -> None:
        """End these workers by SIGTERM, one after the other; without names all of them."""
        for name in names or list(self.workers):
            self.workers[name].process.stop(_STOP_S)

    def kill(self, *names: str) -> None:
        """End these workers by SIGKILL; without names all of them."""
        for name in names or list(self.workers):
            self.workers[name].process.kill()

    def ready(self, name: str = "w1") -> None:
        """Wait until this life of the worker has its first partitions open."""
        worker = self.workers[name]
        self.until(
            lambda: "partitions_ready" in worker.told() or not worker.process.running, f"{name} is ready"
        )
        if not worker.process.running:
            raise FaultError(f"{name} ended before it was ready: {worker.told()[-2000:]}")

    def warnings(self) -> list[str]:
        """What any life of any worker has logged as a warning or an error, by worker."""
        lines = [line for log in sorted(self.scratch.glob("*.log")) for line in log.read_text().splitlines()]
        return [line for line in lines if '"level": "warning"' in line or '"level": "error"' in line]

    # --- events ------------------------------------------------------------------------------------------

    def publish(self, events: Iterable[Event]) -> None:
        """Publish values, and raw bytes among them, and wait until all are acknowledged.

        Raises PublishError or FaultError when one is not.
        """
        raw = Producer({**self.settings.kafka(), **PARTITIONER, "enable.idempotence": True, "log_level": 0})
        with Publisher(self.settings, Codec(), "tests/faults") as publisher:
            for event in events:
                if isinstance(event, Raw):
                    raw.produce(self.topic(event.topic), key=event.key, value=event.value)
                else:
                    publisher.send(event)
        if raw.flush(_STOP_S):
            raise FaultError("bytes were not acknowledged")

    def progress(self) -> Progress:
        """How many of the published events are committed as read, and how many are left (the lag)."""
        committed = self.committed(self._external)
        asked = {tp: OffsetSpec.latest() for tp in self._external}

        def end() -> int:
            futures = self.admin.list_offsets(asked, request_timeout=_ANSWER_S)
            return sum(future.result().offset for future in futures.values())

        done = sum(committed.values())
        return Progress(done, self._answer(end) - done)

    def committed(self, partitions: list[TopicPartition]) -> dict[tuple[str, int], int]:
        """The next offset that the group reads of each partition; 0 where it has read nothing."""
        found = self._answer(lambda: self._observer.committed(partitions, timeout=_ANSWER_S))
        return {(tp.topic, tp.partition): max(tp.offset, 0) for tp in found}

    def _answer(self, ask: Callable[[], T]) -> T:
        """The answer of a broker that may have been killed and started again since it was last asked."""

        def attempt() -> T:
            try:
                return ask()
            except KafkaException:
                # librdkafka (2.16) gets none from it with the client that asked before (see runtime/poller.py).
                self._observer.close()
                self._meet_broker()
                raise

        return answered(attempt, threading.Event())

    # --- waiting -----------------------------------------------------------------------------------------

    def until(self, condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
        """Wait until a condition holds. Raises FaultError with `what` was waited for when it does not come."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(w.told()[-1500:] for w in self.workers.values())
                raise FaultError(f"after {limit_s:.0f} s it still does not hold that {what}; logs:\n{logs}")
            time.sleep(_POLL_S)

    def seconds_to_commit(self, since: float | None = None, done: int | None = None) -> float:
        """Wait until more than `done` of the published events are committed; returns the seconds that this took.

        `done` is as many as are now, and `since` (`time.monotonic`), when the clock was started, is now where they
        are not given.
        """
        began, before = since or time.monotonic(), self.progress().done if done is None else done
        self.until(lambda: self.progress().done > before, "a commit comes after the fault")
        return time.monotonic() - began

    def settle(self) -> None:
        """Wait until all that is published, or made of it by agents for each other, is committed as read."""
        internal = [
            TopicPartition(self.topic(name), number)
            for name in ("identity.links", "interactions.identified")
            for number in range(PARTITIONS)
        ]

        def at_rest() -> bool:
            if not self.running():
                told = "".join(worker.told()[-2000:] for worker in self.workers.values())
                raise FaultError(f"no worker is left that could read the rest: {told}")
            if self.progress().left:
                return False
            positions = self.committed(internal)
            # The end of a topic that is written to in transactions is a marker, which nobody ever reads.
            return not left_to_read(self.settings.kafka(), positions)

        self.until(at_rest, "everything is read")
