"""The demo's clock and names: shorter gaps in the same order, and nobody's earlier orders."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.domain.actions import Refund
from pipeline.domain.messages import ActionCommand
from pipeline.local.demo.names import Names
from pipeline.local.demo.pace import FAST, PERSON, Pace, on_story_clock, played
from pipeline.local.demo.play import scenarios
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.pack import load_rules

START = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@pytest.fixture(params=[0, 1], ids=["valuable", "not valuable"])
def scenario(request: pytest.FixtureRequest) -> Scenario:
    return scenarios()[request.param]


@pytest.mark.parametrize(("gap", "shown"), [(0, 0), (1_000, 4_000), (60_000, 5_000), (600_000, 10_000)])
def test_a_gap_is_divided_and_kept_between_bounds(gap: int, shown: int) -> None:
    assert PERSON.shortened(gap) == shown


@pytest.mark.parametrize("pace", [PERSON, FAST])
def test_the_order_and_what_came_before_stay(scenario: Scenario, pace: Pace) -> None:
    shown = played(scenario, pace, START)
    assert shown.given.start == START
    assert shown.given.events == scenario.given.events
    at = [delivery.at for delivery in shown.when]
    assert at[0] == 0
    assert at == sorted(set(at))
    assert shown.until == at[-1] + pace.hold_ms
    assert [delivery.payload for delivery in shown.when] == [one.payload for one in scenario.when]


def test_at_the_pace_of_a_person_both_take_about_a_minute() -> None:
    lengths = [(played(scenario, PERSON, START).until or 0) + PERSON.lead_ms for scenario in scenarios()]
    assert 50_000 < sum(lengths) < 75_000


@pytest.mark.parametrize("pace", [PERSON, FAST])
def test_the_shortened_scenario_demands_the_same(scenario: Scenario, pace: Pace) -> None:
    """Played in memory at either pace it passes: shortening breaks none of what its file demands."""
    rules = load_rules()
    assert not isinstance(rules, list)
    assert check(played(scenario, pace, START), MemoryDriver(), rules).problems == []


def test_the_storys_clock_runs_with_the_wall_clock_and_stands_still_before_what_was_held_back() -> None:
    knots = [(1_000, 1_005), (1_400, 1_800)]
    shown = [on_story_clock(at, knots) for at in (900, 1_005, 1_105, 1_700, 1_800, 1_850)]
    assert shown == [900, 1_000, 1_100, 1_399, 1_400, 1_450]


def test_without_a_mark_nothing_is_renamed(scenario: Scenario) -> None:
    names = Names(scenario, "")
    assert names.marked(b'{"userId": "C-1001"}') == b'{"userId": "C-1001"}'
    assert names.name("C-1001") == "C-1001"


def test_a_mark_goes_to_whole_names_and_comes_off_again() -> None:
    names = Names(scenarios()[0], "-7f3a")
    sent = names.marked(b'{"userId": "C-1001", "order": "1001", "at": 1764100100110010, "charge": 4.95}')
    assert sent == b'{"userId": "C-1001-7f3a", "order": "1001-7f3a", "at": 1764100100110010, "charge": 4.95}'
    command = ActionCommand(
        action_id="a",
        customer_id="C-1001-7f3a",
        kind="refund",
        lane="service_reply",
        body=Refund(order_id="1001-7f3a", amount=4.95, currency="GBP", reason="wrong_size"),
        strategy_id="s",
        strategy_version=1,
        attempt_key="k",
        step="refund",
        occurrence=0,
    )
    plain = names.plain(command)
    assert plain.customer_id == "C-1001"
    assert plain.body == Refund(order_id="1001", amount=4.95, currency="GBP", reason="wrong_size")


def test_every_name_of_the_customers_file_is_marked() -> None:
    for scenario in scenarios():
        names = Names(scenario, "-7f3a")
        file = (scenario.directory / Path("payloads") / str(scenario.given.customers)).read_bytes()
        own = str(scenario.when[1].with_["customer"])
        row = next(line for line in names.marked(file).decode().splitlines() if line.startswith(own))
        assert row.count("-7f3a") == 2, "the customer and the sender on Facebook"
