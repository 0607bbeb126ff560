"""Attempts that are under way when their strategy changes, and who gets which version."""

from __future__ import annotations

from collections import Counter

import pytest
from domain_values import DAY, HOUR, MINUTE, NOW
from strategy_life import FIRST, SECOND, Life
from strategy_records import TICKET, release, rollout, text

from pipeline.domain.releases import InFlight, StrategyRecord
from pipeline.domain.state import ATTEMPTS


def second(in_flight: InFlight) -> StrategyRecord:
    return rollout("s", 2, previous=1, in_flight=in_flight)


def test_an_attempt_is_kept_with_its_version_and_the_next_begins_with_the_other() -> None:
    life = Life(rollout("s", 1))
    assert life.happens("start")[0] == ["a@1"]
    life.publish(second("keep"))
    assert life.happens("field")[0] == ["c@1"]
    assert life.happens("start", visit="other")[0] == ["a@2"]
    assert life.happens("field", visit="other")[0] == ["d@2"]
    assert sorted(life.passes(3 * HOUR)[0]) == ["b@1", "b@2"]


def test_an_attempt_changes_over_with_what_it_has_done_and_waits_for() -> None:
    life = Life(rollout("s", 1))
    assert life.happens("start")[0] == ["a@1"]
    life.publish(second("migrate"))
    assert life.happens("field")[0] == ["d@2"]
    assert life.passes(3 * HOUR)[0] == ["b@2"]
    assert life.replay.commands[-1].body.subject == "z"


def test_an_attempt_changes_over_when_its_timer_comes() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(second("migrate"))
    assert life.passes(3 * HOUR)[0] == ["b@2"]


def test_a_wait_of_a_step_that_is_gone_ends() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(release("s", 3, text("s", 3, f"[{{id: a, on: web.never, do: [{TICKET}]}}]")))
    life.publish(rollout("s", 3, previous=1, in_flight="migrate"))
    assert life.passes(DAY) == ([], [])


def test_an_attempt_that_has_done_all_of_the_version_in_force_ends() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(release("s", 3), rollout("s", 3, previous=1, in_flight="migrate"))
    life.happens("field")
    state = life.replay.customer("C-1")
    assert state is not None
    assert state.attempts["s|visit"].ended_at == NOW
    assert life.passes(DAY)[0] == []


def test_an_attempt_is_cancelled_once_and_not_begun_again() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(second("cancel"))
    assert life.happens("field") == ([], ["entry@1 cancelled"])
    assert life.happens("field") == ([], [])
    assert life.happens("start") == ([], [])
    assert life.passes(DAY)[0] == []


def test_an_attempt_is_cancelled_when_its_timer_comes() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(second("cancel"))
    assert life.passes(DAY) == ([], ["entry@1 cancelled"])


def test_an_attempt_of_a_version_that_nobody_knows_goes_on_with_the_one_in_force() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(second("migrate"))
    assert life.catalogue.take("s@1", None) is None
    life.publish(second("keep"))
    assert life.happens("field")[0] == ["d@2"]


def test_forward_and_back_repeats_nothing() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(rollout("s", 2, "canary", previous=1, percent=99, in_flight="migrate"))
    life.happens("field")
    life.publish(second("migrate"))
    life.happens("field")
    life.publish(rollout("s", 1, in_flight="migrate"))
    life.happens("field")
    life.passes(DAY)
    ids = [command.action_id for command in life.replay.commands]
    assert len(ids) == len(set(ids))
    assert Counter(command.step for command in life.replay.commands) == {"a": 1, "b": 1, "c": 1, "d": 1}


@pytest.mark.parametrize("stage", ["canary", "active"])
def test_who_has_which_version_is_the_same_in_every_visit(stage: str) -> None:
    life = Life(rollout("s", 2, "canary", previous=1, percent=50))
    customers = [f"C-{number}" for number in range(40)]
    first = {one: life.happens("start", one)[0][0] for one in customers}
    again = {one: life.happens("start", one, "again")[0][0] for one in customers}
    assert first == again
    assert set(first.values()) == {"a@1", "a@2"}


def test_a_shadow_decides_and_does_nothing() -> None:
    life = Life(rollout("s", 2, "shadow", previous=1))
    assert life.happens("start") == (
        ["a@1"],
        ["entry@1 fired", "a@1 fired", "entry@2 shadow", "a@2 shadow"],
    )
    assert life.happens("field") == (["c@1"], ["c@1 fired", "d@2 shadow"])
    assert life.passes(3 * HOUR) == (["b@1"], ["b@1 fired", "b@2 shadow"])
    state = life.replay.customer("C-1")
    assert state is not None
    assert [step for thread in state.threads for step in thread.steps_done] == ["s/a", "s/c", "s/b"]
    assert set(state.actions) == {command.action_id for command in life.replay.commands}


def test_a_shadows_decision_names_the_actions_that_it_shares_with_what_runs() -> None:
    life = Life(rollout("s", 2, "shadow", previous=1))
    life.happens("start")
    ran, shadowed = [one.action_ids for one in life.replay.decisions if one.step == "a"]
    assert ran == shadowed


def test_attempts_of_a_shadow_end_with_it_and_the_version_begins_its_own() -> None:
    life = Life(rollout("s", 2, "shadow", previous=1))
    life.happens("start")
    life.publish(second("keep"))
    assert life.happens("field") == (["c@1"], ["c@1 fired"])
    assert life.passes(HOUR) == ([], [])
    assert life.attempts() == ["s|visit"]


def test_ended_attempts_of_a_shadow_are_forgotten_when_it_is_over() -> None:
    life = Life(release("s", 3), rollout("s", 3, "shadow", previous=1))
    life.happens("start")
    life.passes(HOUR)
    assert life.attempts() == ["s|visit", "s@3|visit"]
    life.publish(rollout("s", 1))
    life.happens("other")
    life.passes(HOUR)
    assert life.attempts() == ["s|visit"]


def test_shadows_crowd_no_attempt_out() -> None:
    life = Life(rollout("s", 2, "shadow", previous=1))
    visits = [f"v{number}" for number in range(ATTEMPTS)]
    for visit in visits:
        life.happens("start", visit=visit)
        life.passes(10 * MINUTE)
    assert [life.happens("start", visit=visit)[0] for visit in visits] == [[]] * ATTEMPTS


def test_what_is_paused_is_suppressed_once_and_goes_on_after() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(rollout("s", 1, paused=True))
    assert life.happens("start", visit="other") == ([], ["entry@1 suppressed"])
    assert life.happens("start", visit="third") == ([], [])
    assert life.happens("field") == ([], ["c@1 suppressed"])
    assert life.happens("field") == ([], [])
    assert life.replay.decisions[-1].reasons[-1].rule == "paused"
    life.publish(rollout("s", 1))
    assert life.happens("field")[0] == ["c@1"]
    assert life.happens("start", visit="third")[0] == ["a@1"]


def test_a_timer_of_what_is_paused_is_not_made_up_for() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(rollout("s", 1, paused=True))
    assert life.passes(3 * HOUR) == ([], ["b@1 suppressed"])
    life.publish(rollout("s", 1))
    assert life.passes(DAY)[0] == []


def test_an_attempt_of_an_earlier_version_is_paused_with_its_strategy() -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(rollout("s", 2, previous=1, paused=True))
    assert life.happens("field") == ([], ["c@1 suppressed"])


@pytest.mark.parametrize(
    ("in_flight", "field", "timer"),
    [
        ("keep", (["c@1"], ["c@1 fired"]), ["b@1"]),
        ("cancel", ([], ["entry@1 cancelled"]), []),
    ],
)
def test_what_is_retired_begins_nothing_and_what_is_in_flight_goes_on_or_ends(
    in_flight: InFlight, field: tuple[list[str], list[str]], timer: list[str]
) -> None:
    life = Life(rollout("s", 1))
    life.happens("start")
    life.publish(rollout("s", 1, "retired", in_flight=in_flight))
    assert life.happens("field") == field
    assert life.happens("start", visit="other") == ([], [])
    assert life.passes(3 * HOUR)[0] == timer


def test_ten_thousand_attempts_in_flight_lose_and_repeat_nothing() -> None:
    """Three strategies, one for each policy; every customer is in all three when each gets its second version."""
    policies: tuple[InFlight, ...] = ("keep", "migrate", "cancel")
    life = Life(
        *(
            release(name, version, text(name, version, its))
            for name in policies
            for version, its in ((1, FIRST), (2, SECOND))
        ),
        *(rollout(name, 1) for name in policies),
    )
    customers = [f"C-{number}" for number in range(10_000)]
    for customer_id in customers:
        life.happens("start", customer_id)
    life.publish(*(rollout(name, 2, previous=1, in_flight=name) for name in policies))
    for customer_id in customers[:100]:
        life.happens("field", customer_id)
    life.passes(3 * HOUR)
    ids = [command.action_id for command in life.replay.commands]
    assert len(ids) == len(set(ids))
    done = Counter(f"{one.strategy_id} {one.step}@{one.strategy_version}" for one in life.replay.commands)
    assert done == {
        "keep a@1": 10_000,
        "keep b@1": 10_000,
        "keep c@1": 100,
        "migrate a@1": 10_000,
        "migrate b@2": 10_000,
        "migrate d@2": 100,
        "cancel a@1": 10_000,
    }
    ended = Counter(one.strategy_id for one in life.replay.decisions if one.outcome == "cancelled")
    assert ended == {"cancel": 10_000}
