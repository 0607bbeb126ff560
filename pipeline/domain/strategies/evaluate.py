"""Strategies against one event or timer: which attempts begin, which steps are carried out, which waits
start and end.

An event belongs to the attempt whose key it gives. A step is carried out at most `repeat` times in an
attempt. A wait for an absence is called off by the awaited event if that arrives before the wait is over,
however late; a later `since` event begins the wait anew.
"""

from __future__ import annotations

from typing import Any

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.failures import Failure
from pipeline.domain.messages import Output
from pipeline.domain.state import ATTEMPTS, Attempt, CustomerState, Wait
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.compiled import Rules, Step, Strategy
from pipeline.domain.strategies.moment import Moment, moment_of_timer
from pipeline.domain.strategies.steps import (
    Refusal,
    carry_out,
    record_entry,
    record_refused_entry,
    refusal,
    too_old,
)

Trigger = tuple[str, str]


def on_event(moment: Moment, late: bool = False) -> None:
    """Evaluate the strategies that could care about the event.

    An event that is `late` for its session starts nothing; it can still call off a wait or end an attempt.
    """
    trigger = (moment.event.channel, moment.event.kind)
    thread = moment.thread
    begun = {attempt.strategy_id for attempt in moment.state.attempts.values()}
    for strategy in moment.rules.index.get(trigger, ()):
        moment.thread = thread
        # Most strategies have no attempt of most customers: nothing is computed to find that out.
        attempt = _find(strategy, moment) if strategy.id in begun else None
        entered = False
        if attempt is None and not late and trigger in strategy.entry_on:
            attempt = _enter(strategy, moment)
            entered = attempt is not None
        if attempt is None or attempt.ended_at is not None:
            continue
        moment.look_at(attempt)
        for step in strategy.steps:
            if step.wait_ms is not None:
                if not _called_off(step, attempt, moment) and not late:
                    begins = trigger in step.since or (entered and step.since_entry)
                    if begins and not too_old(strategy, moment):
                        _begin_wait(step, attempt, moment, moment.event.occurred_at)
            elif not late and (trigger in step.on or (entered and step.on_entry)):
                _take_step(step, strategy, attempt, moment)
        _leave(strategy, attempt, moment, trigger)


def due_waits(state: CustomerState, now: int) -> list[tuple[int, str, str]]:
    """The waits that are over: (due, attempt, step), in the order in which they fell due."""
    return sorted(
        (wait.due, name, step_id)
        for name, attempt in state.attempts.items()
        if attempt.ended_at is None
        for step_id, wait in attempt.waits.items()
        if wait.due is not None and wait.due <= now
    )


def on_due(state: CustomerState, rules: Rules, now: int, name: str, step_id: str) -> list[Output]:
    """Carry out a step whose wait is over; what comes of it.

    A strategy or step that is live no more leaves nothing to do.
    """
    attempt = state.attempts[name]
    wait = attempt.waits[step_id]
    wait.due = None
    strategy = rules.strategies.get(attempt.strategy_id)
    step = next((step for step in strategy.steps if step.id == step_id), None) if strategy else None
    if strategy is None or step is None or wait.anchor is None or attempt.ended_at is not None:
        return []
    moment = moment_of_timer(state, rules, now, wait.anchor)
    moment.look_at(attempt)
    if _aged(strategy, attempt, now):
        attempt.ended_at = now
        return []
    _take_step(step, strategy, attempt, moment)
    _end_if_done(strategy, attempt, now)
    return moment.outputs


def _find(strategy: Strategy, moment: Moment) -> Attempt | None:
    """The attempt that the event belongs to; an event that gives no key belongs to none."""
    key = strategy.key.evaluate(*moment.values())
    attempt = None if isinstance(key, Failure) else moment.state.attempts.get(f"{strategy.id}|{key}")
    if attempt is not None and attempt.ended_at is None and _aged(strategy, attempt, moment.now):
        attempt.ended_at = moment.now
    return attempt


def _enter(strategy: Strategy, moment: Moment) -> Attempt | None:
    """Begin an attempt if the conditions hold and the event is fresh; either way it is recorded."""
    refused = too_old(strategy, moment) or refusal(strategy.entry_conditions, moment)
    key: Any = None
    if refused is None:
        key = strategy.key.evaluate(*moment.values())
        if isinstance(key, Failure) or key in ("", None):
            refused = _keyless(strategy.key, key)
    if refused is not None:
        record_refused_entry(strategy, moment, refused)
        return None
    record_entry(strategy, moment, str(key))
    state = moment.state
    attempt = Attempt(
        strategy_id=strategy.id,
        version=strategy.version,
        key=str(key),
        owner=state.customer_id,
        started_at=moment.event.occurred_at,
        entry=moment.anchor,
        thread_id=moment.thread.thread_id or None,
    )
    state.attempts[f"{strategy.id}|{key}"] = attempt
    bound_attempts(state)
    return attempt


def bound_attempts(state: CustomerState) -> None:
    """Forget attempts beyond the bound: the first to have ended, then the first to have begun."""
    while len(state.attempts) > ATTEMPTS:
        del state.attempts[
            min(
                state.attempts,
                key=lambda name: (
                    state.attempts[name].ended_at is None,
                    state.attempts[name].ended_at or state.attempts[name].started_at,
                    name,
                ),
            )
        ]


def _called_off(step: Step, attempt: Attempt, moment: Moment) -> bool:
    """Call the step's wait off if the event is what it waits for the absence of."""
    event = moment.event
    if (event.channel, event.kind) not in step.absent:
        return False
    wait = attempt.waits.setdefault(step.id, Wait())
    wait.stopped_at = max(wait.stopped_at, event.occurred_at)
    wait.due = None
    return True


def _begin_wait(step: Step, attempt: Attempt, moment: Moment, since: int) -> None:
    """Begin the step's wait at `since`, or begin it anew; not for what happened before it was called off."""
    if step.wait_ms is None or attempt.done.get(step.id, 0) >= step.repeat:
        return
    wait = attempt.waits.setdefault(step.id, Wait())
    if since <= wait.stopped_at:
        return
    due = since + step.wait_ms + (GRACE_MS if step.absent else 0)
    if wait.due is None or due >= wait.due:
        wait.due, wait.anchor = due, moment.anchor


def _take_step(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> None:
    """Carry out the step if it may be; steps that count from it begin to wait."""
    if not carry_out(step, strategy, attempt, moment):
        return
    for other in strategy.steps:
        if other.since_step == step.id:
            _begin_wait(other, attempt, moment, moment.now)


def _leave(strategy: Strategy, attempt: Attempt, moment: Moment, trigger: Trigger) -> None:
    for way_out in strategy.exits:
        if trigger in way_out.on and refusal(way_out.conditions, moment) is None:
            attempt.ended_at = moment.now
            return
    _end_if_done(strategy, attempt, moment.now)


def _end_if_done(strategy: Strategy, attempt: Attempt, now: int) -> None:
    if all(attempt.done.get(step.id, 0) >= step.repeat for step in strategy.steps):
        attempt.ended_at = now


def _aged(strategy: Strategy, attempt: Attempt, now: int) -> bool:
    return now - attempt.started_at > strategy.lifetime_ms


def _keyless(key: Program, value: Any) -> Refusal:
    what = value.message if isinstance(value, Failure) else "empty"
    return Refusal(f"key: {key.text}", "error", lambda: {"error": what})
