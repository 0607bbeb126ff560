"""Which strategy's conditions fail so often that it has to be paused."""

from __future__ import annotations

from collections import deque

from pipeline.domain.messages import Decision

WINDOW_MS = 60_000


class _Failing:
    """A strategy that has failed: the decisions since then, and the latest errors as (time, decisions by then)."""

    __slots__ = ("decided", "errors")

    def __init__(self, limit: int) -> None:
        self.decided = 0
        self.errors: deque[tuple[int, int]] = deque(maxlen=limit)


class ErrorRates:
    """Counts errors of conditions, by strategy. One that never fails costs nothing."""

    def __init__(self, limit: int) -> None:
        """`limit`: so many errors within a minute are too many, if they are half of the decisions or more."""
        self._limit = limit
        self._failing: dict[str, _Failing] = {}

    @property
    def watching(self) -> bool:
        """Whether a strategy has failed: only then decisions that are no errors have to be counted."""
        return bool(self._failing)

    def count(self, decision: Decision, now: int) -> bool:
        """Count a decision made at `now` (epoch milliseconds); true when its strategy has just failed too often."""
        strategy_id = decision.strategy_id
        failing = self._failing.get(strategy_id)
        if decision.outcome != "error":
            if failing is not None:
                failing.decided += 1
            return False
        if failing is None:
            failing = self._failing[strategy_id] = _Failing(self._limit)
        failing.decided += 1
        failing.errors.append((now, failing.decided))
        first_at, decided_by_then = failing.errors[0]
        decided = failing.decided - decided_by_then + 1
        if len(failing.errors) < self._limit or now - first_at > WINDOW_MS or decided > 2 * self._limit:
            return False
        del self._failing[strategy_id]
        return True
