"""The identity agent: from an identifier to a customer."""

from __future__ import annotations

from typing import Any

from pipeline.agents.outlet import Cause, Outlet
from pipeline.domain.identity import IdentityRecord, handle
from pipeline.domain.interactions import CHANNELS, Interaction
from pipeline.domain.messages import IdentifierErased, IdentityLink
from pipeline.runtime.app import App
from pipeline.runtime.batch import Batch


def declare(app: App, outlet: Outlet, prefix: str) -> None:
    """Add the agent and its table to the app."""
    identities = app.Table("identities", value_type=IdentityRecord)
    topics = [f"{prefix}interactions.{channel}" for channel in CHANNELS]
    evidence = app.topic(*topics, f"{prefix}identity.links", value_type=bytes)

    @app.agent(evidence, name="identity")
    async def identity(batches: Any) -> None:
        """Say whose every event is, and ask for a merge when evidence joins two customers."""
        async for batch in batches:
            fold(batch)

    def fold(batch: Batch) -> None:
        table = identities.partition(batch.partition)

        def one(value: Interaction | IdentityLink | IdentifierErased, cause: Cause) -> None:
            key = value.key
            known = table.get(key)
            record, outputs = handle(known, value)
            if record is not None and record is not known:
                table.put(key, record)
            for output in outputs:
                outlet.send(batch.checkpoint, output, cause)

        outlet.read(batch, one, Interaction, IdentityLink, IdentifierErased)
