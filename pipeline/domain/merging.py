"""Two hot records become one. The result does not depend on the order in which others arrive.

Counters add up, collections unite, what was done stays done: a step carried out for either is not carried out again.
"""

from __future__ import annotations

from pipeline.domain.sessions import join_sessions
from pipeline.domain.state import (
    ABSORBED,
    ACTIONS,
    GOING_ON,
    IDENTIFIERS,
    ORDERS,
    RECENT_EVENTS,
    Attempt,
    CustomerState,
    GoingOn,
    History,
    Thread,
    Wait,
)
from pipeline.domain.strategies.evaluate import bound_attempts
from pipeline.domain.threads import in_order

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
    _unite_recent(state, other)
    for action_id, status in other.actions.items():
        advance_action(state, action_id, status)
    state.noted = other.noted | state.noted


def advance_action(state: CustomerState, action_id: str, status: str) -> None:
    """Note how far an action has come, among the latest `ACTIONS`."""
    known = state.actions.get(action_id)
    if known is None or RECEIPT_RANK[status] > RECEIPT_RANK[known]:
        state.actions[action_id] = status
    while len(state.actions) > ACTIONS:
        del state.actions[next(iter(state.actions))]


def _latest[Dated: (GoingOn, Seen)](things: dict[str, Dated], bound: int) -> dict[str, Dated]:
    kept = sorted(things, key=lambda key: (things[key].last_at, key))[-bound:]
    return {key: things[key] for key in kept}
