"""The intents agent: what customers want, read from their events beside the pipeline, which never waits for it."""

from __future__ import annotations

from typing import Any

from pipeline.agents.outlet import Cause, Outlet
from pipeline.domain.intents import Recogniser, recognised
from pipeline.domain.messages import IdentifiedInteraction
from pipeline.runtime.app import App
from pipeline.runtime.batch import Batch


def declare(app: App, outlet: Outlet, recogniser: Recogniser) -> None:
    """Add the agent to an app whose driver is the topic of identified events; it keeps no table."""
    identified = app.topic(app.driver_topic, value_type=bytes)

    @app.agent(identified, name="intents")
    async def intents(batches: Any) -> None:
        """Say of every event what its customer wants, where it tells."""
        async for batch in batches:
            read(batch)

    def read(batch: Batch) -> None:
        def one(message: IdentifiedInteraction, cause: Cause) -> None:
            found = recognised(recogniser, message)
            if found is not None:
                outlet.send(batch.checkpoint, found, cause)

        outlet.read_beside(batch, one, IdentifiedInteraction)
