"""One step of an attempt: do its conditions hold, what does it do, and how is that recorded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from pipeline.domain.failures import Failure
from pipeline.domain.gates import Wish, stopped_by
from pipeline.domain.ids import new_id
from pipeline.domain.messages import ActionCommand, Decision, Outcome, Reason
from pipeline.domain.state import ACTIONS, STEPS_DONE, Attempt, Thread
from pipeline.domain.strategies.build import build
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.compiled import Step, Strategy
from pipeline.domain.strategies.language import ENTRY
from pipeline.domain.strategies.moment import Moment
from pipeline.domain.threads import resolve

_EVENT_ALONE = frozenset({"event"})


class Refusal(NamedTuple):
    """Why something is not done. Most refusals repeat an earlier one, so the values are read only on demand.

    `reads` are the names that the rule reads.
    """

    rule: str
    outcome: Outcome
    values: Callable[[], dict[str, str]]
    reads: frozenset[str] = frozenset()

    @property
    def note(self) -> int:
        """What tells one refusal from another: the outcome and the rule that did not hold."""
        return _note(self.outcome, self.rule)

    def reason(self) -> Reason:
        """The reason, with the values that decided it."""
        return Reason(rule=self.rule, held=False, values=self.values())


def refusal(conditions: tuple[Program, ...], moment: Moment) -> Refusal | None:
    """The first condition that does not hold (suppressed) or cannot be decided (error); None when all hold."""
    values = moment.values()
    for condition in conditions:
        unmet = condition.unmet(*values)
        if unmet is not None:
            outcome: Outcome = "error" if isinstance(unmet.held, Failure) else "suppressed"
            return Refusal(unmet.part, outcome, partial(_seen, condition, values, unmet.held), unmet.reads)
    return None


def _seen(condition: Program, values: tuple[Any, ...], held: Failure | bool) -> dict[str, str]:
    seen = condition.seen(*values)
    return seen | {"error": held.message} if isinstance(held, Failure) else seen


def why(conditions: tuple[Program, ...], moment: Moment) -> list[Reason]:
    """The conditions that held, with what they saw."""
    values = moment.values()
    return [
        Reason(rule=condition.text, held=True, values=condition.seen(*values)) for condition in conditions
    ]


def too_old(strategy: Strategy, moment: Moment) -> Refusal | None:
    """The refusal to act on an event that happened longer ago than the strategy's `max_age`."""
    age = moment.now - moment.event.occurred_at
    if not moment.by_event or age <= strategy.max_age_ms:
        return None
    values = {"age_ms": str(age), "max_age_ms": str(strategy.max_age_ms)}
    return Refusal("max_age", "suppressed", lambda: values)


def record_entry(strategy: Strategy, moment: Moment, key: str) -> None:
    """Record that an attempt begins, and why."""
    moment.state.noted.pop(strategy.id, None)
    reasons = why(strategy.entry_conditions, moment)
    _record(strategy, moment, (key, ENTRY, 0), ("fired", reasons))


def record_refused_entry(strategy: Strategy, moment: Moment, refused: Refusal) -> None:
    """Record why no attempt begins; the same refusal once in a session.

    A rule about the event alone tells which events the strategy is about: the others are nothing to decide on.
    """
    if refused.reads == _EVENT_ALONE:
        return
    note = refused.note
    if moment.state.noted.get(strategy.id) != note:
        moment.state.noted[strategy.id] = note
        _record(strategy, moment, ("", ENTRY, 0), (refused.outcome, [refused.reason()]))


def carry_out(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> bool:
    """Carry the step out if it may be, and record that; the same refusal is recorded once until another
    comes.

    Either all of its actions can be built or none is sent; gates stop actions one by one, and a step of which
    nothing is left is not done.
    """
    occurrence = attempt.done.get(step.id, 0)
    if occurrence >= step.repeat:
        return False
    refused = too_old(strategy, moment) or refusal(step.conditions, moment)
    if refused is not None:
        if attempt.noted.get(step.id) != refused.note:
            attempt.noted[step.id] = refused.note
            result = (refused.outcome, [refused.reason()])
            _record(strategy, moment, (attempt.key, step.id, occurrence), result)
        return False
    wishes, reasons, outcome = _wishes(step, strategy, attempt, moment)
    if outcome != "fired":
        note = _note(outcome, reasons[-1].rule)
        if attempt.noted.get(step.id) != note:
            attempt.noted[step.id] = note
            _record(strategy, moment, (attempt.key, step.id, occurrence), (outcome, reasons))
        return False
    commands = [_command(wish, (step, at), strategy, attempt, moment) for wish, at in wishes]
    moment.outputs.extend(commands)
    reasons = why(step.conditions, moment) + reasons
    _record(strategy, moment, (attempt.key, step.id, occurrence), (outcome, reasons), commands)
    _mark_done(step, strategy, attempt, moment, commands)
    return True


def _wishes(
    step: Step, strategy: Strategy, attempt: Attempt, moment: Moment
) -> tuple[list[tuple[Wish, int]], list[Reason], Outcome]:
    """What is left of the step's actions, by position; what stopped the others; and what that makes of the
    step.
    """
    wishes: list[tuple[Wish, int]] = []
    stops: list[Reason] = []
    for at, action in enumerate(step.actions):
        built = build(action, strategy, attempt, moment)
        if isinstance(built, Failure):
            reason = Reason(rule=f"action {action.kind}", held=False, values={"error": built.message})
            return [], [reason], "error"
        stop = built if isinstance(built, Reason) else stopped_by(built, moment.state)
        if stop is not None:
            stops.append(stop)
        elif isinstance(built, Wish):
            wishes.append((built, at))
    nothing_left = bool(step.actions) and not wishes
    return wishes, stops, "suppressed" if nothing_left else "fired"


def _mark_done(
    step: Step, strategy: Strategy, attempt: Attempt, moment: Moment, commands: list[ActionCommand]
) -> None:
    attempt.done[step.id] = attempt.done.get(step.id, 0) + 1
    attempt.noted.pop(step.id, None)
    thread: Thread = moment.thread
    if thread.thread_id:
        done = f"{strategy.id}/{step.id}"
        if done not in thread.steps_done:
            thread.steps_done = [*thread.steps_done, done][-STEPS_DONE:]
        if step.resolve_thread:
            resolve(moment.state, thread, moment.now)
    for command in commands:
        moment.state.actions[command.action_id] = "decided"
    while len(moment.state.actions) > ACTIONS:
        del moment.state.actions[next(iter(moment.state.actions))]


def _command(
    wish: Wish, place: tuple[Step, int], strategy: Strategy, attempt: Attempt, moment: Moment
) -> ActionCommand:
    step, at = place
    occurrence = attempt.done.get(step.id, 0)
    owner = "" if strategy.unique_key else attempt.owner
    return ActionCommand(
        action_id=new_id("action", owner, strategy.id, attempt.key, step.id, occurrence, at),
        customer_id=moment.state.customer_id,
        kind=step.actions[at].kind,
        lane=strategy.lane,
        body=wish.body,
        strategy_id=strategy.id,
        strategy_version=strategy.version,
        attempt_key=attempt.key,
        step=step.id,
        occurrence=occurrence,
        event_id=moment.event.event_id if moment.by_event else None,
        interaction_id=moment.event.interaction_id,
        session_id=moment.session.session_id or None,
        thread_id=moment.thread.thread_id or None,
        decided_at=moment.now,
    )


def _record(
    strategy: Strategy,
    moment: Moment,
    place: tuple[str, str, int],
    result: tuple[Outcome, list[Reason]],
    commands: Sequence[ActionCommand] = (),
) -> None:
    """Publish the decision on (attempt key, step, occurrence)."""
    (key, step_id, _), (outcome, reasons) = place, result
    event_id = moment.event.event_id
    moment.outputs.append(
        Decision(
            decision_id=new_id(
                "decision", moment.state.customer_id, strategy.id, *place, event_id, moment.by_event, outcome
            ),
            customer_id=moment.state.customer_id,
            outcome=outcome,
            strategy_id=strategy.id,
            strategy_version=strategy.version,
            attempt_key=key,
            step=step_id,
            event_id=event_id if moment.by_event else None,
            session_id=moment.session.session_id or None,
            thread_id=moment.thread.thread_id or None,
            decided_at=moment.now,
            action_ids=[command.action_id for command in commands],
            reasons=reasons,
        )
    )


def _note(outcome: Outcome, rule: str) -> int:
    return zlib.crc32(f"{outcome}: {rule}".encode())
