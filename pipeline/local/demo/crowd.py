"""Synthetic customers on all channels at once: what each does and when, and as what payload it arrives.

The same seed gives the same crowd. Phone numbers are from the ranges that Ofcom keeps for fiction.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.local.demo import payloads

LARGEST = 10_000
"""Customers of a crowd at most: there are not many more fictional telephone numbers."""

_AREAS = tuple(f"{area} 496" for area in (113, 114, 115, 116, 117, 118, 121, 131, 141, 151, 161))
_FIRST = ("Maya", "Tom", "Aisha", "Jonas", "Chen", "Elif", "Rosa", "Samuel", "Ingrid", "Kofi")
_LAST = ("Lindqvist", "Okafor", "Bauer", "Sato", "Novak", "Moreau", "Diaz", "Ahmed", "Kelly", "Rossi")


@dataclass(frozen=True)
class Traffic:
    """How many customers, how many events of theirs a second on average, and the shortest and longest time
    between two events of one customer (milliseconds).
    """

    customers: int
    rate: float
    gap_ms: tuple[int, int] = (300, 2_000)


class Step(NamedTuple):
    """One payload: when after the start of the journey (milliseconds), from which channel's service, of what."""

    after_ms: int
    channel: str
    payload: payloads.Draft


@dataclass(frozen=True)
class Person:
    """A synthetic customer and the journey that they make."""

    customer_id: str
    name: str
    value: float
    prefers: str
    phone: str
    sender: str
    device: str
    order: str
    journey: str


JOURNEYS = {
    "wrong_size": 35,
    "browsing": 20,
    "abandoned": 15,
    "login": 15,
    "order_updates": 15,
}
"""What customers do, and how many in a hundred."""


def crowd(size: int, seed: int, mark: str) -> list[Person]:
    """`size` customers; `mark` is in all their names and numbers, so that no other crowd has the same."""
    chance = _chance(seed)
    people = []
    for number in range(size):
        area, extension = _AREAS[number // 1_000], number % 1_000
        people.append(
            Person(
                customer_id=f"S-{mark}-{number}",
                name=f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
                value=round(chance.lognormvariate(6.0, 1.0), 2),
                prefers=chance.choices(("sms", "email"), (7, 3))[0],
                phone=f"+44 {area} 0{extension:03d}",
                sender=f"{mark}{number:06d}",
                device=f"d-{mark}-{number}",
                order=f"{mark}-{number}",
                journey=chance.choices(list(JOURNEYS), list(JOURNEYS.values()))[0],
            )
        )
    return people


def as_csv(people: list[Person]) -> bytes:
    """The crowd as the system of record exports it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(
        ("customer_id", "name", "value", "language", "email", "phone", "facebook", "preference.channel")
    )
    for one in people:
        email = f"{one.customer_id}@example.com"
        rows.writerow((one.customer_id, one.name, one.value, "en", email, one.phone, one.sender, one.prefers))
    return text.getvalue().encode()


def schedule(people: list[Person], traffic: Traffic, seed: int) -> list[tuple[int, Step]]:
    """All steps of all journeys by time from the beginning (milliseconds).

    Customers begin evenly spread over the time that their events take at the traffic's rate; the last of
    them then still finish.
    """
    chance = _chance(seed)
    journeys = [list(_journey(one, traffic, chance)) for one in people]
    span = sum(map(len, journeys)) / traffic.rate * 1_000
    steps = []
    for journey in journeys:
        start = chance.uniform(0, span)
        steps += [(round(start) + step.after_ms, step) for step in journey]
    return sorted(steps, key=lambda step: step[0])


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a crowd that can be repeated, not a secret


def _journey(person: Person, traffic: Traffic, chance: random.Random) -> Iterator[Step]:
    at = 0
    for channel, draft in _STORIES[person.journey](person, chance):
        yield Step(at, channel, draft)
        at += chance.randint(*traffic.gap_ms)


Telling = Iterator[tuple[str, payloads.Draft]]


def _wrong_size(person: Person, chance: random.Random) -> Telling:
    yield "order", payloads.order(person, "delivered", sent="L")
    yield "social", payloads.message(person, "My shirt came in the wrong size")
    site = payloads.Site(person, chance.choice(("web", "mobile_app")))
    yield site.channel, site.form("Form Started")
    yield site.channel, site.form("Form Field Completed", field="order", value=person.order)
    yield site.channel, site.form("Form Field Completed", field="reason", value="wrong_size")
    yield site.channel, site.form("Form Submitted")


def _browsing(person: Person, chance: random.Random) -> Telling:
    site = payloads.Site(person, chance.choice(("web", "mobile_app")))
    for _ in range(chance.randint(1, 3)):
        yield site.channel, site.page("/shirts")
        yield site.channel, site.track("Product Viewed", product_id=f"shirt-{chance.randint(1, 40)}")
    yield site.channel, site.track("Product Added", product_id="shirt-1", quantity=1)


def _abandoned(person: Person, chance: random.Random) -> Telling:
    yield "order", payloads.order(person, "delivered", sent="M")
    site = payloads.Site(person, "web")
    yield site.channel, site.form("Form Started")
    yield site.channel, site.form("Form Field Completed", field="order", value=person.order)
    yield site.channel, site.form("Form Abandoned")


def _login(person: Person, chance: random.Random) -> Telling:
    anonymous = payloads.Site(person, "web", known=False)
    for _ in range(chance.randint(2, 5)):
        yield anonymous.channel, anonymous.page("/trousers")
    site = payloads.Site(person, "web")
    yield site.channel, site.login()
    yield site.channel, site.page("/account")


def _order_updates(person: Person, chance: random.Random) -> Telling:
    for what in ("placed", "shipped", "delivered"):
        yield "order", payloads.order(person, what, sent="M")


_STORIES = {
    "wrong_size": _wrong_size,
    "browsing": _browsing,
    "abandoned": _abandoned,
    "login": _login,
    "order_updates": _order_updates,
}
