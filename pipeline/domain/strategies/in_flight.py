"""Attempts that began with another version than their customer has: they go on with it, change over, or end.

That is settled one customer at a time, when something happens to them: a change of a strategy touches no record.
"""

from __future__ import annotations

from pipeline.domain.ids import new_id
from pipeline.domain.messages import Decision, Reason
from pipeline.domain.state import Attempt, CustomerState
from pipeline.domain.strategies.compiled import NOBODY, Rules, Strategy
from pipeline.domain.strategies.language import ENTRY
from pipeline.domain.strategies.moment import Moment

_SHADOW = "@"
"""In the name of a strategy of which an attempt is a shadow's."""


def settled(state: CustomerState, rules: Rules) -> bool:
    """Whether every open attempt is of the version that all customers have: then there is nothing to do."""
    in_force = rules.in_force
    for attempt in state.attempts.values():
        if attempt.version != in_force.get(attempt.strategy_id) and attempt.ended_at is None:
            return False
    return True


def settle(moment: Moment) -> list[Strategy]:
    """See to the customer's open attempts; returns the versions that are not in force and with which some go on."""
    kept: dict[tuple[str, int], Strategy] = {}
    for name, attempt in [*moment.state.attempts.items()]:
        if attempt.ended_at is None:
            strategy = goes_on_with(name, attempt, moment)
            if strategy is not None and strategy.share == NOBODY:
                kept[strategy.id, strategy.version] = strategy
    return [*kept.values()]


def forget_shadows(state: CustomerState, rules: Rules) -> None:
    """Forget the attempts of shadows that are over."""
    for name, attempt in [*state.attempts.items()]:
        if _SHADOW in attempt.strategy_id and attempt.strategy_id not in rules.in_force:
            del state.attempts[name]


def goes_on_with(name: str, attempt: Attempt, moment: Moment) -> Strategy | None:
    """The version with which an open attempt goes on, having changed over to it if it is to.

    None when it ends (cancelled, which is recorded, or with nothing left to do) or when its strategy is gone; a
    shadow's attempt goes with it.
    """
    state, rules = moment.state, moment.rules
    if rules.in_force.get(attempt.strategy_id) != attempt.version:
        if _SHADOW in attempt.strategy_id:
            del state.attempts[name]
            return None
        version = rules.version_for(attempt.strategy_id, state.customer_id)
        if version != attempt.version and not _keeps(attempt, rules):
            if version is None or _in_flight(attempt, rules) == "cancel":
                if attempt.strategy_id in rules.rollouts:
                    _cancel(attempt, moment, version)
                return None
            return _migrate(attempt, moment, version)
    return rules.version(attempt.strategy_id, attempt.version)


def _in_flight(attempt: Attempt, rules: Rules) -> str:
    rollout = rules.rollouts.get(attempt.strategy_id)
    return "migrate" if rollout is None else rollout.in_flight


def _keeps(attempt: Attempt, rules: Rules) -> bool:
    """Whether it goes on with its own version; one of a version that nobody knows cannot."""
    keeps = _in_flight(attempt, rules) == "keep"
    return keeps and rules.version(attempt.strategy_id, attempt.version) is not None


def _migrate(attempt: Attempt, moment: Moment, version: int) -> Strategy | None:
    """Go on with another version: what was done stays done, and waits go on, step by step id."""
    strategy = moment.rules.version(attempt.strategy_id, version)
    steps = {step.id: step.repeat for step in strategy.steps} if strategy else {}
    attempt.version = version
    attempt.waits = {step: wait for step, wait in attempt.waits.items() if step in steps}
    attempt.noted = {step: note for step, note in attempt.noted.items() if step in steps}
    if all(attempt.done.get(step, 0) >= repeat for step, repeat in steps.items()):
        attempt.ended_at = moment.now
        return None
    return strategy


def _cancel(attempt: Attempt, moment: Moment, version: int | None) -> None:
    """End the attempt, and record that."""
    attempt.ended_at, attempt.waits = moment.now, {}
    customer_id = moment.state.customer_id
    place = attempt.strategy_id, attempt.key, attempt.started_at
    values = {"version": str(attempt.version), "in_force": "none" if version is None else str(version)}
    moment.outputs.append(
        Decision(
            decision_id=new_id("decision", customer_id, *place, "cancelled"),
            customer_id=customer_id,
            outcome="cancelled",
            strategy_id=attempt.strategy_id,
            strategy_version=attempt.version,
            attempt_key=attempt.key,
            step=ENTRY,
            event_id=moment.event.event_id if moment.by_event else None,
            session_id=moment.session.session_id or None,
            thread_id=attempt.thread_id,
            decided_at=moment.now,
            reasons=[Reason(rule="in_flight", held=False, values=values)],
        )
    )
