"""A scenario on a real broker: topics of its own, a real worker's app, its clock stepped by the scenario."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from prometheus_client import REGISTRY

from pipeline.agents.decisions import Decisions
from pipeline.app import make_codec, wire
from pipeline.channels.customers import read as read_customers
from pipeline.channels.registry import adapt
from pipeline.domain.customers import Profile
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.requests import Request
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.runtime.app import App
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.topics import all_topics, apply
from pipeline.settings import Settings
from pipeline.wire.routes import route

PARTITIONS = 2
_PATIENCE_S = 60.0

T = TypeVar("T")


class BrokerDriver:
    """Plays on the broker at `bootstrap`; `prefix` must be new for every scenario."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="throughline-scenario-")
        self._settings = Settings(
            bootstrap=bootstrap,
            topic_prefix=prefix,
            group=f"{prefix}workers",
            worker_id="scenario",
            partitions=PARTITIONS,
            state_dir=Path(self._directory.name),
        )
        self._codec = make_codec(self._settings)
        self._published: Counter[str] = Counter()
        self._commands: list[ActionCommand] = []
        self._decisions: list[Decision] = []
        self._now = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scenario-worker", daemon=True)

    def start(self, rules: Rules, now: int) -> None:
        """Create the topics and start the worker at this time."""
        settings = self._settings
        specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
        apply(AdminClient({**settings.kafka(), "log_level": 0}), specs)
        self._now = now
        self._thread.start()
        self._app, self._customers = self._ask(self._started(rules))
        self._publisher = Publisher(settings, self._codec, "throughline/scenario")
        self._reader = Consumer(
            {
                **settings.kafka(),
                "group.id": "unused",
                "log_level": 0,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 20,
            }
        )
        outputs = [f"{settings.topic_prefix}{name}" for name in ("actions", "decisions")]
        self._reader.assign([TopicPartition(name, n, 0) for name in outputs for n in range(PARTITIONS)])

    async def _started(self, rules: Rules) -> tuple[App, Decisions]:
        app, customers = wire(self._settings, rules, lambda: self._now)
        await app.start()
        # The first assignment of a worker that comes back may be empty.
        while len({tp.partition for tp in app.consumer.assignment()}) < PARTITIONS and not app.failed:
            await asyncio.sleep(0.01)
        return app, customers

    def import_customers(self, data: bytes, media_type: str) -> list[Failure]:
        """Publish the system of record's customers; what could not be read."""
        failures = self._publish(read_customers(data, media_type, updated_at=self._now))
        self._settle()
        return failures

    def deliver(self, channel: str, payload: bytes, received_at: int) -> list[Failure]:
        """Publish what a service's payload says; what could not be read."""
        return self._publish(adapt(channel, payload, received_at))

    def ask(self, request: Request) -> None:
        """Publish what somebody asks about a customer."""
        self._publish([request])

    def declare(self, circumstance: DeclaredCircumstance) -> None:
        """Publish how a manager says that a circumstance stands, and let it begin or end where it does."""
        self._publish([circumstance])
        self._until(lambda: self._ask(self._goes_by(circumstance)), "the circumstance is applied")
        self.advance(self._now)

    async def _goes_by(self, circumstance: DeclaredCircumstance) -> bool:
        declared = (circumstance.key, circumstance.from_at, circumstance.until_at, circumstance.scope)
        standing = self._customers.rules.circumstances
        return declared in [(one.id, one.from_at, one.until_at, one.scope.text) for one in standing]

    def _publish(
        self, values: Sequence[Interaction | Profile | Request | DeclaredCircumstance | Failure]
    ) -> list[Failure]:
        failures: list[Failure] = []
        for value in values:
            if isinstance(value, Failure):
                failures.append(value)
            else:
                self._publisher.send(value)
                self._published[self._settings.topic_prefix + route(value).topic] += 1
        self._publisher.flush()
        return failures

    def advance(self, to: int) -> None:
        """Wait until all is handled, then let the time pass, from one deadline to the next."""
        self._settle()
        self._until(lambda: self._ask(self._fired()), "what is due has fired")
        while (due := self._ask(self._next_due())) is not None and due <= to:
            self._now = max(self._now, due)
            self._until(lambda: self._ask(self._fired()), "what is due has fired")
            self._settle()
        self._now = max(self._now, to)

    async def _next_due(self) -> int | None:
        """When something is due, or a circumstance begins."""
        begin = [at for one in self._customers.rules.circumstances if (at := one.from_at) > self._now]
        due = self._customers.next_due()
        return min(begin if due is None else [*begin, due], default=None)

    async def _fired(self) -> bool:
        due = self._customers.next_due()
        return self._customers.all_looked_at(self._now) and (due is None or due > self._now)

    def commands(self) -> list[ActionCommand]:
        """All commands since the start, in order."""
        self._settle()
        return list(self._commands)

    def decisions(self) -> list[Decision]:
        """All decisions since the start, in order."""
        self._settle()
        return list(self._decisions)

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""

        async def state() -> CustomerState | None:
            return self._customers.state(customer_id)

        return self._ask(state())

    def rows(self, customer_id: str) -> int:
        """How many rows are kept of a customer beside the hot record."""

        async def rows() -> int:
            return sum(customers.rows(customer_id) for customers in self._customers.all())

        return self._ask(rows())

    def stop(self) -> None:
        """Stop the worker and forget its state."""
        if self._thread.is_alive():
            self._ask(self._app.stop())
            self._reader.close()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._directory.cleanup()

    def _settle(self) -> None:
        """Wait until every record that was published, and every one that follows from it, is committed."""
        self._until(self._settled, "every record is handled")

    def _settled(self) -> bool:
        while (message := self._reader.poll(0.01)) is not None:
            value = self._codec.decode(message.value() or b"")
            if isinstance(value, ActionCommand):
                self._commands.append(value)
            elif isinstance(value, Decision):
                self._decisions.append(value)
        if self._app.failed is not None:
            raise RuntimeError(f"the worker failed: {self._app.failed}")
        if self._ask(self._busy()):
            return False
        prefix = self._settings.topic_prefix
        unread = any(
            _count("folded", topic) < self._published[topic] + _count("produced", topic)
            for topic in self._app.input_topics
        )
        unseen = _count("produced", f"{prefix}actions") > len(self._commands) or _count(
            "produced", f"{prefix}decisions"
        ) > len(self._decisions)
        return not (unread or unseen)

    async def _busy(self) -> bool:
        return bool(self._app.consumer.busy)

    def _until(self, reached: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + _PATIENCE_S
        while not reached():
            if time.monotonic() > give_up:
                raise TimeoutError(f"waited {_PATIENCE_S:.0f} s until {what}")
            time.sleep(0.01)

    def _ask(self, question: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(_PATIENCE_S)


def _count(name: str, topic: str) -> int:
    return int(REGISTRY.get_sample_value(f"throughline_records_{name}_total", {"topic": topic}) or 0)
