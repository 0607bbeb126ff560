"""Seeded traffic of customers on all channels, made so that there is one right answer to it.

Kafka keeps order within a partition only, so what comes of events of one customer that arrive by different ways
depends on which comes first. Here it does not:

- What a customer's traffic meets is in `first`, of which each stage (profiles, orders, complaints) is published and
  folded before the next, and all before the traffic begins.
- All of a customer's traffic goes by one way: one channel, one key. Who logs in does all that follows within the
  10 s of event time in which events go by way of the provisional customer; who is joined to a known customer by
  an address they give gives it with the last event.
- Events happen an hour from now, as sender and receiver both say, so no session ends and no wait is over
  while a fault is played. Those who *stop* in a form did so 5 minutes ago, and nothing else is heard of them: their
  wait is over as soon as they are folded.

Among the events are duplicates, some that are late for their session, and bytes that nobody can read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Identifier, Interaction
from tests.faults.deployment import Event, Raw

SECOND, HOUR = 1_000, 3_600_000
STOPPED_AGO = 311 * SECOND
CHATTY = ("chat", "chatbot", "sms", "email", "voice", "knowledge_base", "review", "store")


class Person(NamedTuple):
    """A customer with the time (epoch ms) at which their traffic begins."""

    number: int
    customer_id: str
    device: Identifier
    handle: Identifier
    email: Identifier
    phone: Identifier
    order: str
    at: int

    @property
    def proof(self) -> Identifier:
        """What a login proves."""
        return Identifier("customer_number", self.customer_id, "verified")


class Workload(NamedTuple):
    """What is to be folded before the traffic, stage by stage, and the traffic, each in the order of publishing."""

    first: list[list[Event]]
    traffic: list[Event]


Story = Callable[[Person, random.Random], list[Interaction]]


def workload(seed: int, customers: int) -> Workload:
    """The traffic of so many customers, about seven events each; customers begin one after the other."""
    chance = random.Random(seed)
    now = time.time_ns() // 1_000_000
    profiles: list[Event] = []
    orders: list[Event] = []
    messages: list[Event] = []
    turns: list[tuple[int, Event]] = []
    for number in range(customers):
        story = chance.choices(list(_STORIES), list(_STORIES.values()))[0]
        person = _person(number, now - STOPPED_AGO if story is _stopped else now + HOUR)
        profiles.append(_profile(person, chance))
        orders += _orders(person)
        messages.append(_complaint(person))
        told = list(_with_accidents(story(person, chance), chance))
        turns += [(number + 9 * turn, event) for turn, event in enumerate(told)]
    turns.sort(key=lambda turn: turn[0])
    return Workload([profiles, orders, messages], [event for _, event in turns])


def _person(number: int, at: int) -> Person:
    return Person(
        number=number,
        customer_id=f"C-{number:05d}",
        device=Identifier("device", f"d-{number:05d}"),
        handle=Identifier("social", f"facebook:{900_000 + number}"),
        email=Identifier("email", f"c{number:05d}@example.com", "asserted"),
        phone=Identifier("phone", f"+44113496{number % 10_000:04d}", "verified"),
        order=f"O-{number:05d}",
        at=at,
    )


def _profile(person: Person, chance: random.Random) -> Profile:
    known = (person.handle, person.email, person.phone)
    return Profile(
        customer_id=person.customer_id,
        updated_at=person.at - 120 * SECOND,
        name=f"Customer {person.number}",
        value=chance.choice((120.0, 800.0)),
        language=chance.choice(("en", "de")),
        preferences={"channel": chance.choice(("sms", "email", "social"))},
        identifiers=[Identifier(one.type, one.value, "verified") for one in known],
    )


def _event(
    person: Person, name: str, after: int, channel: str, kind: str, who: list[Identifier], **more: Any
) -> Interaction:
    """An event `after` milliseconds from the person's beginning."""
    at = person.at + after
    values: dict[str, Any] = {"interaction_id": f"visit-{person.number}", "received_at": at, **more}
    return Interaction(
        event_id=f"{person.customer_id}/{name}",
        channel=channel,
        kind=kind,
        occurred_at=at,
        source="tests/faults",
        identifiers=who,
        **values,
    )


def _orders(person: Person) -> Iterator[Interaction]:
    attributes = {"size_ordered": "M", "size_sent": "L", "delivery_charge": 4.95, "currency": "GBP"}
    for turn, kind in enumerate(("order_placed", "order_delivered")):
        yield _event(
            person,
            kind,
            (turn - 60) * SECOND,
            "order",
            kind,
            [person.proof],
            interaction_id=person.order,
            facts={"order_id": person.order},
            attributes=attributes,
        )


def _complaint(person: Person) -> Interaction:
    """What a refund answers, once the form says which order it is about."""
    return _event(
        person,
        "complaint",
        -30 * SECOND,
        "social",
        "message",
        [person.handle],
        interaction_id=f"conversation-{person.number}",
        text="My shirt came in the wrong size",
        reply_to=f"m-{person.number}",
    )


def _forms(
    person: Person, who: list[Identifier], channel: str, start: int, step: int
) -> Iterator[Interaction]:
    """The return form, from the first field to the end: a refund and two messages for a customer of value."""
    form = {"form": "return"}
    fields: list[tuple[str, dict[str, str], dict[str, str]]] = [
        ("form_started", {}, {}),
        ("form_field", {"field": "order"}, {"order_id": person.order}),
        ("form_field", {"field": "reason"}, {"reason": "wrong_size"}),
        ("form_submitted", {}, {}),
    ]
    for turn, (kind, attributes, facts) in enumerate(fields):
        yield _event(
            person,
            f"{kind}-{turn}",
            start + turn * step,
            channel,
            kind,
            who,
            interaction_id=f"form-{person.number}",
            subject="return",
            attributes=form | attributes,
            facts=facts,
            ended=kind == "form_submitted",
        )


def _returning(person: Person, chance: random.Random) -> list[Interaction]:
    channel, who = chance.choice(("web", "mobile_app")), [person.device, person.proof]
    return [
        _event(person, "page", 0, channel, "page_viewed", who),
        *_forms(person, who, channel, SECOND, 20 * SECOND),
        _event(person, "after", 120 * SECOND, channel, "page_viewed", who),
    ]


def _writing(person: Person, chance: random.Random) -> list[Interaction]:
    texts = ("My shirt came in the wrong size", "Order " + person.order, "It is too big", "Thank you")
    return [
        _event(
            person,
            f"message-{turn}",
            turn * 30 * SECOND,
            "social",
            "message",
            [person.handle],
            interaction_id=f"conversation-{person.number}",
            text=text,
            reply_to=f"m-{person.number}-{turn}",
        )
        for turn, text in enumerate(texts)
    ]


def _talking(person: Person, chance: random.Random) -> list[Interaction]:
    channel = chance.choice(CHATTY)
    return [
        _event(
            person,
            f"said-{turn}",
            turn * 25 * SECOND,
            channel,
            "message_received",
            [person.device],
            text=f"Part {turn}",
        )
        for turn in range(chance.randint(3, 8))
    ]


def _logging_in(person: Person, chance: random.Random) -> list[Interaction]:
    """Nobody knows whose device it is, until the login in the middle."""
    pages = chance.randint(2, 4)
    looked = [
        _event(person, f"page-{n}", n * 30 * SECOND, "web", "page_viewed", [person.device])
        for n in range(pages)
    ]
    who, at = [person.device, person.proof], pages * 30 * SECOND
    return [
        *looked,
        _event(person, "login", at, "web", "login", who),
        *_forms(person, who, "web", at + SECOND, 2 * SECOND),
    ]


def _giving_address(person: Person, chance: random.Random) -> list[Interaction]:
    """A device becomes a known customer's by the address given last."""
    steps = [_event(person, f"page-{n}", n * SECOND, "web", "page_viewed", [person.device]) for n in range(4)]
    given = _event(person, "contact", 9 * SECOND, "web", "contact_given", [person.device, person.email])
    return [*steps, given]


def _stopped(person: Person, chance: random.Random) -> list[Interaction]:
    return list(_forms(person, [person.device, person.proof], "web", 0, SECOND))[:1]


_STORIES: dict[Story, int] = {
    _returning: 40,
    _writing: 15,
    _talking: 15,
    _logging_in: 15,
    _giving_address: 10,
    _stopped: 5,
}


def _with_accidents(told: list[Interaction], chance: random.Random) -> Iterator[Event]:
    """The events, here and there twice, late, or with something unreadable before them."""
    for turn, event in enumerate(told):
        if chance.random() < 0.03:
            yield Raw(f"interactions.{event.channel}", event.key.encode(), chance.randbytes(40))
        yield event
        if chance.random() < 0.08:
            yield event
        if 0 < turn < len(told) - 1 and chance.random() < 0.04:
            yield msgspec.structs.replace(
                event,
                event_id=f"{event.event_id}/late",
                occurred_at=event.occurred_at - 2 * HOUR,
                facts={},
                text=None,
            )
