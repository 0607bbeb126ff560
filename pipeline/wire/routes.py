"""Where each value goes: its topic and key, and what its CloudEvents headers say of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    Decision,
    IdentifiedInteraction,
    IdentityLink,
    MergeRequested,
)
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.headers import Headers, TraceParent, build_headers, event_type


class Route(NamedTuple):
    """Topic (without the prefix), key, id and time (epoch milliseconds) of a value."""

    topic: str
    key: str
    event_id: str
    time: int


def route(value: msgspec.Struct) -> Route:
    """The route of a value. Raises TypeError for one that is no record of a topic."""
    match value:
        case Interaction():
            return Route(f"interactions.{value.channel}", value.key, value.event_id, value.occurred_at)
        case IdentifiedInteraction():
            event = value.interaction
            return Route("interactions.identified", value.key, event.event_id, event.occurred_at)
        case MergeRequested():
            merge = f"{value.loser}/{value.winner}"
            return Route("interactions.identified", value.key, merge, value.requested_at)
        case CustomerMoved():
            return Route(
                "interactions.identified", value.key, f"{value.loser}/{value.winner}", value.moved_at
            )
        case IdentityLink():
            return Route("identity.links", value.key, value.event_id or value.key, value.linked_at)
        case Profile():
            return Route("customers", value.customer_id, value.customer_id, value.updated_at)
        case ActionCommand():
            return Route("actions", value.key, value.action_id, value.decided_at)
        case ActionReceipt():
            return Route("action.receipts", value.key, value.action_id, value.at)
        case Decision():
            return Route("decisions", value.key, value.decision_id, value.decided_at)
        case DeadLetter():
            key = value.key.decode(errors="replace") if value.key else ""
            return Route(
                "dead-letters", key, f"{value.source}/{value.partition}/{value.offset}", value.failed_at
            )
    raise TypeError(f"{type(value).__name__} belongs to no topic")


def headers_of(value: msgspec.Struct, where: Route, source: str, trace: TraceParent | None) -> Headers:
    """The CloudEvents headers of a value that `source` publishes, in the trace of what caused it."""
    return build_headers(
        where.event_id, event_type(value), source, where.time, trace.child() if trace is not None else None
    )
