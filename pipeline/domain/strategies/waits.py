"""The waits of an attempt's steps: for a time, for an absence, and for what holds a step back."""

from __future__ import annotations

from itertools import islice

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.gates.asking import CALL
from pipeline.domain.gates.interaction import call_of
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import KEPT, TEXT, Attempt, CustomerState, Kept, Wait, cut, short
from pipeline.domain.strategies.compiled import LANES, Rules, Step, Strategy
from pipeline.domain.strategies.moment import Moment
from pipeline.domain.strategies.recording import refusal

_ANY, _NO_CALL = frozenset(["", CALL]), frozenset([""])
_GONE = (len(LANES), 0, "")
"""Where in the order stands what belongs to a strategy that is live no more."""


def due_waits(
    state: CustomerState, now: int, rules: Rules
) -> list[tuple[int, tuple[int, int, str], str, str]]:
    """The waits that are over: (due, rank of the strategy, attempt, step), in the order in which they fell due."""
    return sorted(
        (wait.due, _rank(attempt, rules), name, step_id)
        for name, attempt in state.attempts.items()
        if attempt.ended_at is None
        for step_id, wait in attempt.waits.items()
        if wait.due is not None and wait.due <= now
    )


def _rank(attempt: Attempt, rules: Rules) -> tuple[int, int, str]:
    strategy = rules.strategies.get(attempt.strategy_id)
    return strategy.rank if strategy else _GONE


def call_off(step: Step, attempt: Attempt, moment: Moment) -> bool:
    """Call the step's wait off if the event is what it waits for the absence of."""
    event = moment.event
    if (event.channel, event.kind) not in step.absent:
        return False
    wait = attempt.waits.setdefault(step.id, Wait())
    wait.stopped_at = max(wait.stopped_at, event.occurred_at)
    wait.due, wait.held, wait.kept = None, False, None
    return True


def count_event(step: Step, attempt: Attempt, moment: Moment) -> bool:
    """Count the event if the step's conditions hold; whether there have been enough by then."""
    if refusal(step.conditions, moment) is not None:
        return False
    wait = attempt.waits.setdefault(step.id, Wait())
    counted = sorted([*wait.counted, moment.event.occurred_at])[-step.count :]
    if step.within_ms is not None:
        counted = [at for at in counted if counted[-1] - at <= step.within_ms]
    wait.counted = counted
    return len(counted) >= step.count


def begin_wait(step: Step, attempt: Attempt, moment: Moment, since: int) -> None:
    """Begin the step's wait at `since`, or begin it anew; not for what happened before it was called off."""
    if step.wait_ms is None or attempt.done.get(step.id, 0) >= step.repeat:
        return
    wait = attempt.waits.setdefault(step.id, Wait())
    if since <= wait.stopped_at:
        return
    due = since + step.wait_ms + (GRACE_MS if step.absent else 0)
    if wait.held or wait.due is None or due >= wait.due:
        wait.due, wait.anchor, wait.held, wait.kept = due, moment.anchor, False, None
        wait.held_by = ""


def wait_again(step: Step, attempt: Attempt, moment: Moment) -> None:
    """Having been carried out, a step that repeats waits for its next time."""
    if step.every_ms is not None and attempt.done[step.id] < step.repeat:
        wait = attempt.waits.setdefault(step.id, Wait())
        wait.due, wait.anchor = moment.now + step.every_ms, moment.anchor


def hold(step: Step, attempt: Attempt, moment: Moment, branch: int, until: int | None, by: str = "") -> Wait:
    """Keep a step whose moment has come, and look at it again at `until`, if that is known, or with an event before
    that; `by` is all that holds it, where that is a time or a call. What is kept already stays what it was.
    """
    wait = attempt.waits.setdefault(step.id, Wait())
    if not wait.held:
        since = moment.event.occurred_at if moment.by_event else moment.now
        wait.held, wait.anchor, wait.branch = True, moment.anchor, branch
        wait.kept = _kept(moment.event) if moment.by_event else None
        wait.until = None if step.hold_for_ms is None else since + step.hold_for_ms
    # A time that is over already would be due for ever.
    known = until if until is not None and until > moment.now else None
    wait.due = min((at for at in (known, wait.until) if at is not None), default=None)
    wait.held_by = by if wait.due is not None else ""
    moment.state.holding = True
    return wait


def _kept(event: Interaction) -> Kept:
    """What a held step keeps of its event, as far as a hot record goes."""
    facts, attributes = (
        {short(name): cut(value) for name, value in islice(told.items(), KEPT)}
        for told in (event.facts, event.attributes)
    )
    text, subject = (None if words is None else words[:TEXT] for words in (event.text, event.subject))
    return Kept(text, subject, event.language, facts, attributes)


def let_go(step: Step, attempt: Attempt) -> None:
    """Hold the step no longer."""
    wait = attempt.waits.get(step.id)
    if wait is not None:
        wait.due, wait.held, wait.until, wait.kept = None, False, None, None
        wait.held_by = ""
        wait.sent, wait.counted = [], []


def abandon(step: Step, attempt: Attempt) -> None:
    """Hold the step no longer and do not carry it out; one of which something is out already was done."""
    if attempt.waits[step.id].sent:
        attempt.done[step.id] = attempt.done.get(step.id, 0) + 1
    let_go(step, attempt)


def that_hold(state: CustomerState, now: int) -> list[Attempt]:
    """The open attempts with a held step that an event could let go; `state.holding` spares other customers the
    search.
    """
    found: list[Attempt] = []
    if not state.holding:
        return found
    over = over_now(state, now)
    holding = False
    for attempt in state.attempts.values():
        if attempt.ended_at is None:
            held = [wait.held_by for wait in attempt.waits.values() if wait.held]
            holding = holding or bool(held)
            if not over.isdisjoint(held):
                found.append(attempt)
    state.holding = holding
    return found


def look_anew(state: CustomerState) -> None:
    """Let the next event look at whatever is held: what holds it may be another time than it was."""
    for attempt in state.attempts.values():
        for wait in attempt.waits.values():
            wait.held_by = ""


def over_now(state: CustomerState, now: int) -> frozenset[str]:
    """What may have let go of a held step by an event: not a time, nor a call while one goes on."""
    return _ANY if call_of(state, now) is None else _NO_CALL


def held_steps(strategy: Strategy, attempt: Attempt, over: frozenset[str]) -> list[tuple[Step, Wait]]:
    """The steps of an attempt that are held by something that may be `over`, in the strategy's order."""
    waits = ((step, attempt.waits.get(step.id)) for step in strategy.steps)
    return [(step, wait) for step, wait in waits if wait is not None and wait.held and wait.held_by in over]
