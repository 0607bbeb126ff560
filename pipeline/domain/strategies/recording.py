"""Why something is or is not done, and how that is recorded."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

from pipeline.domain.failures import Failure
from pipeline.domain.ids import new_id
from pipeline.domain.messages import Decision, Outcome, Reason
from pipeline.domain.state import Attempt
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.compiled import Step, Strategy
from pipeline.domain.strategies.moment import Moment

EVENT_ALONE = frozenset({"event"})


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
        return note_of(self.outcome, self.rule)

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


def paused(strategy: Strategy) -> Refusal | None:
    """The refusal to do anything for a strategy that is paused."""
    return (
        Refusal("paused", "suppressed", lambda: {"version": str(strategy.version)})
        if strategy.paused
        else None
    )


def too_old(strategy: Strategy, moment: Moment) -> Refusal | None:
    """The refusal to act on an event that happened longer ago than the strategy's `max_age`."""
    age = moment.now - moment.event.occurred_at
    if not moment.by_event or age <= strategy.max_age_ms:
        return None
    values = {"age_ms": str(age), "max_age_ms": str(strategy.max_age_ms)}
    return Refusal("max_age", "suppressed", lambda: values)


@lru_cache(maxsize=4_096)
def note_of(outcome: Outcome, rule: str) -> int:
    """A checksum by which the same refusal is known again."""
    return zlib.crc32(f"{outcome}: {rule}".encode())


def record_refused_step(
    step: Step, strategy: Strategy, attempt: Attempt, moment: Moment, refused: tuple[Outcome, list[Reason]]
) -> None:
    """Record why a step is not carried out; the same refusal once until another comes. The last reason decides."""
    outcome, reasons = refused
    note = note_of(outcome, reasons[-1].rule)
    if attempt.noted.get(step.id) != note:
        attempt.noted[step.id] = note
        record(strategy, moment, (attempt.key, step.id, attempt.done.get(step.id, 0)), refused)


def record(
    strategy: Strategy,
    moment: Moment,
    place: tuple[str, str, int],
    result: tuple[Outcome, list[Reason]],
    action_ids: Sequence[str] = (),
) -> None:
    """Publish the decision on (attempt key, step, occurrence). A shadow's says what it would have been."""
    (key, step_id, _), (outcome, reasons) = place, result
    state, event_id = moment.state, moment.event.event_id
    names: list[str | int] = [state.customer_id, strategy.id, *place, event_id, moment.by_event, outcome]
    if moment.again:
        names += [moment.again, reasons[-1].rule if reasons else ""]
    if strategy.shadow:
        names += ["shadow", strategy.version]
    moment.outputs.append(
        Decision(
            decision_id=new_id("decision", *names),
            customer_id=state.customer_id,
            outcome="shadow" if strategy.shadow else outcome,
            strategy_id=strategy.id,
            strategy_version=strategy.version,
            attempt_key=key,
            step=step_id,
            event_id=moment.cause,
            session_id=moment.session.session_id or None,
            thread_id=moment.thread.thread_id or None,
            decided_at=moment.now,
            action_ids=list(action_ids),
            reasons=reasons,
        )
    )
