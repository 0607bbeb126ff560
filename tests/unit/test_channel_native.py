"""Channels whose service speaks our own terms: the payload is the event."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.channels import native
from pipeline.channels.payload import MAX_ID
from pipeline.channels.registry import adapt
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Attachment, Identifier, Interaction

SAMPLES = Path(__file__).parents[1] / "data" / "channels"
RECEIVED = 1_740_823_300_000
LEAST = {
    "kind": "message",
    "interaction_id": "m-1",
    "occurred_at": "2025-03-01T09:30:00Z",
    "identifiers": [{"type": "email", "value": "maya@example.com"}],
}


def changed(channel: str = "email", **changes: object) -> Interaction | Failure:
    (only,) = adapt(channel, json.dumps(LEAST | changes).encode(), RECEIVED)
    return only


def identifiers(channel: str, *claims: dict[str, object]) -> list[Identifier]:
    event = changed(channel, identifiers=list(claims))
    assert isinstance(event, Interaction)
    return event.identifiers


def test_a_call_from_its_first_event_to_its_last() -> None:
    started, chosen, ended = adapt(
        "voice", (SAMPLES / "call_from_a_known_number.json").read_bytes(), RECEIVED
    )
    caller = Identifier("phone", "+442079460018", "observed")
    assert started == Interaction(
        event_id="8d7a2f30-call-7001-1",
        channel="voice",
        kind="call_started",
        interaction_id="call-7001",
        occurred_at=1_740_821_400_250,
        received_at=RECEIVED,
        source="https://voice.example.com/trunks/2",
        identifiers=[caller, Identifier("chat", "call-7001", "observed")],
        attributes={"trunk": "2"},
    )
    assert isinstance(chosen, Interaction)
    assert chosen.identifiers == [caller, Identifier("customer_number", "1001", "verified")]
    assert (chosen.kind, chosen.facts, chosen.attributes) == (
        "menu_chosen",
        {"order_id": "1001"},
        {"step": "billing"},
    )
    assert isinstance(ended, Interaction)
    assert (ended.ended, ended.language) == (True, "en")
    assert ended.attachments == [
        Attachment("https://voice.example.com/recordings/7001.ogg", "audio/ogg", 91_240)
    ]


def test_an_e_mail_with_an_attachment() -> None:
    (event,) = adapt("email", (SAMPLES / "email_with_attachment.json").read_bytes(), RECEIVED)
    assert event == Interaction(
        event_id="<CAF7x2k@mail.example.com>",
        channel="email",
        kind="message",
        interaction_id="<CAF7x2k@mail.example.com>",
        occurred_at=1_740_827_100_000,
        received_at=RECEIVED,
        source="email",
        identifiers=[
            Identifier("email", "maya@example.com", "observed"),
            Identifier("order_number", "1001", "asserted"),
        ],
        subject="Wrong size",
        text="The shirt is too large, see the photo.",
        language="en",
        reply_to="<CAF7x2k@mail.example.com>",
        attachments=[Attachment("https://mail.example.com/files/shirt.jpg", "image/jpeg")],
    )


def test_every_channel_has_an_adapter_and_its_own_name_on_its_events() -> None:
    for channel in CHANNELS:
        assert adapt(channel, b"{", 0)[0].code == "bad_json"  # type: ignore[union-attr]
    for channel in native.CHANNELS:
        event = changed(channel)
        assert isinstance(event, Interaction)
        assert (event.channel, event.source) == (channel, channel)


@pytest.mark.parametrize(
    ("channel", "type_", "value", "assurance"),
    [
        ("voice", "phone", "+442079460018", "observed"),
        ("sms", "phone", "+442079460018", "observed"),
        ("email", "email", "maya@example.com", "observed"),
        ("chat", "chat", "c-1", "observed"),
        ("store", "device", "till-4", "observed"),
        ("review", "social", "facebook:7", "observed"),
        ("chat", "phone", "+442079460018", "asserted"),
        ("chat", "email", "maya@example.com", "asserted"),
        ("store", "loyalty_card", "6300 12AB", "asserted"),
        ("review", "order_number", "1001", "asserted"),
        ("voice", "customer_number", "C-1001", "asserted"),
    ],
)
def test_how_sure_an_identifier_is_when_nobody_says(
    channel: str, type_: str, value: str, assurance: str
) -> None:
    (one,) = identifiers(channel, {"type": type_, "value": value})
    assert one.assurance == assurance
    (checked,) = identifiers(channel, {"type": type_, "value": value, "assurance": "verified"})
    assert checked.assurance == "verified"


def test_a_number_that_is_said_on_a_call_is_not_the_callers() -> None:
    said = {"type": "phone", "value": "+442079460018"}
    _, second = identifiers("voice", {"type": "phone", "value": "+442079460019"}, said)
    assert second.assurance == "asserted"


def test_a_withheld_number_leaves_the_call() -> None:
    call = {"type": "chat", "value": "call-1"}
    assert identifiers("voice", {"type": "phone", "value": "anonymous"}, call) == [
        Identifier("chat", "call-1", "observed")
    ]


def test_facts_and_attributes_are_short_scalars() -> None:
    event = changed(
        facts={"order_id": 1001, "size": 42, "note": "x" * 257, "empty": "", "list": [1], "none": None},
        attributes={"Page URL": "https://a.example/b?token=1", "cardNumber": "4111", "inner": {"a": 1}},
    )
    assert isinstance(event, Interaction)
    assert event.facts == {"order_id": "1001", "size": 42}
    assert event.attributes == {"page_url": "https://a.example/b"}


def test_an_event_without_an_id_gets_the_same_one_again() -> None:
    one, again, other = changed(), changed(), changed(text="Hello")
    assert isinstance(one, Interaction)
    assert isinstance(again, Interaction)
    assert isinstance(other, Interaction)
    assert one.event_id == again.event_id != other.event_id
    (listed,) = adapt("email", json.dumps([LEAST]).encode(), RECEIVED)
    assert listed == one


def test_a_bad_event_fails_alone() -> None:
    first, bad, last = adapt("sms", json.dumps({"events": [LEAST, {}, LEAST]}).encode(), RECEIVED)
    assert isinstance(first, Interaction)
    assert isinstance(last, Interaction)
    assert bad == Failure("missing_field", "events[1].kind: is required")


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"kind": "?"}, "bad_field", "payload.kind"),
        ({"kind": "k" * (MAX_ID + 1)}, "bad_field", "payload.kind"),
        ({"interaction_id": ""}, "bad_field", "payload.interaction_id"),
        ({"occurred_at": "2025-03-01T09:30:00"}, "bad_time", "payload.occurred_at"),
        ({"occurred_at": 1740821400}, "bad_time", "payload.occurred_at"),
        ({"identifiers": []}, "bad_field", "payload.identifiers"),
        (
            {"identifiers": [{"type": "email", "value": "a@b.example"}] * 17},
            "bad_field",
            "payload.identifiers",
        ),
        ({"identifiers": [{"type": "email", "value": "nobody"}]}, "bad_identifier", "payload.identifiers"),
        ({"identifiers": [{"type": "name", "value": "x"}]}, "bad_field", "payload.identifiers[0].type"),
        ({"identifiers": [{"type": "email"}]}, "missing_field", "payload.identifiers[0].value"),
        (
            {"identifiers": [{"type": "chat", "value": "x", "assurance": "sure"}]},
            "bad_field",
            "payload.identifiers[0].assurance",
        ),
        (
            {"attachments": [{"uri": "data:,x", "media_type": "a/b"}]},
            "bad_field",
            "payload.attachments[0].uri",
        ),
        (
            {"attachments": [{"uri": "https://a.example", "media_type": "photo"}]},
            "bad_field",
            "payload.attachments[0].media_type",
        ),
        (
            {"attachments": [{"uri": "https://a.example", "media_type": "a/b", "size": -1}]},
            "bad_field",
            "payload.attachments[0].size",
        ),
        (
            {"attachments": [{"uri": "https://a.example", "media_type": "a/b"}] * 17},
            "bad_field",
            "payload.attachments",
        ),
        ({"events": {}}, "bad_field", "payload.events"),
        ({"ended": "yes"}, "bad_field", "payload.ended"),
    ],
)
def test_refusals_name_the_field(changes: dict[str, object], code: str, place: str) -> None:
    failure = changed(**changes)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message.partition(": ")[0]) == (code, place)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("envelope", [False, True])
def test_the_desk_is_heard_on_every_channel(channel: str, envelope: bool) -> None:
    answered = LEAST | {"kind": "answered", "attributes": {"adviser": "ann"}}
    document = {"events": [answered]} if envelope else answered
    (event,) = adapt(channel, json.dumps(document).encode(), RECEIVED)
    assert isinstance(event, Interaction)
    assert (event.channel, event.kind, event.attributes) == (channel, "answered", {"adviser": "ann"})


def test_a_service_of_its_own_that_says_kind_and_identifiers_somewhere_is_still_its_own() -> None:
    call = {
        "type": "track",
        "event": "Form Started",
        "messageId": "m-1",
        "anonymousId": "d-1",
        "timestamp": "2025-03-01T09:30:00Z",
        "properties": {"form": "return", "kind": "message", "identifiers": ["x"]},
    }
    (event,) = adapt("web", json.dumps(call).encode(), RECEIVED)
    assert isinstance(event, Interaction)
    assert event.kind == "form_started"


@pytest.mark.parametrize(
    "payload", [b'{"identifiers"', b'{"identifiers": [], "kind": 1}', b'"identifiers"' * 99]
)
def test_what_is_in_nobodys_terms_is_refused_by_the_channels_own_adapter(payload: bytes) -> None:
    (failure,) = adapt("social", payload, RECEIVED)
    assert isinstance(failure, Failure)
