"""What undoes merges: give back, keep apart, refuse."""

from __future__ import annotations

import pytest
from domain_values import DEVICE, NOW, NUMBER, SECOND, event, profile, rules
from merging_values import (
    ANONYMOUS,
    GREETING,
    ONE,
    TABLET,
    TWO,
    changes,
    linked,
    merge,
    state_of,
    unmerge,
    visit,
)

from pipeline.domain import state as states
from pipeline.domain.customer import handle
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import (
    ActionCommand,
    CustomerTakenOut,
)
from pipeline.domain.replay import Replay
from pipeline.domain.state import ABSORBED, APART, CustomerState
from pipeline.domain.strategies.compiled import Rules


@pytest.fixture(scope="module")
def live() -> Rules:
    return rules(GREETING)


def test_an_unmerge_before_it_is_known_where_the_record_got_to_is_done_there(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge("C-1", ONE))
    replay.fold(merge(ONE, TWO, "smaller_provisional_id"), unmerge(TWO, ONE))
    assert [state_of(replay, one).history.contacts for one in ("C-1", ONE, TWO)] == [1, 0, 1]
    assert state_of(replay, "C-1").absorbed == [ONE]


def test_an_unmerge_in_the_middle_of_a_branch_is_seen_by_all_above(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge(ONE, TWO, "smaller_provisional_id"))
    replay.fold(merge("C-1", ONE))
    assert state_of(replay, "C-1").history.contacts == 2
    replay.fold(unmerge(TWO, ONE))
    assert state_of(replay, "C-1").absorbed == [ONE]
    assert state_of(replay, "C-1").history.contacts == 1
    assert changes(replay)[-1] == ("unmerged", "C-1", TWO, "wrong_person")
    replay.fold(unmerge(ONE, "C-1"))
    assert [state_of(replay, one).history.contacts for one in ("C-1", ONE, TWO)] == [0, 1, 1]


def test_an_unmerge_from_further_up_takes_out_the_branch_that_it_came_with(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge(ONE, TWO, "smaller_provisional_id"))
    replay.fold(merge("C-1", ONE))
    replay.fold(unmerge(TWO, "C-1"))
    assert state_of(replay, ONE).merged_into is None
    assert state_of(replay, TWO).merged_into == ONE


def test_an_unmerge_gives_back_what_was_brought_and_keeps_what_came_after(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(profile(identifiers=[]))
    replay.fold(visit("w", identifiers=[TABLET, NUMBER], interaction_id="w", facts={"size": "M"}))
    replay.fold(visit("a", facts={"order_id": "7"}, interaction_id="a"))
    replay.fold(merge("C-1"))
    replay.fold(visit("b", NOW + SECOND, interaction_id="b", facts={"colour": "red"}, subject="return"))
    both = state_of(replay, "C-1")
    assert (both.sessions[0].events, both.history.contacts) == (3, 3)
    assert DEVICE.key in both.identifiers
    replay.fold(unmerge(ANONYMOUS, "C-1"))
    again, left = state_of(replay, ANONYMOUS), state_of(replay, "C-1")
    assert (again.merged_into, again.before_merge, again.apart) == (None, b"", ["C-1"])
    assert (again.sessions[0].events, again.history.contacts, len(again.recent)) == (1, 1, 16)
    assert [one.facts for one in again.threads] == [{"order_id": "7"}]
    assert (left.absorbed, left.apart) == ([], [ANONYMOUS])
    assert (left.sessions[0].events, left.history.contacts, len(left.recent)) == (2, 2, 32)
    assert {name for one in left.threads for name in one.facts} == {"size", "colour"}
    assert DEVICE.key not in left.identifiers
    assert left.sessions[0].session_id != again.sessions[0].session_id
    assert changes(replay)[-1] == ("unmerged", "C-1", ANONYMOUS, "wrong_person")
    record = replay.identity(DEVICE.key)
    assert record is not None
    assert (record.customer_id, record.known) == (ANONYMOUS, False)
    replay.fold(visit("c", NOW + 2 * SECOND))
    assert state_of(replay, ANONYMOUS).sessions[0].events == 2


def test_a_visit_that_both_had_part_in_is_a_contact_of_both_again(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(event("a"), event("b", NOW + SECOND, identifiers=[TABLET, NUMBER]))
    replay.fold(merge("C-1"))
    assert state_of(replay, "C-1").history.contacts == 1
    replay.fold(unmerge(ANONYMOUS, "C-1"))
    for one in ("C-1", ANONYMOUS):
        state = state_of(replay, one)
        assert (state.history.contacts, state.history.channels) == (1, {"web": 1})
        assert state.going_on["web:visit"].events == 1


def test_who_was_taken_out_is_not_merged_again(live: Rules) -> None:
    replay = Replay(live, NOW)
    for message in (visit("a"), merge("C-1"), unmerge(ANONYMOUS, "C-1"), merge("C-1")):
        replay.fold(message)
    assert state_of(replay, ANONYMOUS).merged_into is None
    assert changes(replay)[-1] == ("blocked", "C-1", ANONYMOUS, "kept_apart")
    replay.fold(visit("b", identifiers=[TABLET]), merge("C-1", provisional_id(TABLET.key)))
    replay.fold(merge(ONE, TWO, "smaller_provisional_id"))
    assert state_of(replay, ANONYMOUS).history.contacts == 1
    assert changes(replay)[-1][-1] == "kept_apart"


def test_who_was_kept_apart_does_not_come_in_with_another(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge("C-1", TWO), unmerge(TWO, "C-1"))
    replay.fold(merge("C-1", ONE), merge(ONE, TWO, "smaller_provisional_id"))
    assert state_of(replay, TWO).merged_into is None
    assert state_of(replay, "C-1").absorbed == [ONE]
    assert [state_of(replay, one).history.contacts for one in ("C-1", TWO)] == [1, 1]
    replay.fold(unmerge(ONE, "C-1"))
    assert [state_of(replay, one).history.contacts for one in ("C-1", ONE, TWO)] == [0, 1, 1]


@pytest.mark.parametrize(("loser", "winner"), [(ONE, "C-9"), (TWO, "C-1"), ("C-1", "C-9")])
def test_an_unmerge_of_what_is_not_merged_does_nothing_but_say_so(
    live: Rules, loser: str, winner: str
) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge("C-1", ONE))
    before = [state_of(replay, one) for one in ("C-1", ONE, TWO)]
    replay.fold(unmerge(loser, winner))
    assert [state_of(replay, one) for one in ("C-1", ONE, TWO)] == before
    assert changes(replay)[-1][::3] == ("blocked", "not_merged")


def test_an_unmerge_that_is_asked_for_twice_is_done_once(live: Rules) -> None:
    replay = Replay(live, NOW)
    for message in (visit("a"), merge("C-1"), unmerge(ANONYMOUS, "C-1"), unmerge(ANONYMOUS, "C-1")):
        replay.fold(message)
    assert [change[0] for change in changes(replay)] == ["merged", "unmerged", "blocked"]


def test_a_customer_takes_in_only_so_many_others_and_forgets_none(live: Rules) -> None:
    replay = Replay(live, NOW)
    for at in range(ABSORBED + 3):
        device = Identifier("device", f"many-{at}")
        replay.fold(visit(f"e{at}", NOW, interaction_id=f"i{at}", identifiers=[device]))
        replay.fold(merge("C-1", provisional_id(device.key)))
    winner = state_of(replay, "C-1")
    assert len(winner.absorbed) == ABSORBED
    assert winner.history.contacts == ABSORBED
    refused = [change for change in changes(replay) if change[0] == "blocked"]
    assert [change[1::2] for change in refused] == [("C-1", "fan_in_limit")] * 3
    for _, _, other, _ in refused:
        assert state_of(replay, other).merged_into is None
        assert state_of(replay, other).history.contacts == 1
    assert len(states.encode(winner)) < 40_000


def test_whom_a_customer_is_kept_apart_from_is_bounded(live: Rules) -> None:
    replay = Replay(live, NOW)
    for at in range(APART + 3):
        one = provisional_id(f"device:{at}")
        replay.fold(merge("C-1", one), unmerge(one, "C-1"))
    assert len(state_of(replay, "C-1").apart) == APART


def test_a_merge_carries_out_nothing_again_nor_does_its_undoing(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(profile(), profile(ANONYMOUS))
    hello = {"kind": "hello", "text": "hello"}
    replay.fold(visit("a", **hello))
    assert len(replay.commands) == 1
    replay.fold(merge("C-1"))
    replay.fold(visit("b", NOW + SECOND, **hello))
    assert len(replay.commands) == 1
    replay.advance(NOW + 600 * SECOND)
    assert len(replay.commands) == 2
    replay.fold(unmerge(ANONYMOUS, "C-1"))
    replay.advance(NOW + 1_200 * SECOND)
    assert len(replay.commands) == len({one.action_id for one in replay.commands}) == 2
    assert all(isinstance(one, ActionCommand) for one in replay.commands)


def test_a_profile_that_stood_in_leaves_with_whose_it_is(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(profile("C-2", name="Of C-2"), linked("C-2", "C-1"))
    replay.fold(unmerge("C-2", "C-1"))
    assert state_of(replay, "C-1").profile is None
    assert getattr(state_of(replay, "C-2").profile, "name", None) == "Of C-2"


def test_who_was_merged_by_an_earlier_release_can_be_taken_out_with_nothing(live: Rules) -> None:
    state = CustomerState(ANONYMOUS, merged_into="C-1")
    (taken,) = handle(state, unmerge(ANONYMOUS, "C-1"), NOW, live)
    assert isinstance(taken, CustomerTakenOut)
    assert (state.merged_into, state.apart) == (None, ["C-1"])
    winner = CustomerState("C-1", known=True, absorbed=[ANONYMOUS])
    (journaled,) = handle(winner, taken, NOW, live)
    assert (journaled.outcome, winner.absorbed) == ("unmerged", [])
