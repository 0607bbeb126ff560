"""The benchmark's own arithmetic, its fold, and that both systems really do the same work."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from benchmarks.fold import compare
from benchmarks.measure import FAUST, OURS, BenchmarkError, create_topics, run
from benchmarks.records import Expected, produce_input, read_all
from benchmarks.report import Measured, markdown, ratio
from benchmarks.workload import EVERY, REMEMBERED, State, event, fold
from pipeline.local.broker import Broker


def folded(numbers: range, customers: int) -> tuple[dict[str, State], list[str]]:
    """The states after these events, and the ids of the actions on the way."""
    states: dict[str, State] = {}
    actions = []
    for number in numbers:
        value = event(number, customers)
        states[value.key], action = fold(states.get(value.key), value)
        if action is not None:
            actions.append(action.action_id)
    return states, actions


def test_the_state_counts_and_remembers_what_happened() -> None:
    states, _ = folded(range(50), customers=1)
    (state,) = states.values()
    assert state.count == sum(state.channels.values()) == 50
    assert state.last_seen == event(49, 1).occurred_at
    assert state.recent == tuple(event(number, 1).event_id for number in range(50 - REMEMBERED, 50))


def test_an_event_that_comes_late_does_not_move_last_seen_back() -> None:
    newer, _ = fold(None, event(7, 1))
    after, _ = fold(newer, event(3, 1))
    assert (after.count, after.last_seen) == (2, newer.last_seen)


def test_a_repeated_event_changes_nothing_and_causes_nothing() -> None:
    state, actions = folded(range(REMEMBERED), customers=1)
    (once,) = state.values()
    assert len(actions) == 2
    for number in range(REMEMBERED):
        assert fold(once, event(number, 1)) == (once, None)


def test_the_fold_leaves_its_arguments_alone() -> None:
    state, _ = fold(None, event(0, 1))
    copy = replace(state, channels=dict(state.channels))
    fold(state, event(1, 1))
    assert state == copy


@pytest.mark.parametrize("customers", [1, 7, 500])
def test_every_tenth_event_of_a_customer_causes_one_action(customers: int) -> None:
    states, actions = folded(range(5_000), customers)
    assert len(set(actions)) == len(actions)
    least = sum(state.count // EVERY for state in states.values())
    assert least <= len(actions) <= least + len(states)
    assert abs(len(actions) - 5_000 / EVERY) < customers


def test_events_are_the_same_every_time_and_differ_from_each_other() -> None:
    assert event(12, 500) == event(12, 500)
    assert len({event(number, 500).event_id for number in range(1_000)}) == 1_000
    assert Counter(event(number, 50).key for number in range(1_000)).most_common()[-1][1] > 0


def test_rates_and_their_ratio_come_from_the_medians() -> None:
    ours = Measured("Ours", "exactly once", 1_000, (1.0, 4.0, 2.0))
    peer = Measured("Peer", "at least once", 100, (2.0, 1.0, 0.5))
    assert ours.rates == [1_000, 250, 500]
    assert (ours.rate, peer.rate) == (500, 100)
    assert ratio(ours, peer) == 5
    assert Measured("Even", "", 100, (1.0, 2.0)).rate == 75


def test_the_report_gives_the_ratio_first_then_every_run_and_the_machine() -> None:
    ours = Measured("Ours", "exactly once", 300_000, (10.0, 12.0, 15.0))
    peer = Measured("Peer", "at least once", 20_000, (16.0, 20.0, 25.0))
    text = markdown(ours, peer, 20_000, {"cores": "2"})
    lines = [line for line in text.splitlines() if line]
    assert lines[1].startswith("**One Ours worker folds 25.0 times")
    assert "| Ours | exactly once | 300,000 | 25,000 | 30,000, 25,000, 20,000 | 25.0 |" in lines
    assert "| Peer | at least once | 20,000 | 1,000 | 1,250, 1,000, 800 | 1.0 |" in lines
    assert lines[-1] == "- cores: 2"


@pytest.mark.kafka
def test_both_systems_make_the_actions_and_states_of_the_fold(broker: Broker) -> None:
    """`run` compares them, byte for byte; the next test shows that it would notice."""
    measured = compare(broker.bootstrap, {OURS: 2_000, FAUST: 2_000}, customers=100, runs=1)
    assert [(one.name, one.events, len(one.seconds)) for one in measured.values()] == [
        ("Throughline", 2_000, 1),
        ("Faust", 2_000, 1),
    ]


@pytest.fixture(scope="module")
def small_input(broker: Broker) -> Expected:
    """An input of 300 events of 10 customers."""
    create_topics(broker.bootstrap, "small.", "interactions.web")
    return produce_input(broker.bootstrap, "small.interactions.web", 300, 10, lambda done: None)


@pytest.mark.kafka
def test_the_input_is_on_the_topic_whole(broker: Broker, small_input: Expected) -> None:
    records = read_all(broker.bootstrap, small_input.topic)
    assert Counter(record.key().decode() for record in records) == Counter(
        event(number, 10).key for number in range(300)
    )
    assert sum(small_input.ends.values()) == 300


@pytest.mark.kafka
def test_another_action_or_state_than_expected_fails_the_run(broker: Broker, small_input: Expected) -> None:
    key, action = next(iter(small_input.actions))
    actions = small_input.actions - Counter([(key, action)]) + Counter([(key, action + b"!")])
    with pytest.raises(BenchmarkError, match="1 actions are missing or wrong, 1 are too many"):
        run(broker.bootstrap, OURS, 101, small_input._replace(actions=actions), lambda seen: None)
    states = dict(small_input.states)
    states[next(iter(states))] += b"!"
    with pytest.raises(BenchmarkError, match="1 of 10 states are wrong"):
        run(broker.bootstrap, OURS, 102, small_input._replace(states=states), lambda seen: None)
