"""Which strategy goes first where several want something at one moment."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.entering import record_refused_entry
from pipeline.domain.strategies.moment import Moment
from pipeline.domain.strategies.recording import Refusal


def in_order(strategies: Iterable[Strategy], moment: Moment) -> list[Strategy]:
    """The strategies by lane, larger priority, larger score, and id."""
    return sorted(strategies, key=lambda one: (*one.rank[:2], -_score(one, moment), one.id, one.version))


def _score(strategy: Strategy, moment: Moment) -> float:
    """The score at this moment; one that cannot be computed is recorded as an error and counts as 0."""
    score = strategy.policy.score
    if isinstance(score, int | float):
        return score
    value = score.evaluate(*moment.values())
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    what = value.message if isinstance(value, Failure) else f"{value} is no number"
    refused = Refusal(f"score: {score.text}", "error", lambda: {"error": what})
    record_refused_entry(strategy, moment, refused, f"{strategy.name}/score")
    return 0.0
