"""What is live, from files and records: what is applied, what waits, and what is refused."""

from __future__ import annotations

import msgspec
import pytest
from domain_values import rules
from strategy_records import release, rollout, switch, text

from pipeline.domain.failures import Failure
from pipeline.domain.releases import KILL_SWITCH, StrategyRecord
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.problems import Problem

CUSTOMERS = [f"C-{number}" for number in range(400)]
BROKEN = text("s", 2).replace("event.interaction_id", "event.no_such_field")


def catalogue(*records: StrategyRecord) -> Catalogue:
    """The catalogue over a file with version 1 of `s`, after records that must be accepted."""
    made = Catalogue(rules(text("s", 1)))
    for record in records:
        assert made.take(record.key, record) is None
    return made


def versions(live: Rules, strategy_id: str = "s") -> dict[int | None, int]:
    """How many customers have which version."""
    found = [live.version_for(strategy_id, customer_id) for customer_id in CUSTOMERS]
    return {version: found.count(version) for version in found}


def running(made: Catalogue, strategy_id: str = "s") -> int | None:
    (version,) = versions(made.rules(), strategy_id)
    return version


def test_a_file_is_active_until_the_topic_tells_of_its_strategy() -> None:
    made = catalogue(release("other", 7), rollout("other", 7))
    assert (running(made), running(made, "other")) == (1, 7)
    assert {id_: one.changed_by for id_, one in made.rollouts.items()} == {"s": "file", "other": "maya"}


def test_a_release_alone_changes_nothing() -> None:
    assert running(catalogue(release("s", 2))) == 1


def test_a_roll_out_waits_for_its_release() -> None:
    made = catalogue(rollout("s", 2))
    assert running(made) == 1
    assert list(made.refused) == ["s"]
    assert made.take("s@2", release("s", 2)) is None
    assert running(made) == 2
    assert made.refused == {}


def test_a_file_of_another_version_is_no_release() -> None:
    assert running(catalogue(rollout("s", 1))) == 1
    assert list(catalogue(rollout("s", 3, "canary", previous=2, percent=5)).refused) == ["s"]


def test_a_canary_has_its_share_and_the_same_customers_and_more_later() -> None:
    made = catalogue(release("s", 2), rollout("s", 2, "canary", previous=1, percent=20))
    live = made.rules()
    assert 40 < versions(live)[2] < 120
    assert versions(live)[1] + versions(live)[2] == len(CUSTOMERS)
    had = {customer_id for customer_id in CUSTOMERS if live.version_for("s", customer_id) == 2}
    assert made.take("s", rollout("s", 2, "canary", previous=1, percent=60)) is None
    later = made.rules()
    assert had < {customer_id for customer_id in CUSTOMERS if later.version_for("s", customer_id) == 2}


def test_a_shadow_is_asked_beside_what_runs() -> None:
    live = catalogue(release("s", 2), rollout("s", 2, "shadow", previous=1)).rules()
    assert versions(live) == {1: len(CUSTOMERS)}
    assert [(one.name, one.version, one.shadow) for one in live.index["web", "start"]] == [
        ("s", 1, False),
        ("s@2", 2, True),
    ]


@pytest.mark.parametrize("stage", ["validated", "shadow"])
def test_a_first_version_that_is_tried_runs_for_nobody(stage: str) -> None:
    made = catalogue(release("new", 1), msgspec.structs.replace(rollout("new", 1), stage=stage))
    assert running(made, "new") is None


def test_what_is_retired_is_asked_nothing() -> None:
    live = catalogue(rollout("s", 1, "retired")).rules()
    assert (live.index, live.strategies) == ({}, {})


def test_a_version_that_is_not_in_force_is_there_for_attempts_in_flight() -> None:
    live = catalogue(release("s", 1), release("s", 2), rollout("s", 2, previous=1, paused=True)).rules()
    earlier = live.version("s", 1)
    assert earlier is not None
    assert (earlier.version, earlier.paused) == (1, True)
    assert not any(map(earlier.begins_for, CUSTOMERS))
    assert live.version("s", 3) is None


def test_the_kill_switch_has_a_reason() -> None:
    made = catalogue(switch(True))
    assert made.rules().stopped == "stopped by maya"
    assert made.take(KILL_SWITCH, switch(True, "too many calls")) is None
    assert made.rules().stopped == "too many calls"
    assert made.take(KILL_SWITCH, switch(False)) is None
    assert made.rules().stopped is None
    assert made.take(KILL_SWITCH, switch(True)) is None
    assert made.take(KILL_SWITCH, None) is None
    assert made.rules().stopped is None


WRONG: list[tuple[str, StrategyRecord | Failure, str]] = [
    ("s", Failure("bad_avro", "cannot be read"), "cannot be read"),
    ("t", rollout("s", 2), "is the record of s"),
    ("s@3", release("s", 2), "is the record of s@2"),
    ("a@b", rollout("a@b", 2), "no strategy's name"),
    (KILL_SWITCH, rollout(KILL_SWITCH, 2), "no strategy's name"),
    ("s", rollout("s", 2, previous=2), "follow itself"),
    ("s", rollout("s", 2, "canary", previous=1, percent=0), "1 to 99 percent"),
    ("s", rollout("s", 2, "canary", previous=1, percent=100), "1 to 99 percent"),
]


@pytest.mark.parametrize(("key", "record", "message"), WRONG)
def test_a_wrong_record_is_refused_and_what_is_live_stays(
    key: str, record: StrategyRecord | Failure, message: str
) -> None:
    made = catalogue(release("s", 2), rollout("s", 2))
    problem = made.take(key, record)
    assert problem is not None
    assert message in str(problem)
    assert made.refused == {key: problem}
    assert running(made) == 2


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (BROKEN, "no_such_field"),
        ("{", "not valid YAML"),
        (text("t", 2), "is the definition of t@2"),
        (text("s", 3), "is the definition of s@3"),
        (text("s", 2, "[{id: a, on: entry, do: [{send_message: {template: none}}]}]"), "no template"),
        ("x" * 10_000_000, "characters"),
    ],
)
def test_a_release_that_cannot_run_is_refused_when_it_is_rolled_out(definition: str, message: str) -> None:
    made = catalogue(release("s", 2, definition))
    problem = made.take("s", rollout("s", 2, previous=1))
    assert isinstance(problem, Problem)
    assert message in str(problem)
    assert set(made.refused) == {"s", "s@2"}
    assert running(made) == 1
    assert made.take("s@4", release("s", 4)) is None
    assert made.take("s", rollout("s", 4, previous=1)) is None
    assert running(made) == 4
    assert set(made.refused) == {"s@2"}


def test_a_version_never_changes() -> None:
    made = catalogue(release("s", 2), rollout("s", 2))
    assert made.take("s@2", release("s", 2)) is None
    problem = made.take("s@2", release("s", 2, text("s", 2, on="web.other")))
    assert problem is not None
    assert "never changes" in str(problem)
    assert ("web", "other") not in made.rules().index
    assert made.take("s@2", release("s", 2)) is None
    assert made.refused == {}


def test_a_release_in_force_cannot_be_deleted_and_another_one_can() -> None:
    made = catalogue(release("s", 2), rollout("s", 2), release("s", 3))
    assert made.take("s@3", None) is None
    assert list(made.releases) == ["s@2"]
    assert made.take("s@2", None) is not None
    assert running(made) == 2


def test_without_its_roll_out_a_strategy_is_as_its_file_says_or_gone() -> None:
    made = catalogue(release("s", 2), rollout("s", 2), release("t", 1), rollout("t", 1))
    assert made.take("s", None) is None
    assert made.take("t", None) is None
    assert (running(made), running(made, "t")) == (1, None)


def test_a_copy_can_be_tried_on() -> None:
    made = catalogue(release("s", 2))
    other = made.copy()
    assert other.take("s", rollout("s", 2)) is None
    assert (running(other), running(made)) == (2, 1)


def test_only_what_has_changed_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    module = "pipeline.domain.strategies.catalogue"
    real = __import__(module, fromlist=["compile_strategy"]).compile_strategy

    def noting(definition: str, file: str, brand: object) -> object:
        compiled.append(file)
        return real(definition, file, brand)

    monkeypatch.setattr(f"{module}.compile_strategy", noting)
    made = catalogue(*(release(f"s{number}", 1) for number in range(20)))
    assert compiled == []
    for number in range(20):
        made.take(f"s{number}", rollout(f"s{number}", 1))
    assert len(compiled) == 20
    made.take("s7@2", release("s7", 2))
    made.take("s7", rollout("s7", 2, previous=1))
    made.take("s8", rollout("s8", 1, paused=True))
    assert compiled[20:] == ["s7@2"]
