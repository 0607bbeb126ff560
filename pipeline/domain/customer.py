"""The fold of one customer: a message and the hot record → the record brought up to date, and what to
publish.

Deterministic: the same messages in the same order, with timers fired at the same times, give the same
outputs with the same ids. The caller owns the state, passes the clock, and calls `fire` when
`state.next_due` has come.
"""

from __future__ import annotations

import msgspec

from pipeline.domain import state as states
from pipeline.domain.customers import Profile
from pipeline.domain.identity import CUSTOMER_NUMBER, links_of
from pipeline.domain.ids import fingerprint, is_provisional
from pipeline.domain.interactions import Interaction
from pipeline.domain.merging import absorb, advance_action, bound_orders
from pipeline.domain.messages import (
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    IdentifiedInteraction,
    IntentRecognised,
    MergeRequested,
    Output,
)
from pipeline.domain.requests import Request
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.sessions import (
    GRACE_MS,
    close_sessions,
    is_contact,
    is_late,
    touch_going_on,
    touch_session,
)
from pipeline.domain.state import (
    IDENTIFIERS,
    ORDER_FACTS,
    CustomerState,
    GoingOn,
    Seen,
    Session,
    Thread,
    cut,
    remember,
    seen,
)
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.evaluate import due_waits, on_due, on_event
from pipeline.domain.strategies.moment import moment_of_event
from pipeline.domain.threads import ORDER, find_thread, touch_thread

Message = (
    Profile
    | IdentifiedInteraction
    | MergeRequested
    | CustomerMoved
    | CustomerTakenOut
    | IntentRecognised
    | ActionReceipt
    | Request
)
MERGED = "merged"


def handle(state: CustomerState, message: Message, now: int, rules: Rules) -> list[Output]:
    """Fold one message into the customer's state, in place; `now` is the wall clock, epoch milliseconds.

    What belongs to another customer (this one has been merged, or the message proves another one) is sent on.
    """
    match message:
        case IdentifiedInteraction():
            outputs = _on_interaction(state, message, now, rules)
        case Profile():
            outputs = _on_profile(state, message)
        case MergeRequested():
            outputs = _on_merge(state, message, now)
        case CustomerMoved():
            outputs = _on_moved(state, message)
        case ActionReceipt():
            outputs = _on_receipt(state, message)
    due = _next_due(state)
    # Every event puts off the end of its session: that is looked up when the earlier time comes, which is
    # cheaper than to move the deadline every time.
    if due is None or state.next_due is None or due < state.next_due:
        state.next_due = due
    return outputs


def fire(state: CustomerState, now: int, rules: Rules) -> list[Output]:
    """Do what has fallen due by `now`, in the order in which it fell due: waits of strategies, then ends of
    sessions.

    A step that begins a wait which is over already takes its turn in the same call.
    """
    outputs: list[Output] = []
    while due := due_waits(state, now):
        _, name, step_id = due[0]
        outputs.extend(on_due(state, rules, now, name, step_id))
    close_sessions(state, now)
    state.next_due = _next_due(state)
    return outputs


def _next_due(state: CustomerState) -> int | None:
    """The earliest time at which something must happen."""
    dues = [session.closes_at + GRACE_MS for session in state.sessions]
    for attempt in state.attempts.values():
        if attempt.ended_at is None:
            dues.extend(wait.due for wait in attempt.waits.values() if wait.due is not None)
    return min(dues, default=None)


def _on_interaction(
    state: CustomerState, message: IdentifiedInteraction, now: int, rules: Rules
) -> list[Output]:
    elsewhere = _sent_on(state, message)
    if elsewhere is not None:
        return [elsewhere]
    event = message.interaction
    mark = fingerprint(event.event_id)
    if seen(state, mark):
        return []
    forgotten = event.occurred_at <= state.forgotten_at
    remember(state, mark, event.occurred_at)
    state.known = state.known or message.known
    if forgotten or is_late(event):
        return _too_late(state, event, now, rules, forgotten)
    going_on: GoingOn | None = None
    session: Session | None = None
    if is_contact(event):
        _note_identifiers(state, event)
        session = touch_session(state, event)
        going_on, began = touch_going_on(state, event)
        _count(state, event, began)
    else:
        _note_order(state, event)
    thread = touch_thread(state, event, going_on)
    moment = moment_of_event(state, rules, now, event, (going_on, session, thread))
    if is_contact(event):
        moment.outputs.append(_entry(state, event, session, thread, late=False))
    on_event(moment)
    return moment.outputs


def _sent_on(state: CustomerState, message: IdentifiedInteraction) -> IdentifiedInteraction | None:
    """The message for the customer that it belongs to, None when that is this one.

    A customer number goes before a merge: the device of a customer who was taken for another one by weaker
    evidence may just have logged in.
    """
    number = message.resolved_by.removeprefix(f"{CUSTOMER_NUMBER}:")
    if number not in (message.resolved_by, state.customer_id):
        return msgspec.structs.replace(message, customer_id=number)
    if state.merged_into is None:
        return None
    by = f"{MERGED}:{state.customer_id}"
    return msgspec.structs.replace(message, customer_id=state.merged_into, resolved_by=by)


def _too_late(
    state: CustomerState, event: Interaction, now: int, rules: Rules, forgotten: bool
) -> list[Output]:
    """An event for the history only. One so old that it may be a duplicate does not even count."""
    if not is_contact(event):
        _note_order(state, event)
        return []
    going_on = state.going_on.get(f"{event.channel}:{event.interaction_id}")
    thread = find_thread(state, event, going_on)
    moment = moment_of_event(state, rules, now, event, (going_on, None, thread))
    moment.outputs.append(_entry(state, event, None, None, late=True))
    if not forgotten:
        on_event(moment, late=True)
    return moment.outputs


def _entry(
    state: CustomerState, event: Interaction, session: Session | None, thread: Thread | None, late: bool
) -> HistoryEntry:
    return HistoryEntry(
        customer_id=state.customer_id,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        channel=event.channel,
        kind=event.kind,
        interaction_id=event.interaction_id,
        session_id=session.session_id if session else None,
        thread_id=thread.thread_id if thread else None,
        subject=event.subject,
        late=late,
    )


def _count(state: CustomerState, event: Interaction, began: bool) -> None:
    history, at = state.history, event.occurred_at
    if began:
        history.contacts += 1
        history.channels[event.channel] = history.channels.get(event.channel, 0) + 1
    if history.first_contact_at is None or at < history.first_contact_at:
        history.first_contact_at = at
    if history.last_contact_at is None or at >= history.last_contact_at:
        history.last_contact_at, history.last_channel = at, event.channel


def _note_identifiers(state: CustomerState, event: Interaction) -> None:
    """Keep what can serve as an address: what the customer wrote from, and what is verified."""
    for position, identifier in enumerate(event.identifiers):
        if position == 0 or identifier.assurance == "verified":
            state.identifiers.pop(identifier.key, None)
            state.identifiers[identifier.key] = Seen(identifier, event.occurred_at)
    while len(state.identifiers) > IDENTIFIERS:
        del state.identifiers[next(iter(state.identifiers))]


def _note_order(state: CustomerState, event: Interaction) -> None:
    """What the system of record says about an order; of two events the one that happened later is right."""
    order_id = event.facts.get(ORDER)
    if order_id is None:
        return
    order = state.history.orders.setdefault(str(order_id), {})
    at = order.get("status_at", -1)
    newest = not isinstance(at, int) or event.occurred_at >= at
    for name, value in {**event.attributes, **event.facts}.items():
        if (newest or name not in order) and (name in order or len(order) < ORDER_FACTS):
            order[name] = cut(value)
    if newest:
        order |= {"status": event.kind, "status_at": event.occurred_at}
    bound_orders(state.history)


def _on_profile(state: CustomerState, profile: Profile) -> list[Output]:
    if state.profile is None or profile.updated_at >= state.profile.updated_at:
        state.profile, state.known = profile, True
    return [*links_of(profile)]


def _on_merge(state: CustomerState, request: MergeRequested, now: int) -> list[Output]:
    """Hand over to the winner; if this customer has gone to another one already, those two are to be merged.

    Two known customers are not merged by this.
    """
    gone_to = state.merged_into
    if gone_to is not None:
        both_known = not is_provisional(gone_to) and not is_provisional(request.winner)
        if gone_to == request.winner or both_known:
            return []
        winner, loser = sorted((gone_to, request.winner), key=lambda one: (is_provisional(one), one))
        return [msgspec.structs.replace(request, winner=winner, loser=loser)]
    if request.winner == state.customer_id or not is_provisional(state.customer_id):
        return []
    moved = CustomerMoved(
        winner=request.winner, loser=state.customer_id, state=states.encode(state), moved_at=now
    )
    _empty(state, request.winner)
    return [moved]


def _empty(state: CustomerState, winner: str) -> None:
    """Keep nothing of the customer but where they went."""
    blank = CustomerState(state.customer_id, merged_into=winner)
    for field in state.__struct_fields__:
        setattr(state, field, getattr(blank, field))


def _on_moved(state: CustomerState, moved: CustomerMoved) -> list[Output]:
    if state.merged_into is not None:
        return [msgspec.structs.replace(moved, winner=state.merged_into)]
    absorb(state, states.decode(moved.state))
    return []


def _on_receipt(state: CustomerState, receipt: ActionReceipt) -> list[Output]:
    if state.merged_into is not None:
        return [msgspec.structs.replace(receipt, customer_id=state.merged_into)]
    if receipt.action_id in state.actions:
        advance_action(state, receipt.action_id, receipt.status)
    return []
