"""When the soak calls memory growing."""

from __future__ import annotations

import random

import pytest

from tests.faults.soak_fit import fit


def samples(start: float, a_minute: float, noise: float) -> list[tuple[float, float]]:
    chance = random.Random(3)
    return [(float(s), start + a_minute * s / 60 + chance.gauss(0, noise)) for s in range(400)]


@pytest.mark.parametrize(
    ("a_minute", "noise", "grows"),
    [(0.0, 1.0, False), (1.5, 1.0, False), (6.0, 1.0, True), (6.0, 300.0, False), (-6.0, 1.0, False)],
)
def test_memory_grows_by_more_than_the_bound_and_more_than_chance(
    a_minute: float, noise: float, grows: bool
) -> None:
    assert fit(samples(300.0, a_minute, noise)).grows is grows


def test_the_slope_is_by_the_minute_and_its_limits_hold_it() -> None:
    found = fit(samples(300.0, 6.0, 1.0))
    assert found.low < 6.0 < found.high
    assert found.high - found.low < 1.0
    assert found.blocks == 27


def test_too_little_is_no_line() -> None:
    with pytest.raises(ValueError, match="3 blocks"):
        fit(samples(300.0, 0.0, 1.0)[:45])
