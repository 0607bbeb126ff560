"""Two hot records become one. The result does not depend on the order in which others arrive.

Counters add up, collections unite, what was done stays done: a step carried out for either is not carried
out again.
"""

from __future__ import annotations

from typing import TypeVar

from pipeline.domain.interactions import Scalar
from pipeline.domain.sessions import join_sessions
from pipeline.domain.state import (
    ABSORBED,
    ACTIONS,
    GOING_ON,
    IDENTIFIERS,
    ORDERS,
    Attempt,
    CustomerState,
    GoingOn,
    History,
    Seen,
    Thread,
    Wait,
    remember_all,
)
from pipeline.domain.strategies.evaluate import bound_attempts
from pipeline.domain.threads import in_order

Dated = TypeVar("Dated", GoingOn, Seen)
RECEIPT_RANK = {"decided": 0, "accepted": 1, "sent": 2, "unknown": 3, "failed": 4, "delivered": 5}
"""How far an action has come; a receipt never takes it back."""


def absorb(state: CustomerState, other: CustomerState) -> None:
    """Take another customer's hot record into `state`; taking the same one twice changes nothing."""
    if other.customer_id in state.absorbed:
        return
    state.absorbed = sorted({*state.absorbed, *other.absorbed, other.customer_id})[-ABSORBED:]
    state.known = state.known or other.known
    state.sessions = join_sessions([*state.sessions, *other.sessions])
    for key, going_on in other.going_on.items():
        mine = state.going_on.get(key)
        state.going_on[key] = going_on if mine is None else _same_interaction(mine, going_on)
    state.going_on = _latest(state.going_on, GOING_ON)
    threads = {thread.thread_id: thread for thread in state.threads}
    for thread in other.threads:
        mine_too = threads.get(thread.thread_id)
        threads[thread.thread_id] = thread if mine_too is None else _same_thread(mine_too, thread)
    state.threads = in_order(list(threads.values()))
    _add_history(state.history, other.history)
    for name, attempt in other.attempts.items():
        ours = state.attempts.get(name)
        state.attempts[name] = attempt if ours is None else _same_attempt(ours, attempt)
    bound_attempts(state)
    for key, seen in other.identifiers.items():
        if key not in state.identifiers or state.identifiers[key].last_at < seen.last_at:
            state.identifiers[key] = seen
    state.identifiers = _latest(state.identifiers, IDENTIFIERS)
    state.forgotten_at = max(state.forgotten_at, other.forgotten_at)
    remember_all(state, other.recent)
    for action_id, status in other.actions.items():
        advance_action(state, action_id, status)
    state.noted = _notes(state.noted, other.noted)


def advance_action(state: CustomerState, action_id: str, status: str) -> None:
    """Note how far an action has come, among the latest `ACTIONS`."""
    known = state.actions.get(action_id)
    if known is None or RECEIPT_RANK[status] > RECEIPT_RANK[known]:
        state.actions[action_id] = status
    while len(state.actions) > ACTIONS:
        del state.actions[next(iter(state.actions))]


def _latest(things: dict[str, Dated], bound: int) -> dict[str, Dated]:
    kept = sorted(things, key=lambda key: (things[key].last_at, key))[-bound:]
    return {key: things[key] for key in kept}


def _either(one: str | None, two: str | None) -> str | None:
    """One of two ids, the same whichever comes first."""
    return min(filter(None, (one, two)), default=None)


def _notes(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    return one | {name: min(note, one.get(name, note)) for name, note in two.items()}


def _same_interaction(one: GoingOn, two: GoingOn) -> GoingOn:
    latest = max(one, two, key=lambda it: (it.last_at, it.kind, it.step or ""))
    return GoingOn(
        channel=latest.channel,
        interaction_id=latest.interaction_id,
        started_at=min(one.started_at, two.started_at),
        last_at=latest.last_at,
        kind=latest.kind,
        step=latest.step,
        events=one.events + two.events,
        ended=one.ended or two.ended,
        thread_id=_either(one.thread_id, two.thread_id),
    )


def _same_thread(one: Thread, two: Thread) -> Thread:
    latest, earlier = sorted((one, two), key=lambda it: (it.last_at, it.thread_id), reverse=True)
    resolutions = [it.resolved_at for it in (one, two) if it.resolved_at is not None]
    return Thread(
        thread_id=one.thread_id,
        opened_at=min(one.opened_at, two.opened_at),
        last_at=latest.last_at,
        subject=earlier.subject or latest.subject,
        facts=earlier.facts | latest.facts,
        channels=sorted({*one.channels, *two.channels}),
        steps_done=list(dict.fromkeys([*earlier.steps_done, *latest.steps_done])),
        resolved=one.resolved or two.resolved,
        resolved_at=min(resolutions, default=None),
    )


def _add_history(history: History, other: History) -> None:
    firsts = [at for at in (history.first_contact_at, other.first_contact_at) if at is not None]
    history.first_contact_at = min(firsts, default=None)
    if (other.last_contact_at or 0) > (history.last_contact_at or 0):
        history.last_contact_at, history.last_channel = other.last_contact_at, other.last_channel
    history.contacts += other.contacts
    history.threads_opened += other.threads_opened
    history.threads_resolved += other.threads_resolved
    for channel, contacts in other.channels.items():
        history.channels[channel] = history.channels.get(channel, 0) + contacts
    for order_id, order in other.orders.items():
        mine = history.orders.get(order_id, {})
        newer = _status_at(order) > _status_at(mine)
        history.orders[order_id] = mine | order if newer else order | mine
    bound_orders(history)


def bound_orders(history: History) -> None:
    """Forget the orders of which nothing was heard for longest, beyond the latest `ORDERS`."""
    while len(history.orders) > ORDERS:
        orders = history.orders
        del orders[min(orders, key=lambda order_id: (_status_at(orders[order_id]), order_id))]


def _status_at(order: dict[str, Scalar]) -> float:
    at = order.get("status_at", -1)
    return at if isinstance(at, int | float) else -1


def _same_attempt(one: Attempt, two: Attempt) -> Attempt:
    first = min(one, two, key=lambda it: (it.started_at, it.owner, it.version))
    ends = [it.ended_at for it in (one, two) if it.ended_at is not None]
    return Attempt(
        strategy_id=one.strategy_id,
        version=max(one.version, two.version),
        key=one.key,
        owner=first.owner,
        started_at=first.started_at,
        entry=first.entry,
        thread_id=_either(one.thread_id, two.thread_id),
        done={
            step: max(one.done.get(step, 0), two.done.get(step, 0)) for step in sorted({*one.done, *two.done})
        },
        waits={
            step: _same_wait(one.waits.get(step, Wait()), two.waits.get(step, Wait()))
            for step in sorted({*one.waits, *two.waits})
        },
        noted=_notes(one.noted, two.noted),
        ended_at=min(ends, default=None),
    )


def _same_wait(one: Wait, two: Wait) -> Wait:
    """The later wait, unless the awaited event came after it had begun."""
    latest = max(one, two, key=lambda it: (it.due or -1, it.anchor.event_id if it.anchor else ""))
    stopped_at = max(one.stopped_at, two.stopped_at)
    if latest.anchor is None or latest.due is None or latest.anchor.occurred_at <= stopped_at:
        return Wait(stopped_at=stopped_at)
    return Wait(due=latest.due, anchor=latest.anchor, stopped_at=stopped_at)
