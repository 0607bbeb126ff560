"""The benchmark's own arithmetic, its fold, and that all systems really do the same work."""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from msgspec.structs import replace

from benchmarks.fold import chosen, compare
from benchmarks.measure import BenchmarkError, create_topics, measure
from benchmarks.plots import bars, lines
from benchmarks.records import Expected, produce_input, read_all
from benchmarks.report import Measured, markdown, ratio
from benchmarks.systems import BYTEWAX, FAUST, KAFKA_STREAMS, OURS, QUIX, SYSTEMS, Ready, System
from benchmarks.workload import EVERY, REMEMBERED, State, event, fold
from pipeline.domain.failures import Failure
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
    ours = Measured(1_000, (1.0, 4.0, 2.0))
    peer = Measured(100, (2.0, 1.0, 0.5))
    assert ours.rates == [1_000, 250, 500]
    assert (ours.rate, peer.rate) == (500, 100)
    assert ratio(ours, peer) == 5
    assert Measured(100, (1.0, 2.0)).rate == 75


def test_the_report_gives_the_ratios_first_then_every_system_and_the_machine() -> None:
    results = {
        OURS: Measured(300_000, (10.0, 12.0, 15.0)),
        QUIX: Measured(300_000, (40.0, 50.0, 60.0)),
        BYTEWAX: Measured(300_000, (12.0, 12.0, 10.0)),
        FAUST: Measured(20_000, (16.0, 20.0, 25.0)),
    }
    lines = [line for line in markdown(results, 20_000, {"cores": "2"}).splitlines() if line]
    assert lines[1] == (
        "**One Throughline worker folds 25,000 events a second, 4.2 times Quix Streams, "
        "1.0 times Bytewax, 25.0 times Faust.**"
    )
    assert "| Throughline | exactly once | 300,000 | 25,000 | 30,000, 25,000, 20,000 |  |  |" in lines
    assert "| Quix Streams | exactly once | 300,000 | 6,000 | 7,500, 6,000, 5,000 | 4.2 | ≥ 4: met |" in lines
    assert "| Bytewax | at least once | 300,000 | 25,000 | 25,000, 25,000, 30,000 | 1.0 |  |" in lines
    assert "| Faust | at least once | 20,000 | 1,000 | 1,250, 1,000, 800 | 25.0 | ≥ 40: not met |" in lines
    assert lines[-1] == "- cores: 2"


def test_a_system_that_could_not_be_measured_has_a_row_with_the_reason() -> None:
    results = {OURS: Measured(1_000, (1.0,)), KAFKA_STREAMS: Failure("no_jdk", "no JDK here")}
    text = markdown(results, 20, {})
    assert "| Kafka Streams | exactly once | | not measured: no JDK here | | | ≥ 2 |" in text
    assert "times Kafka Streams" not in text


def test_without_a_jdk_kafka_streams_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert KAFKA_STREAMS.ready(tmp_path) == Failure("no_jdk", "no JDK (javac) on this machine")


@pytest.mark.parametrize("system", [QUIX, BYTEWAX])
def test_without_their_environment_the_peers_say_so(
    system: System, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("benchmarks.systems.PEERS", tmp_path / "python")
    failure = system.ready(tmp_path)
    assert isinstance(failure, Failure)
    assert (failure.code, "make bench" in failure.message) == ("not_installed", True)


def test_an_unknown_system_is_wrong_use() -> None:
    assert [system.slug for system in chosen("faust, Kafka-Streams")] == [
        "throughline",
        "kafka-streams",
        "faust",
    ]
    with pytest.raises(typer.BadParameter, match="flink: choose from throughline, kafka-streams"):
        chosen("faust,flink")


def test_a_plot_shows_every_name_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    values = {"Ours": (25_000.0, 20_000.0, 30_000.0), "Peer": (2.5, 2.0, 3.0)}
    series = {"ours": [(10.0, 1.5), (1_000.0, 2.0)], "peer": [(10.0, 4.0)]}
    for name in ("one", "two"):
        bars(tmp_path / f"bars-{name}.svg", "Fold", "events/s", values)
        lines(tmp_path / f"lines-{name}.svg", "Growth", "customers", "µs", series)
    for kind, shown in {
        "bars": {"Fold", "events/s", "Ours: 25,000", "Peer: 2.5"},
        "lines": {"Growth", "customers", "µs", "ours", "peer"},
    }.items():
        one, two = (tmp_path / f"{kind}-{name}.svg" for name in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
        assert shown <= {node.text for node in ElementTree.parse(one).iter()}
        assert date.today().isoformat().encode() not in one.read_bytes()


def _prepared(tmp_path: Path) -> dict[System, Ready]:
    """The systems that this machine has; ours and Faust always."""
    found = {}
    for system in SYSTEMS:
        directory = tmp_path / system.slug
        directory.mkdir()
        if isinstance(ready := system.ready(directory), Ready):
            found[system] = ready
    return found


@pytest.mark.kafka
def test_all_systems_make_the_actions_and_states_of_the_fold(broker: Broker, tmp_path: Path) -> None:
    """`measure` compares them; the last test shows that it would notice."""
    workers = _prepared(tmp_path)
    assert {OURS, FAUST} <= workers.keys()
    measured = compare(broker.bootstrap, workers, dict.fromkeys(workers, 2_000), customers=100, runs=1)
    assert {system: (one.events, len(one.seconds)) for system, one in measured.items()} == dict.fromkeys(
        workers, (2_000, 1)
    )


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
def test_another_action_or_state_than_expected_fails_the_run(
    broker: Broker, small_input: Expected, tmp_path: Path
) -> None:
    ready = OURS.ready(tmp_path)
    assert isinstance(ready, Ready)
    command = ready.command
    right = next(iter(small_input.actions))
    key, value, headers = right
    actions = small_input.actions - Counter([right]) + Counter([(key, value + b"!", headers)])
    with pytest.raises(BenchmarkError, match="1 actions are missing or wrong, 1 are too many"):
        measure(
            broker.bootstrap, OURS, command, 101, small_input._replace(actions=actions), lambda seen: None
        )
    states = dict(small_input.states)
    states[next(iter(states))] += b"!"
    with pytest.raises(BenchmarkError, match="1 of 10 states are wrong"):
        measure(broker.bootstrap, OURS, command, 102, small_input._replace(states=states), lambda seen: None)
