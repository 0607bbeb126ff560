"""Arbitration: of what strategies want at one moment, who comes first has it.

Strategies are asked in the order of lane, priority, score and id. So the first of a moment that demands the
customer's attention is the only one, and the first of an exclusive group is in.
"""

from __future__ import annotations

from pipeline.domain.actions import ATTENTION
from pipeline.domain.gates.asking import Asked
from pipeline.domain.messages import ActionCommand, Reason
from pipeline.domain.state import Attempt, CustomerState
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.domain.strategies.moment import Moment


def arbitration_gate(asked: Asked) -> Reason | None:
    """Stops what demands attention when something of this moment already does, and what an attempt wants while an
    earlier one of its exclusive group is open.
    """
    moment = asked.moment
    if asked.wish.kind in ATTENTION:
        taken = attention_of(moment)
        if taken is not None:
            return _lost("attention", f"{taken.strategy_id}/{taken.step}")
    earlier = rival(asked.strategy, asked.attempt, moment.state, moment.rules, moment.now)
    if earlier is not None:
        return _lost(f"exclusive {asked.strategy.policy.exclusive}", earlier.strategy_id)
    return None


def attention_of(moment: Moment) -> ActionCommand | None:
    """The command of this moment that demands the customer's attention."""
    for output in moment.outputs:
        if isinstance(output, ActionCommand) and output.kind in ATTENTION:
            return output
    return None


def rival(
    strategy: Strategy, attempt: Attempt | None, state: CustomerState, rules: Rules, now: int
) -> Attempt | None:
    """The open attempt of another strategy of the exclusive group that goes before this one (None: before one that
    is about to begin), if there is any. A merge can bring two open ones together: the earlier goes on.
    """
    group = strategy.policy.exclusive
    if group is None:
        return None
    for other in state.attempts.values():
        rule = rules.version(other.strategy_id, other.version)
        if rule is None or rule.shadow or rule.id == strategy.id or rule.policy.exclusive != group:
            continue
        is_open = other.ended_at is None and now - other.started_at <= rule.lifetime_ms
        if is_open and (attempt is None or _order(other) < _order(attempt)):
            return other
    return None


def _order(attempt: Attempt) -> tuple[int, str, str]:
    return attempt.started_at, attempt.strategy_id, attempt.key


def _lost(what: str, to: str) -> Reason:
    return Reason(rule="arbitration", held=False, values={what: to})
