"""The Faust app on the transactional batch transport."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import faust
from faust.app.base import BootStrategy
from yarl import URL

from pipeline.runtime.tables import Table, TableManager
from pipeline.runtime.transport import Transport
from pipeline.settings import Settings

Clock = Callable[[], int]


class _Boot(BootStrategy):
    """Neither a leader election nor a reply topic: nothing here asks for them."""

    def kafka_consumer(self) -> Iterable[Any]:
        return [self.app.consumer]


class App(faust.App):
    """A Faust app whose agents read batches and whose tables, outputs and offsets commit together.

    Args:
        settings: where Kafka and the state directory are, and how often to commit.
        driver_topic: the topic whose partitions are assigned; all input topics follow it.
        clock: the wall clock, epoch milliseconds.
    """

    BootStrategy = _Boot

    def __init__(self, settings: Settings, *, driver_topic: str, clock: Clock) -> None:
        self.settings = settings
        self.driver_topic = driver_topic
        self.clock = clock
        self.failed: BaseException | None = None
        self._on_rolled_back: list[Callable[[], None]] = []
        super().__init__(
            settings.group,
            broker=f"kafka://{settings.bootstrap.split(',')[0]}",
            datadir=str(settings.state_dir),
            Table=Table,
            TableManager=TableManager,
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
            topic_partitions=settings.partitions,
            table_standby_replicas=0,
        )
        self.transport = Transport([URL(f"kafka://{settings.bootstrap}")], self)

    @property
    def input_topics(self) -> set[str]:
        """Every topic that an agent reads."""
        return {name for channel in self.topics for name in channel.topics}

    async def _on_agent_error(self, agent: Any, error: BaseException) -> None:
        # Faust would restart the agent and acknowledge the batch all the same; nothing of it may be committed.
        self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Stop the worker because of `error`; what is not committed is done again by its next life."""
        if self.failed is None and not self.should_stop:
            # The top of Faust's tree of services, so that every one of them stops.
            (self.beacon.root or self.beacon).data._crash(error)
        self._note(error)

    async def crash(self, reason: BaseException) -> None:
        """As `fail`, for a task or timer that raised; Faust's own way would tell of it several times."""
        self.fail(reason)

    def _crash(self, reason: BaseException) -> None:
        # Faust stops the worker when any of its services crashes; that must not end in a commit either.
        self._note(reason)
        super()._crash(reason)

    def _note(self, failure: BaseException) -> None:
        if self.failed is None:
            self.failed = failure
            self.consumer.interrupt()

    def on_rolled_back(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever uncommitted states were thrown away."""
        self._on_rolled_back.append(call)

    def rolled_back(self) -> None:
        """Uncommitted states were thrown away: tell those who derived something from them."""
        for call in self._on_rolled_back:
            call()

    async def on_stop(self) -> None:
        """Commit and leave the group while the agents can still finish their batch."""
        await self.consumer.finish()
        await super().on_stop()
