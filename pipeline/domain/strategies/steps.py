"""One step of an attempt: do its conditions hold, which way does it go, what goes out, and what is held back."""

from __future__ import annotations

from typing import Literal, NamedTuple

from pipeline.domain.failures import Failure
from pipeline.domain.gates import Hold, Wish, take, verdict
from pipeline.domain.ids import new_id
from pipeline.domain.messages import ActionCommand, Outcome, Reason
from pipeline.domain.state import ACTIONS, STEPS_DONE, Attempt, Thread, Wait
from pipeline.domain.strategies.build import build
from pipeline.domain.strategies.compiled import Step, Strategy
from pipeline.domain.strategies.moment import Moment
from pipeline.domain.strategies.recording import (
    Refusal,
    note_of,
    paused,
    record,
    record_refused_step,
    refusal,
    too_old,
    why,
)
from pipeline.domain.strategies.waits import abandon, hold, let_go
from pipeline.domain.threads import resolve

Course = Literal["done", "held", "refused"]


class _Sent(NamedTuple):
    """What became of a step's actions: commands by position, why others were stopped, and which are held."""

    commands: dict[int, ActionCommand]
    stops: list[Reason]
    held: list[Hold]


def carry_out(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> Course:
    """Carry the step out if it may be, and record that; the same refusal is recorded once until another comes.

    Either all of its actions can be built or none is sent. Gates stop or hold actions one by one: those that pass
    go out at once, and the step is done when nothing of it is held any more; one of which nothing is left is not.
    """
    occurrence = attempt.done.get(step.id, 0)
    if occurrence >= step.repeat:
        return "refused"
    conditions = step.lasting if moment.again else step.conditions
    refused = paused(strategy) or too_old(strategy, moment) or refusal(conditions, moment)
    if refused is not None:
        record_refused_step(step, strategy, attempt, moment, (refused.outcome, [refused.reason()]))
        return "refused"
    taken = _branch(step, attempt.waits.get(step.id), moment)
    if isinstance(taken, list):
        outcome: Outcome = "error" if any(one.outcome == "error" for one in taken) else "suppressed"
        reasons = [one.reason() for one in taken]
        record_refused_step(step, strategy, attempt, moment, (outcome, reasons))
        return "refused"
    refused = refusal(step.hold_until, moment)
    if refused is not None:
        hold(step, attempt, moment, taken, None)
        record_refused_step(step, strategy, attempt, moment, (refused.outcome, [refused.reason()]))
        return "held"
    return _act(step, strategy, attempt, moment, taken)


def give_up(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> None:
    """Hold the step no longer, though `hold_until` has not come, and record that."""
    values = {"hold_for_ms": str(step.hold_for_ms)}
    reason = Reason(rule="hold_until", held=False, values=values)
    record_refused_step(step, strategy, attempt, moment, ("suppressed", [reason]))
    abandon(step, attempt)


def _branch(step: Step, wait: Wait | None, moment: Moment) -> int | list[Refusal]:
    """The branch that the step takes, by its place, or why it takes none. One that is taken stays taken."""
    if wait is not None and (moment.again or wait.sent) and wait.branch < len(step.branches):
        refused = refusal(step.branches[wait.branch].lasting, moment)
        return wait.branch if refused is None else [refused]
    refusals: list[Refusal] = []
    for at, branch in enumerate(step.branches):
        refused = refusal(branch.conditions, moment)
        if refused is None:
            return at
        refusals.append(refused)
        if refused.outcome == "error":
            break
    return refusals


def _act(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment, taken: int) -> Course:
    wait = attempt.waits.get(step.id)
    earlier = wait.sent if wait is not None else []
    left = [at for at in step.branches[taken].positions if at not in earlier]
    sent = _send(step, strategy, attempt, moment, left)
    if isinstance(sent, Reason):
        record_refused_step(step, strategy, attempt, moment, ("error", [sent]))
        return "refused"
    stops = sent.stops + [one.reason for one in sent.held]
    fired = bool(sent.commands) or not step.actions
    if fired:
        ids = [command.action_id for command in sent.commands.values()]
        place = attempt.key, step.id, attempt.done.get(step.id, 0)
        record(strategy, moment, place, ("fired", _reasons(step, taken, moment) + stops), ids)
    elif stops:
        record_refused_step(step, strategy, attempt, moment, ("suppressed", stops))
    if sent.held:
        untils = [one.until for one in sent.held if one.until is not None]
        kinds = {one.by for one in sent.held}
        wait = hold(
            step, attempt, moment, taken, min(untils, default=None), kinds.pop() if len(kinds) == 1 else ""
        )
        wait.sent = [*wait.sent, *sent.commands]
        attempt.noted[step.id] = note_of("suppressed", stops[-1].rule)
        return "held"
    if not (fired or earlier):
        return "refused"
    _mark_done(step, strategy, attempt, moment)
    return "done"


def _send(
    step: Step, strategy: Strategy, attempt: Attempt, moment: Moment, positions: list[int]
) -> _Sent | Reason:
    """Send the actions at these positions, as far as gates let them pass; a Reason when one cannot be built."""
    wishes: dict[int, Wish] = {}
    sent = _Sent({}, [], [])
    for at in positions:
        action = step.actions[at]
        built = build(action, strategy, attempt, moment)
        if isinstance(built, Failure):
            return Reason(rule=f"action {action.kind}", held=False, values={"error": built.message})
        if isinstance(built, Reason):
            sent.stops.append(built)
        else:
            wishes[at] = built
    for at, wish in wishes.items():
        answer = verdict(wish, strategy, attempt, moment)
        if answer is None:
            command = _command(wish, (step, at), strategy, attempt, moment)
            sent.commands[at] = command
            if not strategy.shadow:
                take(command, wish, strategy, moment)
        elif isinstance(answer, Hold):
            sent.held.append(answer)
        else:
            sent.stops.append(answer)
    if not strategy.shadow:
        _note_actions(moment, sent.commands)
    return sent


def _note_actions(moment: Moment, commands: dict[int, ActionCommand]) -> None:
    actions = moment.state.actions
    for command in commands.values():
        actions[command.action_id] = "decided"
    while len(actions) > ACTIONS:
        del actions[next(iter(actions))]


def _reasons(step: Step, taken: int, moment: Moment) -> list[Reason]:
    branch = step.branches[taken]
    if moment.again:
        return why((*step.lasting, *branch.lasting, *step.hold_until), moment)
    return why((*step.conditions, *branch.conditions, *step.hold_until), moment)


def _mark_done(step: Step, strategy: Strategy, attempt: Attempt, moment: Moment) -> None:
    attempt.done[step.id] = attempt.done.get(step.id, 0) + 1
    attempt.noted.pop(step.id, None)
    let_go(step, attempt)
    thread: Thread = moment.thread
    if thread.thread_id and not strategy.shadow:
        done = f"{strategy.id}/{step.id}"
        if done not in thread.steps_done:
            thread.steps_done = [*thread.steps_done, done][-STEPS_DONE:]
        if step.resolve_thread:
            resolve(moment.state, thread, moment.now)


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
        event_id=moment.cause,
        interaction_id=moment.event.interaction_id,
        session_id=moment.session.session_id or None,
        thread_id=moment.thread.thread_id or None,
        decided_at=moment.now,
    )
