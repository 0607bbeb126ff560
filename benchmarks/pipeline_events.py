"""The customers of the whole-pipeline benchmark and what they do, the same for the same seed.

Of twenty customers twelve shop logged in, three browse unknown and then log in (a provisional customer is merged
into a known one), five are never known. They visit site and app, fill in forms, write, call, and their orders
travel. Visits of many customers are interleaved; one visit is 1 to 13 events under one interaction id.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Identifier, Interaction

SEED = 11
_AT_ONCE = 20_000
_FORMS = ("return", "return", *(f"form-{n}" for n in range(8)))
_TEXTS = (
    "My shirt came in the wrong size",
    "Where is my parcel? I am still waiting",
    "Thank you, that was quick",
    "The colour is not the one in the picture, can I have my money back",
    "Can I speak to a person please",
    "Is this coat lined?",
)


class Said(NamedTuple):
    """One event of a visit, before it has a time, a name and a customer; `login` tells the number from here on."""

    channel: str
    kind: str
    attributes: dict[str, Any]
    facts: dict[str, Any]
    text: str | None = None
    login: bool = False


def known(number: int) -> bool:
    """Whether the system of record knows this customer."""
    return number % 20 < 15


def profiles(customers: int, now: int) -> Iterator[Profile]:
    """The customers that the system of record knows; `now` is epoch milliseconds."""
    for number in filter(known, range(customers)):
        yield Profile(
            customer_id=f"C-{number:07d}",
            updated_at=now,
            name=f"Customer {number}",
            tier=("basic", "basic", "silver", "gold")[number % 4],
            value=float(number * 37 % 2_000),
            postcode=f"N{number % 90} {number % 9}AB",
            timezone="Europe/London",
            language="en",
            consent={"service/sms": True, "service/email": True, "marketing/email": number % 3 == 0},
            preferences={"channel": ("sms", "email")[number % 2]},
            identifiers=[
                Identifier("email", f"c{number:07d}@example.com"),
                Identifier("phone", f"+447{number:09d}"),
                Identifier("social", f"instagram:u{number:07d}"),
            ],
        )


def interactions(
    customers: int, seed: int, mark: str, now: Callable[[], int], at_once: int = _AT_ONCE
) -> Iterator[Interaction]:
    """Events without end, of at most `at_once` visits at a time, each happening at `now` (epoch milliseconds).

    Event ids are `mark` and the event's number from 0.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not a secret
    visits = [_visit(customers, chance, mark, n) for n in range(min(at_once, max(customers // 5, 1)))]
    begun, number, pick, size = len(visits), 0, chance.random, len(visits)
    while True:
        place = int(pick() * size)
        event = next(visits[place], None)
        if event is None:
            visits[place] = _visit(customers, chance, mark, begun)
            begun += 1
            continue
        event.event_id = f"{mark}{number}"
        event.occurred_at = event.received_at = now()
        number += 1
        yield event


def _visit(customers: int, chance: random.Random, mark: str, nth: int) -> Iterator[Interaction]:
    customer = int(chance.random() * customers)
    at_once = customer % 20 < 12
    stories = _LOGGED_IN if at_once else _LATER if known(customer) else _NEVER
    story = stories[int(chance.random() * len(stories))]
    logged_in = at_once
    for said in story(customer, chance):
        logged_in = logged_in or said.login
        order_id = said.facts.get("order_id") if said.channel == "order" else None
        yield Interaction(
            event_id="",
            channel=said.channel,
            kind=said.kind,
            interaction_id=order_id or f"visit-{mark}{nth}",
            occurred_at=0,
            received_at=0,
            source=_SOURCES.get(said.channel, "segment"),
            identifiers=_identifiers(customer, said.channel, logged_in and known(customer)),
            text=said.text,
            language="en",
            facts=said.facts,
            attributes=said.attributes,
        )


def _identifiers(customer: int, channel: str, logged_in: bool) -> list[Identifier]:
    if channel == "order":
        return [Identifier("customer_number", f"C-{customer:07d}", "verified")]
    if channel in _ADDRESSES:
        kind, form = _ADDRESSES[channel]
        return [Identifier(kind, form.format(customer), "observed")]
    device = Identifier(
        "device", f"d-{customer:07d}-{'app' if channel == 'mobile_app' else 'web'}", "observed"
    )
    return [device, Identifier("customer_number", f"C-{customer:07d}", "verified")] if logged_in else [device]


_SOURCES = {
    "order": "shop.example.com/orders",
    "social": "instagram",
    "voice": "telephony",
    "email": "mailbox",
}
_ADDRESSES = {
    "social": ("social", "instagram:u{:07d}"),
    "email": ("email", "c{:07d}@example.com"),
    "voice": ("phone", "+447{:09d}"),
}

Story = Callable[[int, random.Random], Iterator[Said]]


def _place(channel: str, page: str) -> dict[str, Any]:
    return {
        "page": page,
        "title": "Northwind",
        "locale": "en-GB",
        "os": "iOS" if channel == "mobile_app" else "Windows",
    }


def _browse(customer: int, chance: random.Random) -> Iterator[Said]:
    channel = "mobile_app" if chance.random() < 0.4 else "web"
    for _ in range(2 + int(chance.random() * 3)):
        place = _place(channel, f"/help/{int(chance.random() * 40)}")
        yield Said(channel, "page_viewed", place, {})
        if chance.random() < 0.3:
            yield Said(
                channel, "search", {**place, "query": "shirt", "results": int(chance.random() * 4)}, {}
            )
        category = f"category-{int(chance.random() * 24)}"
        yield Said(
            channel,
            "product_viewed",
            {**place, "product_id": f"p-{customer % 400}", "category": category},
            {},
        )


def _buy(customer: int, chance: random.Random) -> Iterator[Said]:
    yield from _browse(customer, chance)
    place = _place("web", "/cart")
    yield Said(
        "web", "cart_updated", {**place, "total": round(20 + chance.random() * 400, 2), "items": 2}, {}
    )
    if chance.random() < 0.6:
        for step in ("address", "payment", "review"):
            yield Said("web", "checkout_step", {**place, "step": step}, {})


def _log_in(customer: int, chance: random.Random) -> Iterator[Said]:
    yield from _browse(customer, chance)
    yield Said("web", "login", _place("web", "/login"), {}, login=True)
    yield Said("web", "page_viewed", _place("web", "/account"), {}, login=True)


def _form(customer: int, chance: random.Random) -> Iterator[Said]:
    form = _FORMS[int(chance.random() * len(_FORMS))]
    place = {**_place("web", f"/forms/{form}"), "form": form}
    order_id = f"o-{customer:07d}"
    yield Said("web", "page_viewed", _place("web", "/forms"), {})
    yield Said("web", "form_started", place, {})
    yield Said("web", "form_field", {**place, "field": "order_id", "position": 1}, {"order_id": order_id})
    yield Said("web", "form_field", {**place, "field": "reason", "position": 2}, {"reason": "wrong_size"})
    yield Said("web", "form_field", {**place, "field": "comment", "position": 3}, {})
    if chance.random() < 0.7:
        yield Said("web", "form_submitted", place, {"order_id": order_id})


def _write(customer: int, chance: random.Random) -> Iterator[Said]:
    channel = "social" if chance.random() < 0.6 else "email"
    for _ in range(1 + int(chance.random() * 3)):
        text = _TEXTS[int(chance.random() * len(_TEXTS))]
        yield Said(channel, "message", {"network": "instagram", "account": "northwind"}, {}, text)


def _call(customer: int, chance: random.Random) -> Iterator[Said]:
    yield Said("voice", "call_started", {"queue": "returns"}, {})
    yield Said("voice", "menu_chosen", {"choice": "3"}, {"topic": "return"})
    yield Said("voice", "call_ended", {"duration_s": 180}, {})


def _chat(customer: int, chance: random.Random) -> Iterator[Said]:
    yield Said("knowledge_base", "article_viewed", {"article": f"article-{int(chance.random() * 30)}"}, {})
    for _ in range(2 + int(chance.random() * 3)):
        yield Said("chat", "message", {"locale": "en-GB"}, {}, _TEXTS[int(chance.random() * len(_TEXTS))])


def _order(customer: int, chance: random.Random) -> Iterator[Said]:
    facts = {"order_id": f"o-{customer:07d}"}
    told = {
        "carrier": f"carrier-{int(chance.random() * 12)}",
        "country": ("GB", "DE", "FR", "SE", "US")[customer % 5],
    }
    sizes = {"size_ordered": "M", "size_sent": "L" if chance.random() < 0.2 else "M", "currency": "GBP"}
    yield Said("order", "order_placed", {**told, **sizes, "total": 80.0, "delivery_charge": 4.95}, facts)
    yield Said("order", "order_shipped", {**told, **sizes, "delivery_charge": 4.95}, facts)
    yield Said("order", "order_delivered", {**told, **sizes, "delivery_charge": 4.95}, facts)


_LOGGED_IN: tuple[Story, ...] = (
    *(_browse, _browse, _browse, _browse, _buy, _buy, _log_in, _log_in, _form, _form, _form),
    *(_write, _call, _chat, _order, _order),
)
_LATER: tuple[Story, ...] = (_log_in, _log_in, _browse, _write, _order)
_NEVER: tuple[Story, ...] = (_browse, _browse, _browse, _buy, _write, _chat)
