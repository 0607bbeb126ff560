"""What must hold of attempts in flight whatever is rolled out, and whenever."""

from __future__ import annotations

from domain_values import HOUR, MINUTE
from hypothesis import given, settings
from hypothesis import strategies as st
from strategy_life import Life
from strategy_records import rollout

from pipeline.domain.messages import ActionCommand
from pipeline.domain.releases import StrategyRollout

CUSTOMERS, VISITS = ("C-1", "C-2", "C-3"), ("v1", "v2")

rollouts = st.builds(
    rollout,
    st.just("s"),
    st.just(2),
    st.sampled_from(["validated", "shadow", "canary", "active", "retired"]),
    previous=st.sampled_from([1, None]),
    percent=st.integers(1, 99),
    paused=st.booleans(),
    in_flight=st.sampled_from(["keep", "migrate", "cancel"]),
) | st.builds(rollout, st.just("s"), st.just(1), in_flight=st.sampled_from(["keep", "migrate", "cancel"]))
events = st.tuples(st.sampled_from(["start", "field"]), st.sampled_from(CUSTOMERS), st.sampled_from(VISITS))
pauses = st.sampled_from([MINUTE, HOUR, 3 * HOUR])
stories = st.lists(rollouts | events | pauses, max_size=25)


def allowed(one: StrategyRollout) -> set[int]:
    """The versions of which a command may come: those that run, and others that attempts are kept with."""
    if one.paused or (one.stage == "retired" and one.in_flight != "keep"):
        return set()
    if one.in_flight == "keep":
        return {1, 2}
    runs = {
        "validated": {one.previous},
        "shadow": {one.previous},
        "canary": {one.version, one.previous},
        "active": {one.version},
    }
    return {version for version in runs.get(one.stage, set()) if version is not None}


def told(story: list[object]) -> list[ActionCommand]:
    """The commands of a story, each of which must be allowed at its time."""
    current = rollout("s", 1)
    life = Life(current)
    for one in story:
        before = len(life.replay.commands)
        match one:
            case StrategyRollout():
                current = one
                life.publish(one)
            case int():
                life.passes(one)
            case (str(kind), str(customer_id), str(visit)):
                life.happens(kind, customer_id, visit)
        versions = {command.strategy_version for command in life.replay.commands[before:]}
        assert versions <= allowed(current)
    return life.replay.commands


@settings(deadline=None)
@given(stories)
def test_no_action_is_repeated_and_none_comes_of_what_does_not_run(story: list[object]) -> None:
    commands = told(story)
    assert len({command.action_id for command in commands}) == len(commands)
    places = [(one.customer_id, one.attempt_key, one.step) for one in commands]
    assert len(set(places)) == len(places)


@settings(deadline=None, max_examples=30)
@given(stories)
def test_the_same_changes_at_the_same_times_give_the_same_commands(story: list[object]) -> None:
    assert told(story) == told(story)
