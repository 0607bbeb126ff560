"""When a strategy's conditions fail too often."""

from __future__ import annotations

from domain_values import MINUTE, NOW

from pipeline.domain.messages import Decision, Outcome
from pipeline.domain.strategies.error_rate import ErrorRates

LIMIT = 10


def decision(outcome: Outcome, strategy_id: str = "s") -> Decision:
    return Decision(
        decision_id="d",
        customer_id="C-1",
        outcome=outcome,
        strategy_id=strategy_id,
        strategy_version=1,
        attempt_key="k",
        step="a",
    )


def counted(rates: ErrorRates, *outcomes: Outcome, every_ms: int = 1, strategy_id: str = "s") -> list[int]:
    """The decisions, counted from 1, at which the strategy had failed too often."""
    decisions = enumerate((decision(outcome, strategy_id) for outcome in outcomes), 1)
    return [number for number, one in decisions if rates.count(one, NOW + number * every_ms)]


def test_so_many_errors_in_a_minute_are_too_many() -> None:
    assert counted(ErrorRates(LIMIT), *["error"] * LIMIT) == [LIMIT]


def test_one_error_less_is_not() -> None:
    assert counted(ErrorRates(LIMIT), *["error"] * (LIMIT - 1)) == []


def test_errors_that_come_slowly_are_not() -> None:
    slowly = MINUTE // (LIMIT - 1)
    assert counted(ErrorRates(LIMIT), *["error"] * 5 * LIMIT, every_ms=slowly + 1) == []
    assert counted(ErrorRates(LIMIT), *["error"] * LIMIT, every_ms=slowly) == [LIMIT]


def test_errors_among_many_decisions_that_are_none_are_not() -> None:
    assert counted(ErrorRates(LIMIT), *["error", "fired", "suppressed"] * 5 * LIMIT) == []
    assert counted(ErrorRates(LIMIT), *["error", "fired"] * LIMIT) == [2 * LIMIT - 1]


def test_what_went_well_before_the_first_error_does_not_count() -> None:
    assert counted(ErrorRates(LIMIT), *["fired"] * 1_000, *["error"] * LIMIT) == [1_000 + LIMIT]


def test_strategies_are_counted_apart() -> None:
    rates = ErrorRates(LIMIT)
    assert counted(rates, *["error"] * (LIMIT - 1), strategy_id="one") == []
    assert counted(rates, *["error"] * (LIMIT - 1), strategy_id="other") == []


def test_it_begins_anew_after_it_has_told() -> None:
    assert counted(ErrorRates(LIMIT), *["error"] * 2 * LIMIT) == [LIMIT, 2 * LIMIT]


def test_nothing_is_watched_until_something_fails() -> None:
    rates = ErrorRates(LIMIT)
    counted(rates, "fired", "suppressed")
    assert not rates.watching
    counted(rates, "error")
    assert rates.watching
