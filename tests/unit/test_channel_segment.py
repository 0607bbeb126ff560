"""Website and app payloads: kinds, identifiers, facts, times, and what must not come through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.channels.registry import adapt
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier, Interaction

SAMPLES = Path(__file__).parents[1] / "data" / "channels"
RECEIVED = 1_740_823_300_000
DEVICE = Identifier("device", "7f1c2b9e-33a4-4c55-9f0d-1f6b7e2a9d10", "observed")


def sample(channel: str, name: str) -> list[Interaction]:
    adapted = adapt(channel, (SAMPLES / name).read_bytes(), RECEIVED)
    assert not [one for one in adapted if isinstance(one, Failure)]
    return [one for one in adapted if isinstance(one, Interaction)]


def one(channel: str = "web", **call: object) -> Interaction | Failure:
    document = {"type": "track", "event": "Product Viewed", "anonymousId": "a-1"} | call
    (only,) = adapt(channel, json.dumps(document).encode(), RECEIVED)
    return only


def interaction(channel: str = "web", **call: object) -> Interaction:
    adapted = one(channel, **call)
    assert isinstance(adapted, Interaction), adapted
    return adapted


def form(kind: str, **properties: object) -> Interaction:
    return interaction(event=kind, properties={"form": "return", **properties})


def test_a_return_form_is_one_attempt_from_its_first_event() -> None:
    page, started, field, login, submitted = sample("web", "web_return_form.json")
    kinds = [event.kind for event in (page, started, field, login, submitted)]
    assert kinds == ["page_viewed", "form_started", "form_field", "login", "form_submitted"]
    assert [page.interaction_id, started.interaction_id] == ["1740823200", "attempt-77"]
    assert {field.interaction_id, submitted.interaction_id} == {"attempt-77"}
    assert [event.ended for event in (started, field, submitted)] == [False, False, True]
    assert started.subject == field.subject == "return"
    assert (field.attributes["form"], field.attributes["field"], field.attributes["value"]) == (
        "return",
        "order",
        "1001",
    )
    assert field.facts == {"order_id": "1001"}
    assert submitted.facts == {"order_id": "1001", "reason": "wrong_size"}


def test_page_circumstances_come_without_query_strings() -> None:
    page = sample("web", "web_return_form.json")[0]
    assert page.language == "en"
    assert page.attributes["locale"] == "en-GB"
    assert page.attributes["timezone"] == "Europe/London"
    assert page.attributes["page"] == "/returns"
    assert page.attributes["url"] == "https://shop.example/returns"
    assert not [value for value in page.attributes.values() if "token" in str(value)]


def test_device_is_primary_and_a_login_verifies_the_customer_number() -> None:
    page, _, _, login, submitted = sample("web", "web_return_form.json")
    customer = Identifier("customer_number", "C-1001", "verified")
    assert page.identifiers == [DEVICE]
    assert login.identifiers == [
        DEVICE,
        customer,
        Identifier("email", "ann.lee@example.com", "asserted"),
        Identifier("phone", "+442079460018", "asserted"),
    ]
    assert submitted.identifiers == [DEVICE, customer]
    assert login.key == DEVICE.key


def test_an_identify_without_user_id_is_no_login() -> None:
    given = interaction(type="identify", userId="", traits={"email": "a@example.com"})
    assert given.kind == "contact_given"
    assert [who.type for who in given.identifiers] == ["device", "email"]


def test_an_address_that_cannot_be_used_does_not_lose_the_event() -> None:
    given = interaction(type="identify", traits={"email": "nobody", "phone": "12"})
    assert [who.type for who in given.identifiers] == ["device"]


def test_an_app_event_is_placed_on_the_receivers_clock() -> None:
    (error,) = sample("mobile_app", "mobile_checkout.json")
    assert (error.channel, error.kind, error.interaction_id) == ("mobile_app", "checkout_error", "1740823000")
    assert error.occurred_at == 1_740_823_200_000
    assert error.received_at == RECEIVED
    assert error.language == "de"
    assert error.attributes == {
        "locale": "de-DE",
        "app_version": "4.2.0",
        "os": "Android",
        "step": "payment",
        "error": "card_declined",
        "attempt": 3,
    }
    assert error.identifiers[-1] == Identifier("email", "bo@example.com", "asserted")


def test_an_app_screen_is_a_page() -> None:
    screen = interaction("mobile_app", type="screen", name="Checkout")
    assert (screen.kind, screen.attributes["page"]) == ("page_viewed", "Checkout")


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({}, RECEIVED),
        ({"timestamp": "2025-03-01T10:00:00Z"}, 1_740_823_200_000),
        ({"timestamp": "2025-03-01T11:00:00.250+01:00"}, 1_740_823_200_250),
        ({"timestamp": "2025-03-01T10:00:00Z", "sentAt": "2025-03-01T10:00:07Z"}, RECEIVED - 7_000),
        ({"originalTimestamp": "2001-01-01T00:00:00Z", "sentAt": "2001-01-01T00:00:02Z"}, RECEIVED - 2_000),
        ({"timestamp": "9999-12-31T23:59:59-12:00"}, 253_402_343_999_000),
        ({"timestamp": "0001-01-01T00:00:00Z"}, -62_135_596_800_000),
    ],
)
def test_times_become_epoch_milliseconds(times: dict[str, str], expected: int) -> None:
    assert interaction(**times).occurred_at == expected


def test_a_batchs_sent_at_counts_for_its_calls() -> None:
    call = {"type": "page", "anonymousId": "a-1", "timestamp": "2001-01-01T00:00:00Z"}
    document = {"sentAt": "2001-01-01T00:00:03Z", "batch": [call]}
    (page,) = adapt("web", json.dumps(document).encode(), RECEIVED)
    assert isinstance(page, Interaction)
    assert page.occurred_at == RECEIVED - 3_000


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ("Product Viewed", "product_viewed"),
        ("Product Added", "cart_updated"),
        ("Product Removed", "cart_updated"),
        ("Cart Updated", "cart_updated"),
        ("Checkout Step Viewed", "checkout_step"),
        ("Checkout Error", "checkout_error"),
        ("Form Abandoned", "form_abandoned"),
        ("Return Form Started", "return_form_started"),
        ("sizeGuideOpened", "size_guide_opened"),
        ("FAQOpened", "faq_opened"),
        ("Größe gewählt", "größe_gewählt"),
    ],
)
def test_track_events_become_kinds(event: str, kind: str) -> None:
    assert interaction(event=event).kind == kind


@pytest.mark.parametrize("field", ["password", "cardNumber", "cvv", "cvc", "card", "Passwort", "iban", "otp"])
def test_what_is_typed_into_other_fields_is_dropped_but_the_progress_stays(field: str) -> None:
    event = form("Form Field Completed", form_attempt="f-1", field=field, value="hunter2-4111111111111111")
    assert event.attributes["field"] == field
    assert "value" not in event.attributes
    assert event.facts == {}
    assert "hunter2" not in repr(event)


@pytest.mark.parametrize(
    "name", ["password", "card_number", "cardNumber", "cvv", "resetToken", "credit_card"]
)
def test_secrets_among_other_events_properties_are_dropped(name: str) -> None:
    assert name.lower() not in repr(interaction(properties={name: "s3cret", "sku": "S-1"})).lower()


def test_loyalty_cards_and_card_errors_are_no_secrets() -> None:
    viewed = interaction(properties={"loyalty_card": "63", "error": "card_declined", "passenger": "2"})
    assert viewed.attributes == {"loyalty_card": "63", "error": "card_declined", "passenger": "2"}


def test_an_order_number_is_the_same_fact_however_it_is_written() -> None:
    facts = [
        form("Form Field Completed", field="Order Number", value=value).facts for value in (7, "7", " #7 ")
    ]
    assert facts == [{"order_id": "7"}] * 3


def test_an_empty_or_overlong_value_is_no_fact() -> None:
    assert form("Form Field Completed", field="reason", value="").facts == {}
    assert form("Form Field Completed", field="order", value=" # ").facts == {}
    assert form("Form Field Completed", field="reason", value="x" * 257).facts == {}


def test_without_attempt_or_session_the_visit_is_the_devices() -> None:
    event = form("Form Submitted")
    assert (event.interaction_id, event.ended) == ("visit:a-1", False)


def test_visitors_behind_a_placeholder_are_not_one_visit() -> None:
    one, other = (interaction(anonymousId="null", messageId=name) for name in ("m-1", "m-2"))
    assert (one.interaction_id, other.interaction_id) == ("visit:m-1", "visit:m-2")


def test_a_call_without_message_id_has_the_id_of_its_content() -> None:
    first, again = interaction(name="x"), interaction(name="x")
    assert first.event_id == again.event_id != interaction(name="y").event_id
    assert interaction(messageId="m-9").event_id == "m-9"


def test_alias_and_group_are_left_out() -> None:
    for kind in ("alias", "group"):
        assert adapt("web", json.dumps({"type": kind, "userId": "C"}).encode(), RECEIVED) == []


@pytest.mark.parametrize(
    ("call", "code", "field"),
    [
        ({"type": "delete"}, "unsupported_event", "payload.type"),
        ({"type": None}, "bad_field", "payload.type"),
        ({"event": ""}, "bad_field", "payload.event"),
        ({"event": "x" * 200}, "bad_field", "payload.event"),
        ({"anonymousId": None}, "missing_field", "payload.anonymousId"),
        ({"anonymousId": "a" * 257}, "bad_field", "payload.anonymousId"),
        ({"properties": [1]}, "bad_field", "payload.properties"),
        ({"timestamp": "yesterday"}, "bad_time", "payload.timestamp"),
        ({"timestamp": "2025-03-01T10:00:00"}, "bad_time", "payload.timestamp"),
        ({"timestamp": 5}, "bad_time", "payload.timestamp"),
        ({"context": {"locale": 5}}, "bad_field", "payload.context.locale"),
    ],
)
def test_refusals_name_the_field(call: dict[str, object], code: str, field: str) -> None:
    failure = one(**call)
    assert isinstance(failure, Failure)
    assert failure.code == code
    assert failure.message.startswith(f"{field}: ")


def test_a_bad_call_fails_alone() -> None:
    calls = [{"type": "page", "anonymousId": "a"}, {"anonymousId": "a"}, {"type": "page", "anonymousId": "b"}]
    first, bad, last = adapt("web", json.dumps({"batch": calls}).encode(), RECEIVED)
    assert bad == Failure("missing_field", "batch[1].type: is required")
    assert isinstance(first, Interaction)
    assert isinstance(last, Interaction)
