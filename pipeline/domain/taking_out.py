"""A hot record without what another one had brought: the way back from `merging.absorb`.

Counters go down by what was brought, collections lose what was brought, and what came in after the merge stays.
What two records had in common cannot be told apart any more: it goes with the one that leaves.
"""

from __future__ import annotations

from typing import TypeVar

from pipeline.domain.ids import new_id
from pipeline.domain.ledger import take_out as take_out_of_ledger
from pipeline.domain.merging import stand_in
from pipeline.domain.recent import forget_events, remembered
from pipeline.domain.state import (
    About,
    CustomerState,
    GoingOn,
    History,
    Session,
    Thread,
)
from pipeline.domain.thread_parts import CASE, is_lasting

Counted = TypeVar("Counted", Session, GoingOn)


def take_out(state: CustomerState, other: CustomerState) -> None:
    """Take out of `state` what it had taken in with `other`; a record that it had not taken in changes nothing."""
    if other.customer_id not in state.absorbed:
        return
    gone = {other.customer_id, *other.absorbed}
    state.absorbed = [one for one in state.absorbed if one not in gone]
    state.sessions = [
        kept for one in state.sessions if (kept := _session_without(one, other.sessions)) is not None
    ]
    _less_history(state.history, other.history)
    for key, brought in other.going_on.items():
        _interaction_without(state, key, brought)
    for thread in other.threads:
        _thread_without(state, thread)
    for name, attempt in other.attempts.items():
        if name in state.attempts and state.attempts[name].owner == attempt.owner:
            del state.attempts[name]
    if other.profile is not None and state.profile == stand_in(other.profile, state.customer_id):
        state.profile = None
    vouched = {one.key for one in state.profile.identifiers} if state.profile else set()
    for key in other.identifiers.keys() - vouched:
        state.identifiers.pop(key, None)
    for action_id in other.actions:
        state.actions.pop(action_id, None)
    take_out_of_ledger(state, other.spent)
    forget_events(state, remembered(other))


def _session_without(session: Session, brought: list[Session]) -> Session | None:
    """The session without the events of those that were joined to it, None when none is left.

    One that had the id of such a session gets another, for the other customer has that one again.
    """
    within = [one for one in brought if session.started_at <= one.started_at <= session.closes_at]
    if not within:
        return session
    left = 0
    for one in within:
        left = _less(session, one)
        for channel, events in one.channels.items():
            _subtract(session.channels, channel, events)
        if one.session_id == session.session_id:
            session.session_id = new_id("session left", session.session_id)
    return session if left else None


def _interaction_without(state: CustomerState, key: str, brought: GoingOn) -> None:
    """Leave of an interaction the events that the other customer did not bring; it still is a contact of both."""
    going_on = state.going_on.get(key)
    if going_on is None:
        return
    if _less(going_on, brought) == 0:
        del state.going_on[key]
        return
    history = state.history
    history.contacts += 1
    history.channels[brought.channel] = history.channels.get(brought.channel, 0) + 1


def _thread_without(state: CustomerState, brought: Thread) -> None:
    """Leave of a thread what the other customer did not bring: nothing, when no interaction is left.

    The other has its id again, so what is left gets another one.
    """
    names = {brought.thread_id, f"{CASE}:{brought.thread_id}"}
    thread = next((one for one in state.threads if names & {one.thread_id, *one.refs}), None)
    if thread is None:
        return
    refs = [ref for ref in thread.refs if ref not in names and (is_lasting(ref) or ref not in brought.refs)]
    if all(map(is_lasting, refs)):
        state.threads.remove(thread)
        return
    for name, told in brought.told.items():
        if thread.told.get(name) == told:
            del thread.told[name], thread.facts[name]
    thread.refs = refs
    thread.steps_done = [one for one in thread.steps_done if one not in brought.steps_done]
    thread.advisers = [one for one in thread.advisers if one not in brought.advisers]
    thread.attachments = [one for one in thread.attachments if one not in brought.attachments]
    if thread.thread_id == brought.thread_id:
        thread.thread_id = new_id("thread left", thread.thread_id)
    state.history.threads_opened += 1


def _less_history(history: History, brought: History) -> None:
    history.contacts = max(history.contacts - brought.contacts, 0)
    history.threads_opened = max(history.threads_opened - brought.threads_opened, 0)
    history.threads_resolved = max(history.threads_resolved - brought.threads_resolved, 0)
    for channel, contacts in brought.channels.items():
        _subtract(history.channels, channel, contacts)
    for order_id, order in brought.orders.items():
        if history.orders.get(order_id, {}).get("status_at") == order.get("status_at"):
            history.orders.pop(order_id, None)
    for name, times in brought.about.items():
        about = history.about.get(name, About())
        about.times, about.resolved = about.times - times.times, max(about.resolved - times.resolved, 0)
        if about.times <= 0:
            history.about.pop(name, None)
    for preference, stated in brought.stated.items():
        if history.stated.get(preference) == stated:
            del history.stated[preference]


def _less(counted: Counted, brought: Counted) -> int:
    """Take the events of one from those of the other; how many are left."""
    counted.events = max(counted.events - brought.events, 0)
    return counted.events


def _subtract(counters: dict[str, int], name: str, by: int) -> None:
    left = counters.get(name, 0) - by
    if left > 0:
        counters[name] = left
    else:
        counters.pop(name, None)
