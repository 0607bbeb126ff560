"""The Faust transport: names the classes through which an unchanged App, Worker and agents use this runtime."""

from __future__ import annotations

import asyncio
from typing import Any

from faust.transport.base import Transport as FaustTransport
from faust.transport.conductor import Conductor as FaustConductor
from mode import Service

from pipeline.runtime.consumer import Consumer
from pipeline.runtime.producer import TransactionalProducer


class Producer(Service):
    """Starts the transactional producer; agents produce through their batch, inside its transaction."""

    def __init__(self, transport: Any, loop: Any = None, **kwargs: Any) -> None:
        super().__init__(loop=loop, **kwargs)
        settings = transport.app.settings
        # Neither name can hold a slash, so no two workers meet in one id.
        self.transactions = TransactionalProducer(settings.kafka(), f"{settings.group}/{settings.worker_id}")

    async def on_start(self) -> None:
        """End what an earlier life of this worker left open; waits for the broker."""
        await asyncio.to_thread(self.transactions.start)

    async def on_stop(self) -> None:
        """Do not hold up the end of the process for a broker that is away."""
        self.transactions.give_up()

    async def flush(self) -> None:
        """Nothing is buffered outside a checkpoint."""


class Fetcher(Service):
    """Faust's slot for a fetcher; fetching is the poller's, which begins at the subscription."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.app = app


class Conductor(FaustConductor):
    """Keeps which agent reads which partition; batches go straight to the agents' channels."""

    def _build_handler(self, tp: Any, channels: Any) -> Any:
        """No handler for single messages is ever called."""
        return None


class Transport(FaustTransport):
    """Transactional batch transport on librdkafka."""

    Consumer = Consumer
    Producer = Producer
    Conductor = Conductor
    Fetcher = Fetcher
    driver_version = "throughline"
