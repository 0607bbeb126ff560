"""Forgetting a customer: what is deleted, what is called back, and what keeps it from coming back.

A customer is several records on several partitions: their own, those of the customers merged into them, and one
for every identifier. Each is forgotten under its own key, so the request goes down the tree of merges: a customer
asks those merged into it, and each of them deletes its own rows and tells the identifiers that it finds there.

What remains is a mark for each id and identifier, a keyed hash that says up to when nothing is taken in. It is
looked up only where there is no record; a record that begins after it carries the time on in `erased_at`. What is
turned away by it may tell of identifiers that were not known to be the customer's: they are forgotten then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from pipeline.domain import state as states
from pipeline.domain.actions import CancelAction
from pipeline.domain.customers import Profile
from pipeline.domain.erased_identity import BY_ERASURE, same_person
from pipeline.domain.evidence import CUSTOMER_NUMBER, meaningless
from pipeline.domain.ids import fingerprint, is_provisional, new_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.journal import CLAIMED_BY_BOTH
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    IdentifiedInteraction,
    IdentifierErased,
    IntentRecognised,
    MergeRequested,
    Output,
)
from pipeline.domain.requests import EraseRequested, Request, UnmergeRequested
from pipeline.domain.rows import Forget, HeldIdentifier
from pipeline.domain.state import HELD, CustomerState

AboutCustomer = (
    IdentifiedInteraction
    | Profile
    | MergeRequested
    | CustomerMoved
    | CustomerTakenOut
    | IntentRecognised
    | ActionReceipt
    | Request
)
BEGINNINGS = (
    IdentifiedInteraction,
    Profile,
    MergeRequested,
    CustomerMoved,
    EraseRequested,
    IntentRecognised,
)
"""What may begin a customer's record; anything else is about something that a record must already tell of.

A recognised intent is about an event, but may overtake it.
"""

PENDING = ("decided", "accepted", "unknown")
"""How far an action has come that can still be called back."""

_MARK = 8


def customer_mark(customer_id: str, secret: bytes) -> str:
    """What remains of a customer's id: a hash that only who has the `secret` can make (at most 64 bytes)."""
    return _mark("customer", customer_id, secret)


def identifier_mark(key: str, secret: bytes) -> str:
    """What remains of an identifier's key (`type:value`), as `customer_mark`."""
    return _mark("identifier", key, secret)


def _mark(kind: str, name: str, secret: bytes) -> str:
    return hashlib.blake2b(f"{kind}:{name}".encode(), key=secret, digest_size=16).hexdigest()


def newly_held(state: CustomerState, identifiers: Sequence[Identifier], at: int) -> list[HeldIdentifier]:
    """Rows for the identifiers that the record does not show to have one; to be called before it takes them in."""
    rows = []
    for identifier in identifiers:
        key = identifier.key
        if key in state.identifiers:
            continue
        mark = fingerprint(key)
        if mark in (state.held[start : start + _MARK] for start in range(0, len(state.held), _MARK)):
            continue
        state.held = (state.held + mark)[-HELD * _MARK :]
        if not meaningless(identifier):
            rows.append(HeldIdentifier(customer_id=state.customer_id, identifier=identifier, seen_at=at))
    return rows


def erase(state: CustomerState, request: EraseRequested) -> list[Output]:
    """Forget the customer: commands that call actions back, and the end of the record and its rows.

    Who was merged into another customer is forgotten with that one, and only if that is still so.
    """
    parent = state.merged_into
    if not request.within and parent is not None:
        return [replace(request, customer_id=parent)]
    if request.unless_known and state.known:
        return []
    if request.within and parent not in request.within:
        state.apart = [other for other in state.apart if other not in request.within]
        return []
    brought = states.decode(state.before_merge) if state.before_merge else state
    forget = Forget(
        customer_id=state.customer_id,
        erased_at=request.requested_at,
        by=request.by,
        customers=list(dict.fromkeys([*request.within, state.customer_id, *brought.absorbed])),
        identifiers=[*_identifiers_of(brought).values()],
        others=[*brought.absorbed, *state.apart],
    )
    return [*_called_back(state, state.customer_id, request.requested_at), forget]


def _identifiers_of(state: CustomerState) -> dict[str, Identifier]:
    found = [*state.disputed, *(seen.identifier for seen in state.identifiers.values())]
    if state.profile is not None:
        found += state.profile.identifiers
    if not is_provisional(state.customer_id):
        found.append(Identifier(CUSTOMER_NUMBER, state.customer_id, "verified"))
    return {identifier.key: identifier for identifier in found}


def _called_back(state: CustomerState, customer_id: str, at: int) -> list[ActionCommand]:
    return [
        ActionCommand(
            action_id=new_id("action", BY_ERASURE, action_id),
            customer_id=customer_id,
            kind="cancel_action",
            lane="transactional",
            body=CancelAction(action_id=action_id, reason="customer_erased"),
            strategy_id=BY_ERASURE,
            strategy_version=1,
            attempt_key=action_id,
            step="cancel",
            occurrence=0,
            decided_at=at,
        )
        for action_id, status in state.actions.items()
        if status in PENDING
    ]


def forgotten(forget: Forget, rows: Iterable[HeldIdentifier]) -> list[IdentifierErased | EraseRequested]:
    """Whom the end of a record is to be told: its identifiers, those of its `rows` too, and who was merged into it.

    Who was kept apart from the customer is told as well, to forget that.
    """
    held = {row.identifier.key: row.identifier for row in rows}
    held |= {identifier.key: identifier for identifier in forget.identifiers}
    outputs: list[IdentifierErased | EraseRequested] = [
        IdentifierErased(identifier=held[key], customers=forget.customers, erased_at=forget.erased_at)
        for key in sorted(held)
        if not meaningless(held[key])
    ]
    outputs += [
        EraseRequested(
            customer_id=other, by=forget.by, requested_at=forget.erased_at, within=forget.customers
        )
        for other in forget.others
    ]
    return outputs


def turned_away(state: CustomerState, message: AboutCustomer, begins: bool) -> list[Output] | None:
    """None when the message is to be folded; else what comes of it instead, the record staying as it is.

    `begins` tells that there is no record yet; `state` is then an empty one that knows of an erasure.
    """
    if isinstance(message, EraseRequested):
        done = message.requested_at <= state.erased_at
        return [] if done or (begins and message.within) else None
    if not outdated(state, message) and not (begins and _still_claimed(state, message)):
        return [] if begins and not isinstance(message, BEGINNINGS) else None
    match message:
        case IdentifiedInteraction():
            number = message.resolved_by.removeprefix(f"{CUSTOMER_NUMBER}:")
            if number not in (message.resolved_by, state.customer_id):
                return [replace(message, customer_id=number)]
            return [
                _erased(identifier, state)
                for identifier in message.interaction.identifiers
                if not meaningless(identifier)
            ]
        case CustomerMoved():
            back = EraseRequested(
                customer_id=message.loser,
                by=BY_ERASURE,
                requested_at=state.erased_at,
                within=[one for one in (state.customer_id, message.through) if one is not None],
            )
            return [*_called_back(states.decode(message.state), state.customer_id, state.erased_at), back]
        case MergeRequested() if message.rule == CLAIMED_BY_BOTH:
            return [_erased(message.evidence, state)]
        case MergeRequested():
            return [same_person(message.winner, state.erased_at)]
    return []


def _still_claimed(state: CustomerState, message: AboutCustomer) -> bool:
    """Whether an identifier's record has it that it is this customer's, who is forgotten."""
    dispute = isinstance(message, MergeRequested) and message.rule == CLAIMED_BY_BOTH
    return dispute and state.erased_at >= 0


def _erased(identifier: Identifier, state: CustomerState) -> IdentifierErased:
    return IdentifierErased(identifier=identifier, customers=[state.customer_id], erased_at=state.erased_at)


def outdated(state: CustomerState, message: AboutCustomer) -> bool:
    """Whether the message tells of something up to the customer's erasure."""
    return state.erased_at >= 0 and _time_of(message) <= state.erased_at


def _time_of(message: AboutCustomer) -> int:
    match message:
        case IdentifiedInteraction():
            return message.interaction.occurred_at
        case Profile():
            return message.updated_at
        case MergeRequested() | UnmergeRequested():
            return message.requested_at
        case CustomerMoved():
            return message.moved_at
        case CustomerTakenOut():
            return message.taken_out_at
        case IntentRecognised():
            return message.occurred_at
        case ActionReceipt():
            return message.at
        case _:
            return message.requested_at
