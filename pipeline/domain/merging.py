"""Two hot records become one. The result does not depend on the order in which others arrive.

Counters add up, collections unite, what was done stays done: a step carried out for either is not carried
out again.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.attempts import bound_attempts, either, same_attempt, same_notes
from pipeline.domain.customers import Profile
from pipeline.domain.held import join_identifiers
from pipeline.domain.history import add_history, uncount_contact
from pipeline.domain.ids import is_provisional
from pipeline.domain.ledger import unite as unite_ledgers
from pipeline.domain.receipts import advance_action
from pipeline.domain.recent import remember_all
from pipeline.domain.sessions import settle_sessions
from pipeline.domain.state import (
    APART,
    GOING_ON,
    TOLD,
    CustomerState,
    GoingOn,
    add_disputed,
    add_early,
)
from pipeline.domain.thread_edits import unite
from pipeline.domain.thread_parts import in_order


def absorb(state: CustomerState, other: CustomerState) -> None:
    """Take another customer's hot record into `state`; taking the same one twice changes nothing."""
    if other.customer_id in state.absorbed:
        return
    state.absorbed = sorted({*state.absorbed, *other.absorbed, other.customer_id})
    state.apart = _with_apart(state, other)
    state.known = state.known or other.known or not is_provisional(state.customer_id)
    state.profile = _profile(state, other)
    state.sessions = [*state.sessions, *other.sessions]
    add_history(state.history, other.history)
    for key, going_on in other.going_on.items():
        mine = state.going_on.get(key)
        if mine is None:
            state.going_on[key] = going_on
        else:
            state.going_on[key] = _same_interaction(mine, going_on)
            uncount_contact(state.history, going_on.channel)
    state.going_on = _latest(state.going_on)
    settle_sessions(state)
    threads = {thread.thread_id: thread for thread in state.threads}
    for thread in other.threads:
        mine_too = threads.get(thread.thread_id)
        threads[thread.thread_id] = thread if mine_too is None else unite(mine_too, thread)
    state.threads = in_order(list(threads.values()))
    for name, attempt in other.attempts.items():
        ours = state.attempts.get(name)
        state.attempts[name] = attempt if ours is None else same_attempt(ours, attempt)
    bound_attempts(state)
    state.holding = state.holding or other.holding
    state.circumstances = dict(sorted((other.circumstances | state.circumstances).items())[:TOLD])
    join_identifiers(state, other.identifiers)
    state.forgotten_at = max(state.forgotten_at, other.forgotten_at)
    remember_all(state, other.recent)
    add_early(state, other.early)
    add_disputed(state, other.disputed)
    for action_id, status in other.actions.items():
        advance_action(state, action_id, status)
    unite_ledgers(state, other.spent)
    state.noted = same_notes(state.noted, other.noted)


def _latest(things: dict[str, GoingOn]) -> dict[str, GoingOn]:
    kept = sorted(things, key=lambda key: (things[key].last_at, key))[-GOING_ON:]
    return {key: things[key] for key in kept}


def _with_apart(state: CustomerState, other: CustomerState) -> list[str]:
    """Whom either was kept apart from."""
    one = {state.customer_id, *state.absorbed}
    return [away for away in dict.fromkeys([*state.apart, *other.apart]) if away not in one][-APART:]


def stand_in(theirs: Profile, customer_id: str) -> Profile:
    """Another customer's profile as that of a customer who has none yet; any of their own is newer."""
    return replace(theirs, customer_id=customer_id, updated_at=0)


def _profile(state: CustomerState, other: CustomerState) -> Profile | None:
    """The customer's own profile; what either has refused is refused.

    Where there is none yet, the other's stands in until it comes.
    """
    mine, theirs = state.profile, other.profile
    if theirs is None:
        return mine
    if mine is None:
        return stand_in(theirs, state.customer_id)
    consent = mine.consent | {
        name: given and mine.consent.get(name, True) for name, given in theirs.consent.items()
    }
    return replace(mine, consent=consent, updated_at=max(mine.updated_at, theirs.updated_at))


def _same_interaction(one: GoingOn, two: GoingOn) -> GoingOn:
    latest = max(one, two, key=lambda it: (it.last_at, it.kind, it.step or ""))
    desk = max(one, two, key=lambda it: (it.desk_at, it.adviser or "", it.queue or ""))
    return GoingOn(
        channel=latest.channel,
        interaction_id=latest.interaction_id,
        started_at=min(one.started_at, two.started_at),
        last_at=latest.last_at,
        kind=latest.kind,
        step=latest.step,
        events=one.events + two.events,
        ended=one.ended or two.ended,
        thread_id=either(one.thread_id, two.thread_id),
        queue=desk.queue,
        queued_at=desk.queued_at,
        adviser=desk.adviser,
        desk_at=desk.desk_at,
    )
