"""The fold of one customer: merges, what is sent on, receipts, bounds."""

from __future__ import annotations

import msgspec
import pytest
from domain_values import DEVICE, MINUTE, NOW, event, folded, identified, profile, rules

from pipeline.domain import state as states
from pipeline.domain.customer import handle
from pipeline.domain.ids import provisional_id
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    IdentifiedInteraction,
)
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules

ANONYMOUS = provisional_id(DEVICE.key)
OTHER = provisional_id("device:d-2")
GREETING = """
strategy: greeting
version: 1
title: Say hello once a thread
lane: service_reply
entry: {on: web.hello}
steps:
  - {id: hello, on: entry, do: [{send_message: {template: hello}}]}
"""


@pytest.fixture(scope="module")
def live() -> Rules:
    return rules(GREETING)


def test_a_proven_number_goes_before_an_earlier_merge(live: Rules) -> None:
    """The device was taken for C-1 because of a typed address; now C-2 has logged in on it."""
    state = CustomerState(ANONYMOUS, merged_into="C-1")
    message = msgspec.structs.replace(
        identified(event("a"), ANONYMOUS), resolved_by="customer_number:C-2", known=True
    )
    said, *_ = handle(state, message, NOW, live)
    assert isinstance(said, IdentifiedInteraction)
    assert said.key == "C-2"
    assert any(isinstance(one, HistoryEntry) for one in handle(CustomerState("C-2"), said, NOW, live))


def test_the_same_event_gives_the_same_action_id_for_whoever_it_is_counted(live: Rules) -> None:
    ids = set()
    for customer_id in (ANONYMOUS, "C-1"):
        state = CustomerState(customer_id, profile=profile(customer_id))
        outputs = folded(state, event("a", kind="hello", text="hello"), live)
        ids |= {one.action_id for one in outputs if isinstance(one, ActionCommand)}
    assert len(ids) == 1


def test_receipts_only_go_forward(live: Rules) -> None:
    state = CustomerState("C-1", known=True, profile=profile())
    outputs = folded(state, event("a", kind="hello", text="hello"), live)
    (command,) = [one for one in outputs if isinstance(one, ActionCommand)]
    for status in ("delivered", "sent", "accepted"):
        receipt = ActionReceipt(action_id=command.action_id, customer_id="C-1", status=status, at=NOW)
        assert handle(state, receipt, NOW, live) == []
    assert state.actions == {command.action_id: "delivered"}
    stranger = ActionReceipt(action_id="other", customer_id="C-1", status="sent", at=NOW)
    handle(state, stranger, NOW, live)
    assert "other" not in state.actions


def test_an_older_profile_does_not_replace_a_newer_one(live: Rules) -> None:
    state = CustomerState("C-1")
    handle(state, profile(name="New", updated_at=NOW), NOW, live)
    handle(state, profile(name="Old", updated_at=NOW - 1), NOW, live)
    assert state.known
    assert state.profile is not None
    assert state.profile.name == "New"


def test_the_record_stays_small_however_long_the_history(live: Rules) -> None:
    state = CustomerState("C-1", known=True, profile=profile())
    for at in range(2_000):
        when = NOW + at * 10 * MINUTE
        kind = ("hello", "form_field", "page_viewed")[at % 3]
        one = event(
            f"e{at}", when, kind=kind, text="hello", facts={"order_id": str(at % 40)}, interaction_id=f"i{at}"
        )
        handle(state, identified(one), when, live)
        order = event(
            f"o{at}", when, "order_placed", "order", facts={"order_id": str(at)}, attributes={"size": "M"}
        )
        handle(state, identified(order), when, live)
    assert len(states.encode(state)) < 20_000
    assert state.history.contacts == 2_000


def test_a_record_written_before_a_field_was_appended_is_read_with_its_default() -> None:
    state = CustomerState("C-1", known=True, erased_at=5)
    fields = msgspec.msgpack.decode(states.encode(state))
    older = msgspec.msgpack.encode(fields[: CustomerState.__struct_fields__.index("erased_at")])
    assert states.decode(older) == CustomerState("C-1", known=True)
