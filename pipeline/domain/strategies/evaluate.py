"""Strategies against one event or timer: which attempts begin, which steps are carried out, which waits
start and end.

An event belongs to the attempt whose key it gives. A step is carried out at most `repeat` times in an
attempt. A wait for an absence is called off by the awaited event if that arrives before the wait is over,
however late; a later `since` event begins the wait anew. A step that is held is looked at again with every event
of its customer.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.failures import Failure
from pipeline.domain.messages import Output
from pipeline.domain.state import Attempt, CustomerState
from pipeline.domain.strategies.compiled import Rules, Step, Strategy
from pipeline.domain.strategies.entering import enter
from pipeline.domain.strategies.in_flight import goes_on_with, settle, settled
from pipeline.domain.strategies.moment import Moment, moment_of_timer
from pipeline.domain.strategies.order import in_order
from pipeline.domain.strategies.recording import refusal, too_old
from pipeline.domain.strategies.steps import Course, carry_out, give_up
from pipeline.domain.strategies.waits import (
    abandon,
    begin_wait,
    call_off,
    count_event,
    held_steps,
    over_now,
    that_hold,
    wait_again,
)

Trigger = tuple[str, str]


def on_event(moment: Moment, late: bool = False) -> None:
    """Evaluate the strategies that could care about the event, and those that hold a step back.

    An event that is `late` for its session starts nothing; it can still call off a wait or end an attempt.
    """
    state, rules = moment.state, moment.rules
    trigger = (moment.event.channel, moment.event.kind)
    care: Iterable[Strategy] = rules.index.get(trigger, ())
    if not settled(state, rules):
        care = in_order([*care, *(one for one in settle(moment) if trigger in one.triggers())], moment)
    elif trigger in rules.scored:
        care = in_order(care, moment)
    held = () if late else that_hold(state, moment.now)
    if held:
        _with_held(care, held, moment, trigger)
    elif care:
        _respond(care, moment, trigger, late)


def _with_held(care: Iterable[Strategy], held: list[Attempt], moment: Moment, trigger: Trigger) -> None:
    """Let strategies that care for the event, and those that hold a step back, take their turns in one order."""
    rules, thread = moment.rules, moment.thread
    cared = {(one.name, one.version): one for one in care}
    found = (rules.version(attempt.strategy_id, attempt.version) for attempt in held)
    holding = {(one.name, one.version): one for one in found if one is not None}
    for strategy in in_order((cared | holding).values(), moment):
        moment.thread = thread
        name = strategy.name, strategy.version
        if name in cared:
            _respond([strategy], moment, trigger, late=False)
        if name in holding:
            _look_again(strategy, moment)


def on_due(
    state: CustomerState, rules: Rules, now: int, name: str, step_id: str, outputs: list[Output]
) -> None:
    """Carry out a step whose wait is over; what comes of it goes to `outputs`.

    A strategy or step that is live no more leaves nothing to do.
    """
    attempt = state.attempts[name]
    wait = attempt.waits[step_id]
    due, wait.due = wait.due, None
    if wait.anchor is None:
        return
    moment = moment_of_timer(state, rules, now, wait.anchor, outputs, wait.kept)
    strategy = goes_on_with(name, attempt, moment)
    step = next((step for step in strategy.steps if step.id == step_id), None) if strategy else None
    if strategy is None or step is None:
        return
    moment.look_at(attempt)
    if _aged(strategy, attempt, now):
        attempt.ended_at = now
        return
    if wait.held:
        moment.again = str(due)
        _try_again(step, strategy, attempt, moment)
    else:
        _take_step(step, strategy, attempt, moment)
    _end_if_done(strategy, attempt, now)


def _respond(strategies: Iterable[Strategy], moment: Moment, trigger: Trigger, late: bool) -> None:
    """Let the event begin an attempt of each strategy, or go on with the one that it belongs to."""
    thread, attempts = moment.thread, moment.state.attempts
    # Most strategies have no attempt of most customers: nothing is computed to find that out.
    begun = {attempt.strategy_id for attempt in attempts.values()}
    for strategy in strategies:
        moment.thread = thread
        attempt = _find(strategy, moment) if strategy.name in begun else None
        if attempt is not None:
            if attempt.version == strategy.version and attempt.ended_at is None:
                _go_on_with(strategy, attempt, moment, trigger, late)
        elif not late and trigger in strategy.entry_on and strategy.begins_for(moment.state.customer_id):
            attempt = enter(strategy, moment)
            if attempt is not None:
                _go_on_with(strategy, attempt, moment, trigger, late, entered=True)


def _go_on_with(
    strategy: Strategy,
    attempt: Attempt,
    moment: Moment,
    trigger: Trigger,
    late: bool,
    entered: bool = False,
) -> None:
    """Take the steps of an attempt whose moment the event is, begin and call off waits, and see whether it ends."""
    moment.look_at(attempt)
    for step in strategy.steps:
        if step.wait_ms is not None:
            if not call_off(step, attempt, moment) and not late:
                begins = trigger in step.since or (entered and step.since_entry)
                if begins and not too_old(strategy, moment):
                    begin_wait(step, attempt, moment, moment.event.occurred_at)
            continue
        comes = trigger in step.on or (entered and step.on_entry)
        if comes and not late and (step.count == 1 or count_event(step, attempt, moment)):
            _take_step(step, strategy, attempt, moment)
    _leave(strategy, attempt, moment, trigger)


def _look_again(strategy: Strategy, moment: Moment) -> None:
    """Carry out what is held of the strategy, if nothing holds it any more."""
    state, event_id = moment.state, moment.event.event_id
    over = over_now(state, moment.now)
    for attempt in state.attempts.values():
        ours = attempt.strategy_id == strategy.name and attempt.version == strategy.version
        if not ours or attempt.ended_at is not None:
            continue
        if _aged(strategy, attempt, moment.now):
            attempt.ended_at = moment.now
            continue
        for step, wait in held_steps(strategy, attempt, over):
            if wait.anchor is None or wait.anchor.event_id == event_id:
                continue
            again = moment_of_timer(state, moment.rules, moment.now, wait.anchor, moment.outputs, wait.kept)
            again.cause = again.again = event_id
            again.look_at(attempt)
            _try_again(step, strategy, attempt, again)
        _end_if_done(strategy, attempt, moment.now)


def _try_again(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> None:
    """Try a step that is held; without a known time to try it again, this was the last time."""
    wait = attempt.waits[step.id]
    until = wait.until
    if until is not None and moment.now > until + GRACE_MS:
        give_up(step, strategy, attempt, moment)
        return
    course = _take_step(step, strategy, attempt, moment)
    if course == "held" and until is not None and moment.now >= until:
        give_up(step, strategy, attempt, moment)
    elif course == "refused" and moment.cause is None:
        abandon(step, attempt)


def _find(strategy: Strategy, moment: Moment) -> Attempt | None:
    """The attempt that the event belongs to; an event that gives no key belongs to none."""
    key = strategy.key.evaluate(*moment.values())
    attempt = None if isinstance(key, Failure) else moment.state.attempts.get(f"{strategy.name}|{key}")
    if attempt is not None and attempt.ended_at is None and _aged(strategy, attempt, moment.now):
        attempt.ended_at = moment.now
    return attempt


def _take_step(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> Course:
    """Carry out the step if it may be; steps that count from it begin to wait."""
    course = carry_out(step, strategy, attempt, moment)
    if course == "done":
        wait_again(step, attempt, moment)
        for other in strategy.steps:
            if other.since_step == step.id:
                begin_wait(other, attempt, moment, moment.now)
    return course


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
