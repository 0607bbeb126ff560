"""The identity agent: from an identifier to a customer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.agents.customers import Marks
from pipeline.agents.outlet import Cause, Outlet
from pipeline.domain.erased_identity import begun_anew, unheard
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.identity import handle
from pipeline.domain.interactions import CHANNELS, Interaction
from pipeline.domain.messages import IdentifierErased, IdentityLink, Output
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.app import App
from pipeline.runtime.batch import Batch
from pipeline.runtime.tables import Table

_suppressed = PIPELINE.suppressed.labels("identity")


def declare(app: App, outlet: Outlet, prefix: str, marks: Marks) -> Table:
    """Add the agent and its table to the app; returns the table. `marks` tell which identifiers were forgotten."""
    identities: Table = app.Table("identities", value_type=IdentityRecord)
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
            erased_at = marks.of_identifier(batch.partition, key) if known is None else known.erased_at
            instead = unheard(known, value, erased_at)
            if instead is not None:
                _suppressed.inc()
                send(batch, instead, cause)
                return
            record, outputs = handle(known, value)
            if isinstance(value, IdentifierErased):
                marks.mark_identifier(batch.partition, key, value.erased_at)
                table.delete(key)
            record = begun_anew(record, erased_at)
            if record is not None and record is not known:
                table.put(key, record)
            send(batch, outputs, cause)

        outlet.read(batch, one, Interaction, IdentityLink, IdentifierErased)

    def send(batch: Batch, outputs: Iterable[Output], cause: Cause) -> None:
        for output in outputs:
            outlet.send(batch.checkpoint, output, cause)

    return identities
