"""An identifier that two known customers claim, and who they turn out to be."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DEVICE, NOW, NUMBER, SECOND, profile, rules
from merging_values import EMAIL, TABLET, linked, state_of, unmerge, visit

from pipeline.domain import evidence
from pipeline.domain.evidence import RIVALS, IdentityRecord, share
from pipeline.domain.ids import is_provisional
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import IdentityLink
from pipeline.domain.replay import Replay
from pipeline.domain.requests import EraseRequested
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import DISPUTED

PHONE = Identifier("phone", "+442079460018", "observed")
OTHER = Identifier("customer_number", "C-2", "verified")


def claims(customer_id: str, identifier: Identifier = TABLET, at: int = NOW) -> IdentityLink:
    """A system's word that a customer uses the identifier."""
    return IdentityLink(
        identifier=identifier, customer_id=customer_id, known=True, source="accounts", linked_at=at
    )


def called(name: str, at: int, *identifiers: Identifier) -> Interaction:
    """A call that names more than the caller's number."""
    return visit(name, at, kind="call_started", channel="voice", identifiers=[PHONE, *identifiers])


def told(*messages: Any) -> Replay:
    """All that is known once everything has been told, one after the other."""
    replay = Replay(rules(), NOW + SECOND)
    for one in messages:
        replay.fold(one)
    return replay


def whose(replay: Replay, event_id: str) -> str:
    """The customer whose an event is after all merges."""
    (found,) = [
        row.customer_id
        for row in replay.rows.values()
        if isinstance(row, HistoryEntry) and row.event_id == event_id
    ]
    while (parent := state_of(replay, found).merged_into) is not None:
        found = parent
    return found


def holders(replay: Replay, identifier: Identifier = TABLET) -> set[str]:
    record = replay.identity(identifier.key)
    assert record is not None
    return {record.customer_id, *record.rivals} if record.shared else {record.customer_id}


@pytest.mark.parametrize("place", range(4))
def test_what_is_claimed_for_somebody_who_has_been_merged_is_claimed_for_who_they_are_now(place: int) -> None:
    """C-2 is C-1, who has the device; that the tablet is C-2's comes before, between or after the events."""
    story: list[Any] = [
        visit("a", identifiers=[DEVICE, TABLET]),
        called("b", NOW + 1, TABLET),
        visit("c", NOW + 2, identifiers=[TABLET]),
    ]
    replay = told(
        linked("C-2", "C-1"),
        profile("C-2", identifiers=[DEVICE]),
        *story[:place],
        claims("C-2"),
        *story[place:],
    )
    assert {whose(replay, name) for name in "abc"} == {"C-1"}
    assert holders(replay) == {"C-1"}


def test_it_does_not_matter_when_two_who_claim_an_identifier_become_one() -> None:
    login = visit("a", identifiers=[DEVICE, NUMBER])
    what = [claims("C-1"), claims("C-2"), linked("C-2", "C-1"), called("b", NOW, TABLET)]
    for order in permutations(what):
        replay = told(login, *order)
        assert holders(replay) == {"C-1"}
        assert whose(replay, "b") == "C-1"


def test_both_are_asked_and_may_have_gone_to_a_third() -> None:
    what = [claims("C-1"), claims("C-2"), linked("C-1", "C-3"), linked("C-2", "C-3")]
    for order in permutations(what):
        assert holders(told(*order)) == {"C-3"}


def test_two_who_are_not_one_stay_two() -> None:
    replay = told(
        visit("a", identifiers=[DEVICE, NUMBER, TABLET]),
        visit("b", identifiers=[EMAIL, OTHER, TABLET]),
        called("c", NOW + 1, TABLET),
    )
    assert holders(replay) == {"C-1", "C-2"}
    assert (whose(replay, "a"), whose(replay, "b")) == ("C-1", "C-2")
    assert is_provisional(whose(replay, "c"))


@pytest.mark.parametrize("first", ["claims", "merge"])
def test_when_the_merge_is_undone_they_share_the_identifier_again(first: str) -> None:
    both = [claims("C-1"), claims("C-2")]
    merge = linked("C-2", "C-1")
    replay = told(*([*both, merge] if first == "claims" else [merge, *both]))
    assert holders(replay) == {"C-1"}
    replay.fold(unmerge("C-2", "C-1"))
    assert holders(replay) == {"C-1", "C-2"}


def test_who_is_forgotten_holds_it_no_more() -> None:
    forget = EraseRequested(customer_id="C-2", by="an adviser", requested_at=NOW + SECOND)
    assert holders(told(claims("C-1"), claims("C-2"), forget)) == {"C-1"}


@pytest.mark.parametrize("at", [NOW, NOW + 2 * SECOND])
def test_who_is_forgotten_does_not_come_back_by_a_claim_and_takes_nobody_along(at: int) -> None:
    forget = EraseRequested(customer_id="C-2", by="an adviser", requested_at=NOW + SECOND)
    replay = told(profile("C-2", identifiers=[]), claims("C-2"), forget, claims("C-1", at=at))
    assert replay.customer("C-2") is None
    assert state_of(replay, "C-1").disputed == [TABLET]
    assert holders(replay) == {"C-1"}


def test_who_does_not_come_among_those_who_share_it_is_not_asked() -> None:
    rivals = [f"C-{at}" for at in range(2, RIVALS + 2)]
    record = IdentityRecord("C-1", True, "verified", NOW, rivals=rivals)
    assert share(record, "C-9", TABLET, NOW) == (record, [])
    again, asked = share(record, "C-0", TABLET, NOW)
    assert [again.customer_id, *again.rivals] == [f"C-{at}" for at in range(RIVALS + 1)]
    assert [one.key for one in asked] == ["C-1", "C-0"]


def test_only_the_last_disputes_are_remembered_and_only_so_many_claims() -> None:
    replay = told(claims("C-1"), claims("C-2"))
    for at in range(2 * evidence.VISITS):
        replay.fold(visit(f"v{at}", identifiers=[Identifier("device", f"k-{at}"), TABLET]))
    record = replay.identity(TABLET.key)
    assert record is not None
    assert len(record.visits) == evidence.VISITS
    for at in range(2 * DISPUTED):
        device = Identifier("device", f"s-{at}")
        replay.fold(claims("C-1", device), claims("C-2", device))
    disputed = state_of(replay, "C-1").disputed
    assert [one.value for one in disputed] == [f"s-{at}" for at in range(DISPUTED, 2 * DISPUTED)]
