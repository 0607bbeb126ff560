"""The fold of one customer: a message and the hot record → the record brought up to date, and what to
publish.

Deterministic: the same messages in the same order, with timers fired at the same times, give the same
outputs with the same ids. The caller owns the state, passes the clock, and calls `fire` when
`state.next_due` has come.
"""

from __future__ import annotations

import msgspec

from pipeline.domain.closing import close
from pipeline.domain.contacts import GAP_MS, GRACE_MS, at_possible_time, is_contact, is_late
from pipeline.domain.customers import Profile
from pipeline.domain.erasure import erase, newly_held
from pipeline.domain.fading import fade
from pipeline.domain.going_on import key_of, touch_by_desk, touch_going_on
from pipeline.domain.held import note_identifiers
from pipeline.domain.history import count_contact, note_order
from pipeline.domain.identity import links_of
from pipeline.domain.ids import fingerprint
from pipeline.domain.intents import on_intent, take_early
from pipeline.domain.interactions import Interaction
from pipeline.domain.merges import (
    on_merge,
    on_moved,
    on_profile_of_merged,
    on_taken_out,
    on_unmerge,
    sent_on,
)
from pipeline.domain.messages import (
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    IdentifiedInteraction,
    IntentRecognised,
    MergeRequested,
    Output,
)
from pipeline.domain.receipts import on_receipt
from pipeline.domain.recent import remember, seen
from pipeline.domain.requests import EraseRequested, Request, ThreadsJoined, ThreadSplit, UnmergeRequested
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.sessions import closing_at, touch_session
from pipeline.domain.state import (
    CustomerState,
    GoingOn,
    Session,
    Thread,
)
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.evaluate import on_due, on_event
from pipeline.domain.strategies.moment import Moment, moment_of_event
from pipeline.domain.strategies.waits import due_waits, look_anew
from pipeline.domain.telling import tell
from pipeline.domain.thread_edits import join_threads, split_thread
from pipeline.domain.threads import find_thread, touch_thread

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


def handle(state: CustomerState, message: Message, now: int, rules: Rules) -> list[Output]:
    """Fold one message into the customer's state, in place; `now` is the wall clock, epoch milliseconds.

    What belongs to another customer (this one has been merged, or the message proves another one) is sent on.
    """
    match message:
        case IdentifiedInteraction():
            outputs = _on_interaction(state, message, now, rules)
            if rules.circumstances:
                outputs += tell(state, now, rules)
        case Profile():
            outputs = _on_profile(state, message)
        case MergeRequested():
            outputs = on_merge(state, message, now)
        case CustomerMoved():
            outputs = on_moved(state, message, now)
        case UnmergeRequested():
            outputs = on_unmerge(state, message, now)
        case CustomerTakenOut():
            outputs = on_taken_out(state, message)
        case IntentRecognised():
            outputs = on_intent(state, message)
        case ActionReceipt():
            outputs = on_receipt(state, message)
        case ThreadsJoined() | ThreadSplit():
            outputs = _on_thread_edit(state, message)
        case EraseRequested():
            outputs = erase(state, message)
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
    outputs = _end_waits(state, now, rules)
    outputs += close(state, now, rules)
    if rules.circumstances or state.circumstances:
        outputs += tell(state, now, rules)
    outputs += _end_waits(state, now, rules)
    if not state.sessions:
        fade(state, now, rules)
    state.next_due = _next_due(state)
    return outputs


def _end_waits(state: CustomerState, now: int, rules: Rules) -> list[Output]:
    outputs: list[Output] = []
    while due := due_waits(state, now, rules):
        _, _, name, step_id = due[0]
        on_due(state, rules, now, name, step_id, outputs)
    return outputs


def _next_due(state: CustomerState) -> int | None:
    """The earliest time at which something must happen."""
    dues = [closing_at(state, session) + GRACE_MS for session in state.sessions]
    for attempt in state.attempts.values():
        if attempt.ended_at is None:
            dues.extend(wait.due for wait in attempt.waits.values() if wait.due is not None)
    dues.extend(state.circumstances.values())
    return min(dues, default=None)


def _on_interaction(
    state: CustomerState, message: IdentifiedInteraction, now: int, rules: Rules
) -> list[Output]:
    elsewhere = sent_on(state, message)
    if elsewhere:
        if state.merged_into is not None:
            elsewhere += newly_held(state, message.interaction.identifiers, now)
        return elsewhere
    event = at_possible_time(message.interaction, now)
    skew_ms = message.interaction.occurred_at - event.occurred_at
    mark = fingerprint(event.event_id)
    if seen(state, mark):
        return []
    contact = is_contact(event)
    forgotten = event.occurred_at <= state.forgotten_at
    remember(state, mark, event.occurred_at)
    state.known = state.known or message.known
    rows = newly_held(state, event.identifiers, event.occurred_at)
    if forgotten or (contact and is_late(event)):
        take_early(state)
        return [*rows, *_too_late(state, event, now, rules, forgotten, skew_ms)]
    going_on: GoingOn | None = None
    session: Session | None = None
    if contact:
        note_identifiers(state, event)
        going_on, began = touch_going_on(state, event)
        session = touch_session(state, event)
        count_contact(state.history, event, began)
    elif event.channel in GAP_MS:
        going_on = touch_by_desk(state, event)
    else:
        note_order(state.history, event)
    thread = touch_thread(state, event, going_on, contact)
    take_early(state)
    moment = moment_of_event(state, rules, now, event, (going_on, session, thread))
    moment.outputs.extend(rows)
    if event.channel in GAP_MS:
        moment.outputs.append(_entry(moment, session, thread, skew_ms))
    on_event(moment)
    return moment.outputs


def _too_late(
    state: CustomerState, event: Interaction, now: int, rules: Rules, forgotten: bool, skew_ms: int
) -> list[Output]:
    """An event for the history only. One so old that it may be a duplicate does not even count."""
    if event.channel not in GAP_MS:
        note_order(state.history, event)
        return []
    going_on = state.going_on.get(key_of(event))
    thread = find_thread(state, event, going_on)
    moment = moment_of_event(state, rules, now, event, (going_on, None, thread))
    moment.outputs.append(_entry(moment, None, None, skew_ms, late=True))
    if not forgotten:
        on_event(moment, late=True)
    return moment.outputs


def _entry(
    moment: Moment, session: Session | None, thread: Thread | None, skew_ms: int, late: bool = False
) -> HistoryEntry:
    event = moment.event
    return HistoryEntry(
        customer_id=moment.state.customer_id,
        event_id=event.event_id,
        occurred_at=event.occurred_at,
        channel=event.channel,
        kind=event.kind,
        interaction_id=event.interaction_id,
        session_id=session.session_id if session else None,
        thread_id=thread.thread_id if thread else None,
        subject=event.subject,
        late=late,
        adviser=moment.interaction.adviser,
        clock_skew_ms=skew_ms,
    )


def _on_profile(state: CustomerState, profile: Profile) -> list[Output]:
    rows = newly_held(state, profile.identifiers, profile.updated_at)
    if state.merged_into is not None:
        return [*rows, *on_profile_of_merged(state, state.merged_into, profile)]
    if state.profile is None or profile.updated_at >= state.profile.updated_at:
        moved = state.profile is not None and state.profile.timezone != profile.timezone
        state.profile, state.known = profile, True
        if moved:
            look_anew(state)
    return [*rows, *links_of(profile)]


def _on_thread_edit(state: CustomerState, request: ThreadsJoined | ThreadSplit) -> list[Output]:
    """What an adviser says of threads; of one that is not remembered it changes nothing."""
    if state.merged_into is not None:
        return [msgspec.structs.replace(request, customer_id=state.merged_into)]
    if isinstance(request, ThreadsJoined):
        join_threads(state, request.thread_id, request.into)
    else:
        split_thread(state, request)
    return []
