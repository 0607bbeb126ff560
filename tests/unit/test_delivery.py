"""Which channel carries a message, and what customers consent to."""

from __future__ import annotations

from collections.abc import Callable

from domain_values import NOW, SMS, profile

from pipeline.domain.consent import consents, purpose_of
from pipeline.domain.delivery import Delivery, address, choose, in_use
from pipeline.domain.interactions import Identifier
from pipeline.domain.state import CustomerState, GoingOn, Seen

EMAIL = Identifier("email", "maya@example.com", "verified")
DEVICE = Identifier("device", "d-1", "observed")


def every(_: str) -> bool:
    return True


def customer(consent: dict[str, bool] | None = None, preferred: str | None = "sms") -> CustomerState:
    preferences = {"channel": preferred} if preferred else {}
    record = profile(consent=consent or {}, preferences=preferences, identifiers=[SMS, EMAIL])
    return CustomerState("C-1", known=True, profile=record)


def on_the_web(state: CustomerState, at: int = NOW) -> CustomerState:
    state.going_on["web:v"] = GoingOn("web", "v", at, at)
    state.identifiers[DEVICE.key] = Seen(DEVICE, at)
    return state


def chosen(
    state: CustomerState, speaks: Callable[[str], bool] = every, in_use_first: bool = False
) -> str | None:
    delivery = choose(state, "service", speaks, in_use_first)
    return None if delivery is None else delivery.channel


def test_the_stated_preference_goes_before_what_is_in_use() -> None:
    assert choose(on_the_web(customer()), "service", every, False) == Delivery("sms", SMS.value)
    assert choose(on_the_web(customer()), "service", every, True) == Delivery("web", "d-1")


def test_a_refused_channel_is_passed_over() -> None:
    assert chosen(customer({"service/sms": False})) == "email"
    assert chosen(on_the_web(customer({"service/sms": False}))) == "web"
    assert chosen(customer({"service/sms": False, "service/email": False})) is None


def test_a_channel_without_a_text_or_an_address_is_passed_over() -> None:
    assert chosen(customer(), speaks=lambda channel: channel != "sms") == "email"
    assert chosen(customer(preferred="social")) == "sms"


def test_a_live_channel_reaches_only_who_is_there() -> None:
    state = customer()
    state.identifiers[DEVICE.key] = Seen(DEVICE, NOW)
    assert address(state, "web") is None
    assert address(on_the_web(state), "web") == "d-1"
    state.going_on["web:v"].ended = True
    assert address(state, "web") is None


def test_the_latest_channel_in_use_comes_first() -> None:
    state = on_the_web(customer())
    state.going_on["chat:c"] = GoingOn("chat", "c", NOW, NOW + 1)
    assert in_use(state) == ["chat", "web"]


def test_a_customer_nobody_knows_is_reached_where_they_are() -> None:
    assert chosen(on_the_web(CustomerState("p-1"))) == "web"
    assert chosen(CustomerState("p-1")) is None


def test_service_needs_no_refusal_and_marketing_needs_a_grant() -> None:
    assert consents(customer(), "service", "sms")
    assert not consents(customer({"service/sms": False}), "service", "sms")
    assert not consents(customer(), "marketing", "sms")
    assert consents(customer({"marketing/sms": True}), "marketing", "sms")
    assert [purpose_of(lane) for lane in ("service_reply", "transactional", "safety", "proactive")] == [
        "service",
        "service",
        "service",
        "marketing",
    ]
