"""Where each value goes: its topic and key, and what its CloudEvents headers say of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    Decision,
    IdentifiedInteraction,
    IdentifierErased,
    IdentityChange,
    IdentityLink,
    IntentRecognised,
    MergeRequested,
    SessionClosed,
)
from pipeline.domain.releases import KillSwitch, StrategyRelease, StrategyRollout
from pipeline.domain.requests import EraseRequested, ThreadsJoined, ThreadSplit, UnmergeRequested
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.headers import Headers, TraceParent, build_headers, event_type
from pipeline.wire.workers import WorkerStatus

_IDENTIFIED = "interactions.identified"
_REQUESTS = "customer.requests"
_STRATEGIES = "strategies"


class Route(NamedTuple):
    """Topic (without the prefix), key, id and time (epoch milliseconds) of a value."""

    topic: str
    key: str
    event_id: str
    time: int


def key_of(value: Any) -> str:
    """The Kafka key of a record's value."""
    if isinstance(value, DeadLetter):
        return value.key.decode(errors="replace") if value.key else ""
    key: str = value.customer_id if isinstance(value, Profile) else value.key
    return key


def route(value: msgspec.Struct) -> Route:
    """The route of a value. Raises TypeError for one that is no record of a topic."""
    try:
        topic, event_id, time = _WHERE[type(value)](value)
    except KeyError:
        raise TypeError(f"{type(value).__name__} belongs to no topic") from None
    return Route(topic, key_of(value), event_id, time)


# Topic, id and time of a value.
_WHERE: dict[type[msgspec.Struct], Callable[[Any], tuple[str, str, int]]] = {
    Interaction: lambda it: (f"interactions.{it.channel}", it.event_id, it.occurred_at),
    IdentifiedInteraction: lambda it: (_IDENTIFIED, it.interaction.event_id, it.interaction.occurred_at),
    MergeRequested: lambda it: (_IDENTIFIED, f"{it.loser}/{it.winner}", it.requested_at),
    CustomerMoved: lambda it: (_IDENTIFIED, f"{it.loser}/{it.winner}", it.moved_at),
    IdentityLink: lambda it: ("identity.links", it.event_id or it.key, it.linked_at),
    CustomerTakenOut: lambda it: (_IDENTIFIED, f"{it.loser}/{it.winner}", it.taken_out_at),
    IdentifierErased: lambda it: ("identity.links", f"{it.customers[-1]}/{it.erased_at}", it.erased_at),
    IdentityChange: lambda it: ("identity.changes", it.change_id, it.at),
    SessionClosed: lambda it: ("sessions.closed", it.event_id, it.closed_at),
    IntentRecognised: lambda it: ("intents", it.event_id, it.occurred_at),
    EraseRequested: lambda it: (_REQUESTS, f"{it.customer_id}/erase/{it.requested_at}", it.requested_at),
    UnmergeRequested: lambda it: (_REQUESTS, f"{it.loser}/{it.winner}/unmerge", it.requested_at),
    ThreadsJoined: lambda it: (_REQUESTS, f"{it.thread_id}/{it.into}/join", it.requested_at),
    ThreadSplit: lambda it: (_REQUESTS, f"{it.thread_id}/{it.requested_at}/split", it.requested_at),
    Profile: lambda it: ("customers", it.customer_id, it.updated_at),
    ActionCommand: lambda it: ("actions", it.action_id, it.decided_at),
    ActionReceipt: lambda it: ("action.receipts", it.action_id, it.at),
    Decision: lambda it: ("decisions", it.decision_id, it.decided_at),
    DeadLetter: lambda it: ("dead-letters", f"{it.source}/{it.partition}/{it.offset}", it.failed_at),
    StrategyRelease: lambda it: (_STRATEGIES, it.key, it.released_at),
    StrategyRollout: lambda it: (_STRATEGIES, f"{it.strategy_id}/{it.changed_at}/roll-out", it.changed_at),
    DeclaredCircumstance: lambda it: (
        "circumstances",
        f"{it.circumstance_id}/{it.declared_at}",
        it.declared_at,
    ),
    KillSwitch: lambda it: (_STRATEGIES, f"{it.key}/{it.changed_at}", it.changed_at),
    WorkerStatus: lambda it: ("workers", f"{it.worker_id}/{it.updated_at}", it.updated_at),
}


def headers_of(value: msgspec.Struct, where: Route, source: str, trace: TraceParent | None) -> Headers:
    """The CloudEvents headers of a value that `source` publishes, in the trace of what caused it."""
    return build_headers(
        where.event_id, event_type(value), source, where.time, trace.child() if trace is not None else None
    )
