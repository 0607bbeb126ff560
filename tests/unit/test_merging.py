"""Merges: hand over, take in, send on, and no circles."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from domain_values import DAY, DEVICE, NOW, NUMBER, SECOND, event, folded, identified, profile, rules
from merging_values import (
    ANONYMOUS,
    EMAIL,
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
from pipeline.domain.evidence import HANDOVER_MS
from pipeline.domain.held import LIMITS
from pipeline.domain.interactions import Identifier
from pipeline.domain.merging import absorb
from pipeline.domain.messages import (
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    IdentifiedInteraction,
    IdentityLink,
    MergeRequested,
)
from pipeline.domain.replay import Replay
from pipeline.domain.requests import UnmergeRequested
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.wire.codec import Codec


@pytest.fixture(scope="module")
def live() -> Rules:
    return rules(GREETING)


def test_a_merge_hands_everything_over_and_leaves_the_way(live: Rules) -> None:
    state = CustomerState(ANONYMOUS)
    folded(state, visit("a", facts={"order_id": "7"}), live)
    before = states.encode(state)
    moved, link = handle(state, merge("C-1"), NOW, live)
    assert isinstance(moved, CustomerMoved)
    assert (moved.key, moved.loser, moved.rule, moved.evidence) == (
        "C-1",
        ANONYMOUS,
        "known_over_provisional",
        EMAIL,
    )
    assert isinstance(link, IdentityLink)
    assert (link.key, link.customer_id, link.known, link.replaces) == (DEVICE.key, "C-1", True, ANONYMOUS)
    assert state == CustomerState(ANONYMOUS, merged_into="C-1", before_merge=before, held=state.held)
    winner = CustomerState("C-1", known=True)
    folded(winner, visit("b", NOW + SECOND), live)
    (journaled,) = handle(winner, moved, NOW + SECOND, live)
    assert (journaled.outcome, journaled.customer_id, journaled.other) == ("merged", "C-1", ANONYMOUS)
    assert winner.sessions[0].events == 2
    assert winner.sessions[0].started_at == NOW
    assert winner.threads[0].facts == {"order_id": "7"}
    assert winner.history.contacts == 2
    after = states.encode(winner)
    undo, blocked = handle(winner, moved, NOW + 2 * SECOND, live)
    assert isinstance(undo, UnmergeRequested)
    assert (undo.loser, undo.winner, blocked.rule) == (ANONYMOUS, "C-1", "kept_apart")
    assert states.encode(winner) == after


def test_what_arrives_for_a_merged_customer_is_sent_on(live: Rules) -> None:
    state = CustomerState(ANONYMOUS, merged_into="C-1", before_merge=states.encode(CustomerState(ANONYMOUS)))
    said, link, *_ = handle(state, identified(visit("a"), ANONYMOUS, known=False), NOW, live)
    assert isinstance(said, IdentifiedInteraction)
    assert said.key == "C-1"
    assert isinstance(link, IdentityLink)
    assert (link.key, link.customer_id, link.replaces) == (DEVICE.key, "C-1", ANONYMOUS)
    receipt = ActionReceipt(action_id="x", customer_id=ANONYMOUS, status="sent", at=NOW)
    assert handle(state, receipt, NOW, live) == [msgspec.structs.replace(receipt, customer_id="C-1")]


def test_who_comes_to_a_merged_customer_is_merged_into_the_one_at_the_end(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(visit("a"), visit("b", identifiers=[TABLET]))
    replay.fold(merge("C-1", ONE))
    replay.fold(merge(ONE, TWO, "smaller_provisional_id"))
    assert state_of(replay, "C-1").absorbed == [ONE, TWO]
    assert state_of(replay, TWO).merged_into == "C-1"
    replay.fold(unmerge(ONE, "C-1"))
    assert [state_of(replay, one).history.contacts for one in ("C-1", ONE)] == [1, 1]
    replay.fold(unmerge(TWO, "C-1"))
    assert [state_of(replay, one).history.contacts for one in ("C-1", ONE, TWO)] == [0, 1, 1]


def test_a_second_merge_joins_the_customers_that_are_left(live: Rules) -> None:
    nothing = states.encode(CustomerState(ANONYMOUS))
    gone_to_other = CustomerState(TWO, merged_into=ONE, before_merge=nothing)
    (request,) = handle(gone_to_other, merge("C-1", TWO), NOW, live)
    assert isinstance(request, MergeRequested)
    assert (request.loser, request.winner) == (ONE, "C-1")
    gone_to_known = CustomerState(TWO, merged_into="C-1", before_merge=nothing)
    assert handle(gone_to_known, merge("C-1", TWO), NOW, live) == []
    (turned,) = handle(gone_to_known, merge(ONE, TWO), NOW, live)
    assert isinstance(turned, MergeRequested)
    assert (turned.loser, turned.winner) == (ONE, "C-1")


def test_two_known_customers_are_merged_by_the_system_of_record_alone(live: Rules) -> None:
    state = CustomerState("C-2", known=True)
    (blocked,) = handle(state, merge("C-1", "C-2", "verified_customer_number"), NOW, live)
    assert (blocked.outcome, blocked.rule) == ("blocked", "conflicting_customer_numbers")
    assert state.merged_into is None
    taken_for_one = CustomerState(ANONYMOUS, merged_into="C-1")
    (again,) = handle(taken_for_one, merge("C-2", rule="verified_customer_number"), NOW, live)
    assert (again.customer_id, again.other, again.rule) == ("C-1", "C-2", "conflicting_customer_numbers")
    replay = Replay(live, NOW)
    replay.fold(linked("C-1", "C-2"))
    assert state_of(replay, "C-1").merged_into == "C-2"
    assert changes(replay) == [("merged", "C-2", "C-1", "linked_customer_number")]
    replay.fold(linked("C-1", "C-2"), linked("C-2", "C-1"))
    assert len(replay.changes) == 1


def test_what_the_loser_had_is_the_winners_under_every_identifier(live: Rules) -> None:
    replay = Replay(live, NOW)
    number = Identifier("customer_number", "C-2", "verified")
    replay.fold(visit("a", identifiers=[TABLET, number]))
    replay.fold(profile("C-2", identifiers=[EMAIL]), linked("C-2", "C-1"))
    later = NOW + HANDOVER_MS + SECOND
    replay.fold(visit("b", later, identifiers=[TABLET]), visit("c", later, identifiers=[EMAIL]))
    replay.fold(visit("d", later, identifiers=[DEVICE, number]), visit("e", later, identifiers=[number]))
    assert state_of(replay, "C-1").history.contacts == 5
    assert state_of(replay, "C-1").sessions[0].events == 5
    assert {key: whose for key in (TABLET.key, EMAIL.key, DEVICE.key, number.key) if (
        record := replay.identity(key)) and (whose := record.customer_id)} == dict.fromkeys(
        (TABLET.key, EMAIL.key, DEVICE.key, number.key), "C-1"
    )  # fmt: skip
    replay.fold(profile("C-2", identifiers=[EMAIL], updated_at=NOW + SECOND))
    assert replay.changes[1:] == []


@pytest.mark.parametrize("chain", [("C-1", "C-2"), ("C-1", "C-2", "C-3"), ("C-3", "C-1", "C-4", "C-2")])
def test_contradictory_links_at_the_same_time_leave_no_circle(live: Rules, chain: tuple[str, ...]) -> None:
    replay = Replay(live, NOW)
    for one in chain:
        replay.fold(identified(visit(f"of {one}", identifiers=[Identifier("device", one)]), one))
    replay.fold(*(linked(one, other) for one, other in zip(chain, (*chain[1:], chain[0]), strict=True)))
    roots = [one for one in chain if state_of(replay, one).merged_into is None]
    assert roots
    for one in chain:
        seen = [one]
        while (parent := state_of(replay, seen[-1]).merged_into) is not None:
            assert parent not in seen
            seen.append(parent)
    assert sum(state_of(replay, one).history.contacts for one in roots) == len(chain)
    assert sum(len(state_of(replay, one).absorbed) + 1 for one in roots) == len(chain)
    assert {one.rule for one in replay.changes if one.outcome == "blocked"} == {"merged_in_a_circle"}
    assert all(state_of(replay, one).apart == [] for one in chain)


@pytest.mark.parametrize("mine_first", [True, False])
def test_what_either_refused_is_refused(live: Rules, mine_first: bool) -> None:
    mine = profile("C-1", consent={"service/sms": True, "service/email": False})
    theirs = profile("C-2", consent={"service/sms": False, "marketing/email": True}, updated_at=NOW - 1)
    replay = Replay(live, NOW)
    replay.fold(*((mine, theirs) if mine_first else (theirs, mine)), linked("C-2", "C-1"))
    kept = state_of(replay, "C-1").profile
    assert kept is not None
    assert kept.customer_id == "C-1"
    assert kept.consent == {"service/sms": False, "service/email": False, "marketing/email": True}


def test_a_profile_stands_in_until_the_winners_own_comes(live: Rules) -> None:
    replay = Replay(live, NOW)
    replay.fold(profile("C-2", name="Of C-2"), linked("C-2", "C-1"))
    assert getattr(state_of(replay, "C-1").profile, "name", None) == "Of C-2"
    replay.fold(profile("C-1", name="Of C-1", updated_at=NOW - SECOND))
    assert getattr(state_of(replay, "C-1").profile, "name", None) == "Of C-1"
    replay.fold(profile("C-2", name="Newer", updated_at=NOW + SECOND))
    assert getattr(state_of(replay, "C-1").profile, "name", None) == "Of C-1"
    replay.fold(unmerge("C-2", "C-1"))
    assert getattr(state_of(replay, "C-2").profile, "name", None) == "Newer"


def test_of_each_type_the_best_and_latest_identifiers_are_held(live: Rules) -> None:
    state = CustomerState("C-1", known=True)
    verified = Identifier("email", "first@example.com", "verified")
    folded(state, event("first", identifiers=[NUMBER, verified]), live)
    for at in range(2 * LIMITS["email"]):
        address = Identifier("email", f"at-{at:02}@example.com", "observed")
        folded(state, event(f"e{at}", NOW + at, "message", "email", identifiers=[address]), live)
    held = [seen.identifier.value for seen in state.identifiers.values() if seen.identifier.type == "email"]
    first = 2 * LIMITS["email"] - (LIMITS["email"] - 1)
    assert sorted(held) == [f"at-{at:02}@example.com" for at in range(first, 2 * LIMITS["email"])] + [
        "first@example.com"
    ]
    other = CustomerState(ANONYMOUS)
    for at in range(LIMITS["email"]):
        address = Identifier("email", f"other-{at}@example.com", "observed")
        folded(other, event(f"o{at}", NOW + DAY + at, "message", "email", identifiers=[address]), live)
    absorb(state, other)
    assert sum(seen.identifier.type == "email" for seen in state.identifiers.values()) == LIMITS["email"]
    assert verified.key in state.identifiers


def test_messages_of_a_merge_are_read_after_their_bytes(live: Rules) -> None:
    codec = Codec()
    values: list[Any] = [
        CustomerMoved(
            winner="C-1", loser=ONE, state=b"x", moved_at=NOW, rule="r", evidence=EMAIL, through=TWO
        ),
        CustomerTakenOut(winner="C-1", loser=ONE, state=b"x", rule="r", taken_out_at=NOW, through=TWO),
    ]
    assert [codec.decode(codec.encode(None, value)) for value in values] == values
