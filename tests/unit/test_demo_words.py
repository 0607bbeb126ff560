"""The demo's sentences: what happened, what is to be done, and why something is not."""

from __future__ import annotations

from typing import cast

import pytest

from pipeline.domain.actions import (
    BODIES,
    ActionBody,
    ActionKind,
    PushPage,
    Refund,
    ReplyPublic,
    SendMessage,
    UpdateRecord,
)
from pipeline.domain.interactions import Interaction, Scalar
from pipeline.domain.messages import ActionCommand, Decision, Outcome, Reason
from pipeline.local.demo import words


def event(channel: str, kind: str, text: str | None = None, **attributes: Scalar) -> Interaction:
    return Interaction(
        event_id="e",
        channel=channel,
        kind=kind,
        interaction_id="i",
        occurred_at=0,
        received_at=0,
        source="s",
        identifiers=[],
        text=text,
        facts={"order_id": "1001"} if channel == "order" else {},
        attributes=attributes,
    )


def command(body: ActionBody) -> ActionCommand:
    kind = cast(ActionKind, body.__struct_config__.tag)
    return ActionCommand(
        action_id="a",
        customer_id="c",
        kind=kind,
        lane="service_reply",
        body=body,
        strategy_id="s",
        strategy_version=1,
        attempt_key="k",
        step="st",
        occurrence=0,
    )


def decision(outcome: Outcome, *reasons: Reason) -> Decision:
    return Decision(
        decision_id="d",
        customer_id="c",
        outcome=outcome,
        strategy_id="wrong-size-return",
        strategy_version=1,
        attempt_key="k",
        step="refund",
        reasons=list(reasons),
    )


@pytest.mark.parametrize(
    ("said", "where", "what"),
    [
        (event("social", "message", "Too big!", network="facebook"), "Facebook", "writes “Too big!”"),
        (event("web", "form_started", form="return"), "Web", "opens the return form"),
        (
            event("web", "form_field", form="return", field="reason", value="wrong_size"),
            "Web",
            "fills in reason: wrong size",
        ),
        (event("web", "form_field", form="return", field="iban"), "Web", "fills in iban: …"),
        (event("mobile_app", "form_submitted", form="return"), "App", "submits the return form"),
        (event("web", "form_abandoned", form="return"), "Web", "leaves the return form"),
        (event("web", "page_viewed", page="/returns"), "Web", "looks at /returns"),
        (event("web", "login"), "Web", "logs in"),
        (event("web", "product_viewed"), "Web", "product viewed"),
        (
            event("order", "order_delivered", size_ordered="M", size_sent="L"),
            "Orders",
            "order 1001 delivered: size M ordered, L sent",
        ),
        (event("order", "parcel_scanned"), "Orders", "parcel scanned, order 1001"),
    ],
)
def test_what_happened(said: Interaction, where: str, what: str) -> None:
    assert (words.place(said), words.happened(said)) == (where, what)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (
            Refund(order_id="1001", amount=4.9, currency="GBP", reason="wrong_size"),
            "Refund of 4.90 GBP on order 1001",
        ),
        (
            SendMessage(channel="sms", to="+442079460018", template="t", language="en", text="Sorry."),
            "SMS to +442079460018: “Sorry.”",
        ),
        (
            ReplyPublic(channel="social", reply_to="m", template="t", language="en", text="Here."),
            "Reply to what was written: “Here.”",
        ),
        (
            UpdateRecord(
                record="return", record_id="1001", fields={"status": "registered", "label": "asked"}
            ),
            "Record return 1001: status registered, label asked",
        ),
        (
            PushPage(interaction_id="i", url="https://shop.example.com"),
            "Page opened: https://shop.example.com",
        ),
    ],
)
def test_what_is_to_be_done(body: ActionBody, what: str) -> None:
    assert words.decided(command(body)) == what


def test_every_kind_of_command_has_words() -> None:
    plain = BODIES["escalate"](to="a person", reason="late")
    assert words.decided(command(plain)) == "Escalate"


def test_why_something_is_not_done() -> None:
    held = Reason(rule="history.contacts > 0", held=True, values={"history.contacts": "1"})
    failing = Reason(rule="customer.value >= 500.0", held=False, values={"customer.value": "120.0"})
    assert words.not_done(decision("suppressed", held, failing)) == (
        "No refund (wrong-size-return): customer.value >= 500.0 does not hold (customer.value is 120.0)"
    )


def test_only_the_values_of_the_failing_condition_are_told() -> None:
    reason = Reason(
        rule="has(thread.facts.reason)",
        held=False,
        values={"thread.facts.order_id": "1001", "thread.facts.reason": "(the map has no key 'reason')"},
    )
    assert words.not_done(decision("suppressed", reason)).endswith(
        "does not hold (thread.facts.reason: the map has no key 'reason')"
    )


def test_a_gate_tells_what_it_saw() -> None:
    gate = Reason(rule="consent", held=False, values={"service/sms": "not given"})
    assert words.not_done(decision("suppressed", gate)).endswith(
        "consent does not hold (service/sms is not given)"
    )


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(172_800, "2 days ago"), (86_400, "1 day ago"), (7_200, "2 h ago"), (180, "3 min ago")],
)
def test_times_that_are_past(seconds: float, told: str) -> None:
    assert words.ago(seconds) == told
