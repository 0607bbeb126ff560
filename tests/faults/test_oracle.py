"""The oracle of the fault campaign: what is right passes, and one thing wrong of each sort is noticed."""

from __future__ import annotations

import time
from collections import Counter
from itertools import chain
from typing import Any

import msgspec
import pytest

from pipeline.domain.messages import ActionCommand
from pipeline.domain.strategies.compiled import Rules
from pipeline.pack import load_rules
from pipeline.wire.codec import Codec
from pipeline.wire.routes import route
from tests.faults.deployment import Raw
from tests.faults.oracle import Oracle, Record, Result, compare
from tests.faults.workload import workload

CUSTOMERS = 60


def records() -> list[Record]:
    """The workload as it would lie on topics of one partition."""
    codec, found, ends = Codec(), [], Counter[str]()
    events = workload(7, CUSTOMERS)
    for arrived, event in enumerate(chain(*events.first, events.traffic)):
        if isinstance(event, Raw):
            topic, key, value = event
        else:
            where = route(event)
            topic, key, value = where.topic, where.key.encode(), codec.encode(None, event)
        found.append(Record(topic, 0, ends[topic], arrived, key, value))
        ends[topic] += 1
    return found


@pytest.fixture(scope="module")
def oracle() -> Oracle:
    rules = load_rules()
    assert isinstance(rules, Rules)
    oracle = Oracle(rules, time.time_ns() // 1_000_000)
    oracle.fold(records())
    return oracle


@pytest.fixture
def right(oracle: Oracle) -> Result:
    """What is found when all went well."""
    result = oracle.result()
    return Result(result.once.copy(), dict(result.content))


def name_of(result: Result, sort: str) -> str:
    return next(name for name in sorted(result.once) if name.startswith(sort))


def test_every_record_has_one_fate_and_all_fates_occur(oracle: Oracle) -> None:
    assert oracle.fates.total() == len(records())
    assert set(oracle.fates) == {"folded", "duplicate", "late", "dead-letter"}


def test_the_traffic_exercises_what_the_pipeline_does(right: Result) -> None:
    actions = [one for name, made in right.content.items() if name.startswith("actions ") for one in made]
    assert {action.kind for action in actions} >= {"refund", "send_message", "reply_public", "offer_chat"}
    states = [state for name, state in right.content.items() if name.startswith("sessions ")]
    assert any(state.merged_into for state in states)
    assert any(state.absorbed and state.known for state in states)


def test_the_same_is_no_problem(oracle: Oracle, right: Result) -> None:
    verdict = compare(oracle, right)
    assert (verdict.lost, verdict.repeated, verdict.differing) == (0, 0, 0)
    assert verdict.problems == []


@pytest.mark.parametrize("sort", ["action", "decision", "history", "change", "dead letter"])
def test_one_that_is_missing_or_repeated_is_noticed(oracle: Oracle, right: Result, sort: str) -> None:
    name = name_of(right, f"{sort} ")
    right.once[name] -= 1
    assert compare(oracle, right).lost == 1
    right.once[name] += 2
    verdict = compare(oracle, right)
    assert (verdict.lost, verdict.repeated) == (0, 1)
    assert verdict.problems


def test_one_that_nobody_expects_is_noticed(oracle: Oracle, right: Result) -> None:
    right.once["action of-nobody"] += 1
    assert compare(oracle, right).repeated == 1


def changed(value: Any) -> Any:
    if isinstance(value, ActionCommand):
        return msgspec.structs.replace(value, lane="proactive")
    return msgspec.structs.replace(value, known=not value.known)


@pytest.mark.parametrize("table", ["sessions", "identities"])
def test_one_state_that_is_changed_missing_or_too_much_is_noticed(
    oracle: Oracle, right: Result, table: str
) -> None:
    name = next(name for name in right.content if name.startswith(f"{table} "))
    state = right.content[name]
    right.content[name] = changed(state)
    assert compare(oracle, right).differing == 1
    del right.content[name]
    assert compare(oracle, right).differing == 1
    right.content.update({name: state, f"{table} of-nobody": state})
    assert compare(oracle, right).differing == 1


def test_one_action_with_another_content_or_order_is_noticed(oracle: Oracle, right: Result) -> None:
    name = next(name for name, made in right.content.items() if name.startswith("actions ") and len(made) > 1)
    made = right.content[name]
    right.content[name] = [changed(made[0]), *made[1:]]
    assert compare(oracle, right).differing == 1
    right.content[name] = made[::-1]
    assert compare(oracle, right).differing == 1


def test_one_deadline_that_is_missing_or_left_behind_is_noticed(oracle: Oracle, right: Result) -> None:
    name = next(name for name in right.content if name.startswith("deadlines "))
    del right.content[name]
    assert compare(oracle, right).differing == 1
    right.content.update({name: True, "deadlines 000000000000001|of-nobody": True})
    assert compare(oracle, right).differing == 1
