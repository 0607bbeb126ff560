"""Whose event is it: the rules of the identities table."""

from __future__ import annotations

import pytest
from domain_values import DEVICE, NOW, NUMBER, SECOND, event, profile

from pipeline.domain import identity
from pipeline.domain.identity import HANDOVER_MS, IdentityRecord, identify, link, links_of, meaningless
from pipeline.domain.ids import is_provisional, provisional_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import IdentifiedInteraction, IdentityLink, MergeRequested

EMAIL = Identifier("email", "maya@example.com", "asserted")
ANONYMOUS = provisional_id(DEVICE.key)


def claim(customer_id: str, assurance: str = "verified", at: int = NOW, known: bool = True) -> IdentityLink:
    identifier = Identifier("email", "maya@example.com", assurance)
    return IdentityLink(
        identifier=identifier, customer_id=customer_id, known=known, source="test", linked_at=at
    )


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
    assert (record.customer_id, record.known) == ("C-1", True)
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
    assert record.customer_id == "C-1"


def test_what_follows_a_login_goes_by_the_same_way_for_a_while_and_then_directly() -> None:
    record, _ = identify(None, event("e1"))
    record, _ = identify(record, event("e2", identifiers=[DEVICE, NUMBER]))
    record, (soon,) = identify(record, event("e3", NOW + HANDOVER_MS))
    assert isinstance(soon, IdentifiedInteraction)
    assert (soon.key, soon.resolved_by) == (ANONYMOUS, "customer_number:C-1")
    record, (later,) = identify(record, event("e4", NOW + HANDOVER_MS + 1))
    assert isinstance(later, IdentifiedInteraction)
    assert (later.key, later.resolved_by) == ("C-1", "device:d-1")


def test_a_second_login_on_a_shared_device_merges_nothing() -> None:
    other = Identifier("customer_number", "C-2", "verified")
    record, _ = identify(None, event("e1"))
    record, _ = identify(record, event("e2", identifiers=[DEVICE, NUMBER]))
    record, outputs = identify(record, event("e3", identifiers=[DEVICE, other]))
    assert [type(output) for output in outputs] == [IdentifiedInteraction]
    assert outputs[0].key == "C-2"
    _, (after,) = identify(record, event("e4"))
    assert after.key == "C-2"


def test_other_identifiers_are_told_of_once_and_again_when_the_customer_is_another() -> None:
    record, outputs = identify(None, event("e1", identifiers=[DEVICE, EMAIL]))
    told = outputs[1]
    assert isinstance(told, IdentityLink)
    assert (told.key, told.customer_id, told.known, told.event_id) == (EMAIL.key, ANONYMOUS, False, "e1")
    record, outputs = identify(record, event("e2", identifiers=[DEVICE, EMAIL]))
    assert len(outputs) == 1
    _, outputs = identify(record, event("e3", identifiers=[DEVICE, NUMBER, EMAIL]))
    assert isinstance(outputs[2], IdentityLink)
    assert (outputs[2].customer_id, outputs[2].known) == ("C-1", True)


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


def test_ordinary_values_mean_something() -> None:
    for value in ("10", "7777", "facebook:100", "+4400"):
        assert not meaningless(Identifier("device", value))


def test_a_time_in_the_future_is_put_back_and_flagged() -> None:
    _, (said,) = identify(None, event("e1", NOW + 5_000, received_at=NOW))
    assert isinstance(said, IdentifiedInteraction)
    assert said.interaction.occurred_at == NOW
    assert said.interaction.attributes["clock_skew_ms"] == 5_000
    _, (old,) = identify(None, event("e2", -5, received_at=NOW))
    assert isinstance(old, IdentifiedInteraction)
    assert old.interaction.occurred_at == 0


def test_a_link_to_a_known_customer_merges_the_provisional_one_whatever_comes_first() -> None:
    anonymous, known = claim("p-1", "observed", known=False), claim("C-1", "asserted")
    for first, second in ((anonymous, known), (known, anonymous)):
        record, none = link(None, first)
        record, (merge,) = link(record, second)
        assert none == []
        assert record is not None
        assert (record.customer_id, record.known) == ("C-1", True)
        assert isinstance(merge, MergeRequested)
        assert (merge.loser, merge.winner) == ("p-1", "C-1")


def test_two_known_customers_are_never_merged_and_the_better_evidence_keeps_the_identifier() -> None:
    verified, asserted = claim("C-1", "verified"), claim("C-2", "asserted", NOW + 1)
    newer = claim("C-3", "verified", NOW + 2)
    for first, second, holder in (
        (verified, asserted, "C-1"),
        (asserted, verified, "C-1"),
        (verified, newer, "C-3"),
        (newer, verified, "C-3"),
    ):
        record, _ = link(None, first)
        record, outputs = link(record, second)
        assert outputs == []
        assert record is not None
        assert record.customer_id == holder


def test_stronger_evidence_for_the_same_customer_is_kept() -> None:
    record, _ = link(None, claim("C-1", "asserted"))
    record, outputs = link(record, claim("C-1", "verified", NOW + 5))
    assert outputs == []
    assert record is not None
    assert (record.assurance, record.linked_at) == ("verified", NOW + 5)


def test_the_system_of_record_vouches_for_the_identifiers_of_a_profile() -> None:
    typed, nothing = Identifier("phone", "+442079460018", "asserted"), Identifier("email", "null", "verified")
    (said,) = links_of(profile(identifiers=[typed, nothing]))
    assert (said.identifier.assurance, said.customer_id, said.known) == ("verified", "C-1", True)
    assert (said.source, said.linked_at) == ("customers", NOW)


def test_records_survive_their_bytes() -> None:
    record = IdentityRecord("C-1", True, "verified", NOW, {"email:x": "asserted:C-1"}, "p-1", NOW + 1)
    assert identity.decode(identity.encode(record)) == record
