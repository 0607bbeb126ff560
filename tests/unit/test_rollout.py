"""From one roll-out to the next: what each step of a strategy's life allows, and what it says when it does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.releases import StrategyRollout
from pipeline.domain.strategies import rollout as rollouts
from pipeline.domain.strategies.rollout import Change, of_file, running

MAYA = Change("maya", 7, "because")
Step = Callable[[StrategyRollout | None], StrategyRollout | Failure]


def publish(version: int, stage: str = "active", **more: object) -> Step:
    return lambda current: rollouts.publish(current, "s", version, MAYA, stage=stage, **more)  # type: ignore[arg-type]


def shadow(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.shadow(current, MAYA)


def canary(percent: int) -> Step:
    return lambda current: rollouts.canary(current, percent, MAYA)


def activate(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.activate(current, MAYA)


def pause(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.pause(current, MAYA)


def resume(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.resume(current, MAYA)


def rollback(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.rollback(current, MAYA)


def retire(current: StrategyRollout | None) -> StrategyRollout | Failure:
    return rollouts.retire(current, MAYA)


def after(*steps: Step, current: StrategyRollout | None = None) -> StrategyRollout:
    """The roll-out after steps all of which are allowed."""
    for step in steps:
        found = step(current)
        assert isinstance(found, StrategyRollout), found
        current = found
    assert current is not None
    return current


def shown(one: StrategyRollout) -> tuple[str, int, int | None, int, bool]:
    return one.stage, one.version, one.previous, one.percent, one.paused


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([publish(1)], ("active", 1, None, 0, False)),
        ([publish(1), publish(2)], ("active", 2, 1, 0, False)),
        ([publish(1), publish(2, "validated")], ("validated", 2, 1, 0, False)),
        ([publish(1), publish(2, "validated"), shadow], ("shadow", 2, 1, 0, False)),
        ([publish(1), publish(2, "shadow"), canary(5)], ("canary", 2, 1, 5, False)),
        ([publish(1), publish(2, "canary", percent=5), canary(50)], ("canary", 2, 1, 50, False)),
        ([publish(1), publish(2, "canary", percent=5), activate], ("active", 2, 1, 0, False)),
        ([publish(1), publish(2, "shadow"), publish(3, "shadow")], ("shadow", 3, 1, 0, False)),
        ([publish(1), publish(2, "canary", percent=5), rollback], ("active", 1, None, 0, False)),
        ([publish(1), publish(2), rollback], ("active", 1, None, 0, False)),
        ([publish(1), publish(2), rollback, publish(2)], ("active", 2, 1, 0, False)),
        ([publish(1), pause], ("active", 1, None, 0, True)),
        ([publish(1), pause, resume], ("active", 1, None, 0, False)),
        ([publish(1), publish(2, "shadow"), pause, canary(5)], ("canary", 2, 1, 5, True)),
        ([publish(1), pause, publish(2)], ("active", 2, 1, 0, False)),
        ([publish(1), publish(2), pause, rollback], ("active", 1, None, 0, False)),
        ([publish(1), publish(2), retire], ("retired", 2, 1, 0, False)),
        ([publish(1), retire, activate], ("active", 1, None, 0, False)),
        ([publish(1), retire, publish(2)], ("active", 2, None, 0, False)),
    ],
)
def test_a_step_of_its_life(steps: list[Step], expected: tuple[object, ...]) -> None:
    assert shown(after(*steps)) == expected


@pytest.mark.parametrize(
    ("steps", "refused", "code"),
    [
        ([publish(2)], publish(2), "not_newer"),
        ([publish(2)], publish(1), "not_newer"),
        ([publish(2), publish(3, "shadow")], publish(1), "not_newer"),
        ([publish(1)], publish(2, "retired"), "bad_stage"),
        ([publish(1)], publish(2, "canary", percent=0), "bad_percent"),
        ([publish(1), publish(2, "shadow")], canary(100), "bad_percent"),
        ([publish(1)], canary(5), "wrong_stage"),
        ([publish(1)], shadow, "wrong_stage"),
        ([publish(1)], activate, "wrong_stage"),
        ([publish(1), pause], pause, "wrong_stage"),
        ([publish(1)], resume, "wrong_stage"),
        ([publish(1)], rollback, "wrong_stage"),
        ([publish(1), retire], pause, "wrong_stage"),
        ([publish(1), retire], retire, "wrong_stage"),
        *[
            ([], step, "not_published")
            for step in (shadow, canary(5), activate, pause, resume, rollback, retire)
        ],
    ],
)
def test_what_is_refused_is_said_in_one_line(steps: list[Step], refused: Step, code: str) -> None:
    failure = refused(after(*steps) if steps else None)
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert "\n" not in failure.message


def test_a_change_says_who_made_it_and_keeps_the_rest() -> None:
    one = after(publish(1, in_flight="cancel"), pause)
    assert (one.changed_by, one.changed_at, one.reason, one.in_flight) == ("maya", 7, "because", "cancel")


def test_a_rollback_can_go_further_back_and_says_what_becomes_of_attempts() -> None:
    third = after(publish(1), publish(2), publish(3))
    first = rollouts.rollback(third, MAYA, to=1, in_flight="cancel")
    assert isinstance(first, StrategyRollout)
    assert (first.version, first.previous, first.in_flight) == (1, None, "cancel")
    assert isinstance(rollouts.rollback(third, MAYA, to=3), Failure)


def test_attempts_of_a_retired_strategy_cannot_change_over() -> None:
    assert isinstance(rollouts.retire(after(publish(1)), MAYA, in_flight="migrate"), Failure)


def test_what_runs_is_the_version_before_as_long_as_another_is_tried() -> None:
    assert running(None) is None
    assert running(of_file("s", 3)) == 3
    assert running(after(publish(1), publish(2, "shadow"))) == 1
    assert running(after(publish(1, "canary", percent=9))) is None
    assert running(after(publish(1), retire)) is None
