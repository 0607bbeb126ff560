"""The identifiers that a customer is seen under: what serves as an address, so many of each type."""

from __future__ import annotations

from pipeline.domain.evidence import RANK
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import CustomerState, Seen

LIMITS: dict[str, int] = {
    "customer_number": 5,
    "device": 20,
    "email": 10,
    "phone": 10,
    "social": 10,
    "loyalty_card": 5,
    "chat": 10,
    "order_number": 5,
}
OTHER_TYPES = 5
"""How many identifiers of each type the hot record has: the best vouched for, and of those the latest."""


def note_identifiers(state: CustomerState, event: Interaction) -> None:
    """Keep what can serve as an address: what the customer wrote from, and what is verified."""
    for position, identifier in enumerate(event.identifiers):
        if position == 0 or identifier.assurance == "verified":
            key, at = identifier.key, event.occurred_at
            before = state.identifiers.get(key)
            if before is None:
                state.identifiers[key] = Seen(identifier, at)
                _bound(state.identifiers, identifier.type)
            elif before.identifier == identifier:  # as nearly always
                before.last_at = at if at > before.last_at else before.last_at
            else:
                state.identifiers[key] = _better(before, Seen(identifier, at))


def join_identifiers(state: CustomerState, others: dict[str, Seen]) -> None:
    """Take in the identifiers of another record; the result does not depend on which takes in which."""
    held = state.identifiers
    for key, seen in others.items():
        held[key] = _better(held.get(key), seen)
    state.identifiers = {key: held[key] for key in sorted(held, key=lambda key: (held[key].last_at, key))}
    for type_ in {seen.identifier.type for seen in others.values()}:
        _bound(state.identifiers, type_)


def _better(one: Seen | None, two: Seen) -> Seen:
    """The identifier as sure as it was at best, and when it was seen last."""
    if one is None:
        return two
    surest = max(one.identifier, two.identifier, key=lambda it: RANK[it.assurance])
    return Seen(surest, max(one.last_at, two.last_at))


def _bound(held: dict[str, Seen], type_: str) -> None:
    """Let go of what is beyond the type's limit, the weakest and the oldest first."""
    of_type = [key for key, seen in held.items() if seen.identifier.type == type_]
    excess = len(of_type) - LIMITS.get(type_, OTHER_TYPES)
    if excess > 0:
        of_type.sort(key=lambda key: (RANK[held[key].identifier.assurance], held[key].last_at, key))
        for key in of_type[:excess]:
            del held[key]
