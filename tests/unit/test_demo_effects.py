"""What was sent has taken effect when the changelogs say so, and not before."""

from __future__ import annotations

from pipeline.domain.customers import Profile
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.recent import remember
from pipeline.domain.state import CustomerState, Session
from pipeline.local.demo.effects import Effects

EVENT = Interaction(
    event_id="e-1",
    channel="web",
    kind="page_viewed",
    interaction_id="i",
    occurred_at=1,
    received_at=1,
    source="s",
    identifiers=[Identifier("device", "d-1")],
)
PROFILE = Profile(
    customer_id="C-1",
    updated_at=1,
    identifiers=[
        Identifier("social", "facebook:7361004", "verified"),
        Identifier("phone", "+442079460018", "verified"),
    ],
)


def test_an_event_has_taken_effect_when_a_customer_remembers_it() -> None:
    effects = Effects()
    effects.expect(EVENT)
    effects.on_customer(CustomerState("C-2"))
    assert effects.under_way == 1
    state = CustomerState("C-1", sessions=[Session("s-1", 1, 1, 2)])
    remember(state, fingerprint("e-1"), 1)
    effects.on_customer(state)
    assert effects.under_way == 0
    assert effects.customers["C-1"] is state
    assert effects.sessions == {"s-1"}


def test_a_profile_has_when_it_is_in_the_record_and_its_identifiers_are_known() -> None:
    effects = Effects()
    effects.expect(PROFILE)
    assert effects.under_way == 2
    effects.on_customer(CustomerState("C-1"))
    assert effects.under_way == 2
    effects.on_customer(CustomerState("C-1", profile=PROFILE))
    assert effects.under_way == 1
    key = "social:facebook:7361004"
    effects.on_identifier(key, IdentityRecord("p-1", False, "observed", 1))
    effects.on_identifier("device:d-1", IdentityRecord("C-1", True, "verified", 1))
    assert effects.under_way == 1
    effects.on_identifier(key, IdentityRecord("C-1", True, "verified", 1))
    assert effects.under_way == 0
