"""Whose event is it: the rules of the identities table."""

from __future__ import annotations

from typing import Any

import pytest
from domain_values import DEVICE, NOW, NUMBER, SECOND, event, profile

from pipeline.domain import evidence
from pipeline.domain.evidence import (
    FORMER_IDS,
    HANDOVER_MS,
    RIVALS,
    TOLD,
    VISITS,
    IdentityRecord,
    link,
    meaningless,
)
from pipeline.domain.identity import LINKS_REMEMBERED, identify, links_of
from pipeline.domain.ids import is_provisional, provisional_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import (
    IdentifiedInteraction,
    IdentityChange,
    IdentityLink,
    MergeRequested,
    Output,
)

EMAIL = Identifier("email", "maya@example.com", "asserted")
PHONE = Identifier("phone", "+442079460018", "observed")
OTHER = Identifier("customer_number", "C-2", "verified")
ANONYMOUS = provisional_id(DEVICE.key)


def claim(
    customer_id: str, assurance: Any = "verified", at: int = NOW, known: bool = True, **more: Any
) -> IdentityLink:
    identifier = Identifier("email", "maya@example.com", assurance)
    return IdentityLink(
        identifier=identifier, customer_id=customer_id, known=known, source="test", linked_at=at, **more
    )


def number(value: str, customer_id: str, assurance: Any = "verified", known: bool = True) -> IdentityLink:
    """The link that says: this number is that customer's."""
    identifier = Identifier("customer_number", value, assurance)
    return IdentityLink(
        identifier=identifier, customer_id=customer_id, known=known, source="crm", linked_at=NOW
    )


def claimed(*claims: IdentityLink) -> tuple[IdentityRecord, list[Output]]:
    """The record after all claims, and what came of the last."""
    record: IdentityRecord | None = None
    outputs: list[Output] = []
    for one in claims:
        record, outputs = link(record, one)
    assert record is not None
    return record, outputs


def whose(record: IdentityRecord | None, **more: Any) -> str:
    """The customer of an event."""
    _, outputs = identify(record, event("e", **more))
    (said,) = [one for one in outputs if isinstance(one, IdentifiedInteraction)]
    return said.customer_id


def test_an_unknown_device_is_a_provisional_customer_at_once() -> None:
    record, outputs = identify(None, event("e1"))
    assert record is not None
    assert (record.customer_id, record.known) == (ANONYMOUS, False)
    assert is_provisional(record.customer_id)
    (said,) = outputs
    assert isinstance(said, IdentifiedInteraction)
    assert (said.key, said.known, said.resolved_by) == (ANONYMOUS, False, "device:d-1")


def test_a_verified_number_is_the_customer() -> None:
    record, outputs = identify(None, event("e1", identifiers=[DEVICE, NUMBER]))
    assert record is not None
    assert (record.customer_id, record.known, record.assurance) == ("C-1", True, "verified")
    assert [output.key for output in outputs] == ["C-1"]


def test_a_number_that_was_only_typed_proves_nothing() -> None:
    typed = Identifier("customer_number", "C-1", "asserted")
    record, _ = identify(None, event("e1", identifiers=[DEVICE, typed]))
    assert record is not None
    assert record.customer_id == ANONYMOUS


def test_a_login_merges_the_provisional_customer_and_follows_on_its_key() -> None:
    record, _ = identify(None, event("e1"))
    record, outputs = identify(record, event("e2", NOW + SECOND, identifiers=[DEVICE, NUMBER]))
    merge, said = outputs
    assert isinstance(merge, MergeRequested)
    assert (merge.loser, merge.winner, merge.key) == (ANONYMOUS, "C-1", ANONYMOUS)
    assert isinstance(said, IdentifiedInteraction)
    assert (said.key, said.known, said.resolved_by) == (ANONYMOUS, True, "customer_number:C-1")
    assert record is not None
    assert (record.customer_id, record.assurance) == ("C-1", "verified")


def test_what_follows_a_login_goes_by_the_same_way_for_a_while_and_then_directly() -> None:
    record, _ = identify(None, event("e1"))
    record, _ = identify(record, event("e2", identifiers=[DEVICE, NUMBER]))
    record, (soon,) = identify(record, event("e3", NOW + HANDOVER_MS))
    assert isinstance(soon, IdentifiedInteraction)
    assert (soon.key, soon.resolved_by) == (ANONYMOUS, "customer_number:C-1")
    record, (later,) = identify(record, event("e4", NOW + HANDOVER_MS + 1))
    assert isinstance(later, IdentifiedInteraction)
    assert (later.key, later.resolved_by) == ("C-1", "device:d-1")


def test_a_call_from_a_number_that_the_system_of_record_vouches_for_is_the_customers() -> None:
    record, _ = link(None, links_of(profile())[0])
    assert whose(record, identifiers=[PHONE]) == "C-1"


def test_an_address_that_is_typed_joins_the_visitor_to_the_customer_whose_it_is() -> None:
    _, (_, told) = identify(None, event("e1", identifiers=[DEVICE, EMAIL]))
    assert isinstance(told, IdentityLink)
    record, (merge,) = claimed(claim("C-1"), told)
    assert isinstance(merge, MergeRequested)
    assert (merge.loser, merge.winner, merge.rule) == (ANONYMOUS, "C-1", "known_over_provisional")
    assert (record.customer_id, record.assurance) == ("C-1", "verified")


def test_another_customers_address_typed_after_a_login_merges_nothing() -> None:
    _, (_, told) = identify(None, event("e1", identifiers=[DEVICE, OTHER, EMAIL]))
    assert isinstance(told, IdentityLink)
    holder, (blocked,) = claimed(claim("C-1"), told)
    assert isinstance(blocked, IdentityChange)
    assert (blocked.outcome, blocked.rule) == ("blocked", "weak_evidence")
    assert (blocked.customer_id, blocked.other, blocked.evidence) == ("C-1", "C-2", EMAIL)
    assert holder.customer_id == "C-1"
    assert holder.rivals == []


def test_after_a_second_login_every_visit_is_its_own() -> None:
    record, _ = identify(None, event("e1", interaction_id="v1"))
    record, _ = identify(record, event("e2", interaction_id="v1", identifiers=[DEVICE, NUMBER]))
    record, outputs = identify(record, event("e3", interaction_id="v2", identifiers=[DEVICE, OTHER]))
    blocked, *asked, said = outputs
    assert isinstance(blocked, IdentityChange)
    assert (blocked.customer_id, blocked.other, blocked.rule) == ("C-1", "C-2", "shared_identifier")
    assert {one.key for one in asked} == {"C-1", "C-2"}
    assert said.key == "C-2"
    assert whose(record, interaction_id="v2") == "C-2"
    nobody = whose(record, interaction_id="v3")
    assert is_provisional(nobody)
    assert nobody not in (ANONYMOUS, whose(record, interaction_id="v4"))


def test_a_login_in_a_visit_on_a_shared_device_takes_the_visit_along() -> None:
    record = IdentityRecord("C-1", True, "verified", NOW, rivals=["C-2"])
    record, (said,) = identify(record, event("e1", interaction_id="v3"))
    assert record is not None
    record, (merge, after) = identify(record, event("e2", interaction_id="v3", identifiers=[DEVICE, NUMBER]))
    assert isinstance(merge, MergeRequested)
    assert (merge.loser, merge.winner) == (said.key, "C-1")
    assert after.key == said.key
    assert record is not None
    assert whose(record, interaction_id="v3", at=NOW + HANDOVER_MS + 1) == "C-1"
    for at in range(2 * VISITS):
        record, _ = identify(record, event("e3", interaction_id=f"w{at}"))
        assert record is not None
    assert len(record.visits) == VISITS


def test_a_login_goes_before_weaker_claims_to_the_same_identifier() -> None:
    asserted = IdentityRecord("C-1", True, "asserted", NOW)
    record, _ = identify(asserted, event("e1", identifiers=[EMAIL, OTHER]))
    assert record is not None
    assert (record.customer_id, record.assurance, record.rivals) == ("C-2", "verified", [])
    shared, _ = identify(
        IdentityRecord("C-1", True, "asserted", NOW, rivals=["C-3"]), event("e1", identifiers=[EMAIL, OTHER])
    )
    assert shared is not None
    assert (shared.customer_id, shared.assurance, shared.rivals) == ("C-2", "verified", [])


def test_other_identifiers_are_told_of_once_and_again_when_the_customer_is_another() -> None:
    record, outputs = identify(None, event("e1", identifiers=[DEVICE, EMAIL]))
    told = outputs[1]
    assert isinstance(told, IdentityLink)
    assert (told.key, told.customer_id, told.known, told.event_id) == (EMAIL.key, ANONYMOUS, False, "e1")
    record, outputs = identify(record, event("e2", identifiers=[DEVICE, EMAIL]))
    assert len(outputs) == 1
    record, outputs = identify(record, event("e3", identifiers=[DEVICE, NUMBER, EMAIL]))
    assert isinstance(outputs[2], IdentityLink)
    assert (outputs[2].customer_id, outputs[2].known) == ("C-1", True)
    for at in range(2 * LINKS_REMEMBERED):
        address = Identifier("email", f"{at}@example.com", "asserted")
        record, _ = identify(record, event("e4", identifiers=[DEVICE, address]))
    assert record is not None
    assert len(record.links) == LINKS_REMEMBERED


@pytest.mark.parametrize(
    "value", ["null", "Anonymous", "0000-0000", "00000000-0000-0000-0000-000000000000", "", "--"]
)
def test_a_value_that_means_nothing_identifies_nobody(value: str) -> None:
    nobody = Identifier("device", value)
    record, one = identify(None, event("e1", interaction_id="a", identifiers=[nobody, EMAIL]))
    assert record is None
    _, two = identify(None, event("e2", interaction_id="b", identifiers=[nobody]))
    assert len(one) == len(two) == 1
    assert one[0].key != two[0].key
    assert link(
        None, IdentityLink(identifier=nobody, customer_id="C-1", known=True, source="x", linked_at=1)
    ) == (
        None,
        [],
    )


@pytest.mark.parametrize(
    ("type_", "value", "nobodys"),
    [
        ("device", "10", False),
        ("device", "aa:bb:cc:dd:ee:00", False),
        ("phone", "+4400", False),
        ("social", "facebook:100", False),
        ("social", "instagram:0000000", True),
        ("social", "instagram:anonymous", True),
        ("email", "test@test.com", True),
        ("email", "testa@example.com", False),
    ],
)
def test_of_a_handle_and_an_address_the_part_that_names_somebody_counts(
    type_: str, value: str, nobodys: bool
) -> None:
    assert meaningless(Identifier(type_, value)) is nobodys


def test_a_link_to_a_known_customer_merges_the_provisional_one_whatever_comes_first() -> None:
    anonymous, known = claim(ANONYMOUS, "observed", known=False), claim("C-1", "asserted")
    for first, second in ((anonymous, known), (known, anonymous)):
        record, (merge,) = claimed(first, second)
        assert (record.customer_id, record.known) == ("C-1", True)
        assert isinstance(merge, MergeRequested)
        assert (merge.loser, merge.winner) == (ANONYMOUS, "C-1")


def test_of_two_known_customers_the_one_with_the_better_evidence_has_the_identifier() -> None:
    verified, asserted = claim("C-1", "verified"), claim("C-2", "asserted", NOW + 1)
    for first, second in ((verified, asserted), (asserted, verified)):
        record, (blocked,) = claimed(first, second)
        assert isinstance(blocked, IdentityChange)
        assert (blocked.rule, blocked.customer_id, blocked.other) == ("weak_evidence", "C-1", "C-2")
        assert (record.customer_id, record.rivals) == ("C-1", [])


def test_what_two_known_customers_are_vouched_for_stands_for_neither() -> None:
    one, two = claim("C-1"), claim("C-2", at=NOW + 1)
    for first, second in ((one, two), (two, one)):
        record, (blocked, *asked) = claimed(first, second)
        assert isinstance(blocked, IdentityChange)
        assert {one.key for one in asked} == {"C-1", "C-2"}
        assert (blocked.rule, blocked.customer_id, blocked.other) == (
            "conflicting_customer_numbers",
            "C-1",
            "C-2",
        )
        assert (record.customer_id, record.rivals) == ("C-1", ["C-2"])
        assert is_provisional(whose(record, identifiers=[EMAIL]))
    record, outputs = link(record, claim(ANONYMOUS, "asserted", known=False))
    assert [type(one) for one in outputs] == [IdentityChange]
    assert record is not None
    assert record.customer_id == "C-1"


def test_a_blocked_merge_is_told_once_for_each_pair_and_rule() -> None:
    record, first = claimed(claim("C-1"), claim("C-2", "asserted"))
    record, again = link(record, claim("C-2", "asserted", NOW + SECOND))
    assert (len(first), again) == (1, [])
    record, stronger = link(record, claim("C-2", at=NOW + SECOND))
    assert [one.rule for one in stronger if isinstance(one, IdentityChange)] == [
        "conflicting_customer_numbers"
    ]
    for at in range(2 * TOLD):
        record, _ = link(record, claim(f"C-{at + 3}"))
    assert record is not None
    assert len(record.told) == TOLD
    assert len(record.rivals) == RIVALS


def test_stronger_evidence_for_the_same_customer_is_kept() -> None:
    record, outputs = claimed(claim("C-1", "asserted"), claim("C-1", "verified", NOW + 5))
    assert outputs == []
    assert (record.assurance, record.linked_at) == ("verified", NOW + 5)
    record, _ = claimed(claim("C-1", "asserted"), claim("C-2", "asserted"), claim("C-1", "verified"))
    assert (record.customer_id, record.rivals) == ("C-1", [])


def test_only_the_system_of_records_word_about_a_number_merges_two_known_customers() -> None:
    record, (merge,) = link(None, number("C-2", "C-1"))
    assert isinstance(merge, MergeRequested)
    assert (merge.loser, merge.winner, merge.rule) == ("C-2", "C-1", "linked_customer_number")
    assert link(record, number("C-2", "C-2")) == (record, [])
    record, (blocked,) = link(None, number("C-2", "C-1", "asserted"))
    assert isinstance(blocked, IdentityChange)
    assert (blocked.rule, blocked.customer_id, blocked.other) == ("weak_evidence", "C-1", "C-2")
    assert link(None, number("C-2", ANONYMOUS, "asserted", known=False)) == (None, [])
    _, (login,) = link(None, number("C-2", ANONYMOUS, known=False))
    assert isinstance(login, MergeRequested)
    assert (login.loser, login.winner, login.rule) == (ANONYMOUS, "C-2", "verified_customer_number")


def test_a_merge_hands_an_identifier_on_and_its_undoing_brings_it_back() -> None:
    record, _ = identify(None, event("e1", identifiers=[DEVICE, OTHER, EMAIL]))
    merged, none = link(record, claim("C-1", "observed", replaces="C-2"))
    assert none == []
    assert merged is not None
    assert (merged.customer_id, merged.assurance, merged.handover) == ("C-1", "verified", "C-2")
    assert merged.links == {EMAIL.key: "asserted:C-1"}
    still, (first,) = identify(merged, event("e2", NOW, identifiers=[DEVICE, OTHER]))
    assert (first.key, first.resolved_by) == ("C-2", "customer_number:C-1")
    still, (said,) = identify(still, event("e3", NOW + HANDOVER_MS + 1, identifiers=[DEVICE, OTHER]))
    assert (said.key, said.resolved_by) == ("C-1", "customer_number:C-1")
    assert link(still, claim("C-9", replaces="C-8")) == (still, [])
    assert link(still, claim("C-9", replaces="C-1", undone=True)) == (still, [])
    undone, _ = link(still, claim("C-2", "observed", replaces="C-1", undone=True))
    assert undone is not None
    assert (undone.customer_id, undone.assurance, undone.handover) == ("C-2", "verified", None)
    for at in range(2 * FORMER_IDS):
        undone, _ = link(undone, claim(f"C-{at + 3}", replaces=undone.customer_id))
        assert undone is not None
    assert len(undone.former_ids) == FORMER_IDS


def test_an_identifier_is_shared_no_more_when_those_who_share_it_are_one() -> None:
    record, _ = claimed(claim("C-1"), claim("C-2"), claim("C-1", replaces="C-2"))
    assert (record.customer_id, record.shared) == ("C-1", False)
    record, _ = identify(record, event("first", identifiers=[EMAIL]))
    assert whose(record, identifiers=[EMAIL], at=NOW + HANDOVER_MS + 2) == "C-1"
    parted, _ = link(record, claim("C-2", replaces="C-1", undone=True))
    assert parted is not None
    assert parted.shared
    shared, _ = claimed(claim("C-1"), claim("C-2"), claim(ANONYMOUS, known=False, replaces="C-1"))
    assert (shared.customer_id, shared.rivals) == ("C-1", ["C-2"])


def test_visits_of_nobody_are_the_customers_when_all_who_shared_the_device_are_one() -> None:
    record = IdentityRecord("C-1", True, "verified", NOW, rivals=["C-2"])
    record, _ = identify(record, event("e1", interaction_id="v1"))
    record, _ = identify(record, event("e2", interaction_id="v2", identifiers=[DEVICE, NUMBER]))
    one = IdentityLink(
        identifier=DEVICE, customer_id="C-1", known=True, source="x", linked_at=NOW, replaces="C-2"
    )
    _, (merge,) = link(record, one)
    assert isinstance(merge, MergeRequested)
    assert (merge.loser, merge.winner) == (record.visits["web:v1"].customer_id, "C-1")


def test_the_system_of_record_vouches_for_the_identifiers_of_a_profile() -> None:
    typed, nothing = Identifier("phone", "+442079460018", "asserted"), Identifier("email", "null", "verified")
    (said,) = links_of(profile(identifiers=[typed, nothing]))
    assert (said.identifier.assurance, said.customer_id, said.known) == ("verified", "C-1", True)
    assert (said.source, said.linked_at) == ("customers", NOW)


def test_records_survive_their_bytes() -> None:
    visit = IdentityRecord("C-1", True, "verified", NOW, {"email:x": "asserted:C-1"}, "p-1", NOW + 1)
    record = IdentityRecord("C-1", True, "verified", NOW, rivals=["C-2"], visits={"web:v": visit}, told=["x"])
    assert evidence.decode(evidence.encode(record)) == record
