"""What people do: visits, mails, calls, purchases, as the payloads that the channels' services send."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from pipeline.local.scenarios.payloads import rfc3339
from tests.worlds.people import PLACEHOLDERS, Person, Population

SECOND = 1_000
PLACEHOLDER_EMAILS = ("test@test.com", "none@none.com", "null@example.com")


@dataclass(frozen=True)
class Deed:
    """One event: who did it (the truth), when, and what the channel's service says about it."""

    person: str
    at: int
    channel: str
    payload: bytes


@dataclass(frozen=True)
class _Way:
    """How somebody comes to us: on a channel, under one of these identifiers, used by nobody else if `alone`."""

    weight: float
    channel: str
    type: str
    values: Sequence[str]
    alone: bool = True


class Visits:
    """Draws what people do from `random`; event and visit ids are counted through the whole world."""

    def __init__(self, random: Random, population: Population) -> None:
        self._random = random
        self._known = [person for person in population.people if person.profile_day == 0 and person.number]
        self._population = population
        self._count = 0

    def one(self, person: Person, at: int) -> Iterator[Deed]:
        """All events of one visit that begins at `at` (epoch milliseconds), in order."""
        self._count += 1
        ways = [way for way in self._ways(person) if way.values]
        (way,) = self._random.choices(ways, [way.weight for way in ways])
        value = self._random.choice(way.values)
        if way.channel == "web":
            return self._web(person, at, value, way.alone)
        if way.channel == "social":
            return self._social(person, at, value)
        return self._say(person, at, way, value)

    def _ways(self, person: Person) -> list[_Way]:
        own = person.values
        return [
            _Way(8, "web", "device", own("device")),
            _Way(3, "web", "device", person.lent, alone=False),
            _Way(4, "web", "device", person.tablets, alone=False),
            _Way(2, "web", "device", self._population.kiosks, alone=False),
            _Way(1.5, "web", "device", PLACEHOLDERS, alone=False),
            _Way(3, "email", "email", own("email")),
            _Way(1, "email", "email", person.mailboxes, alone=False),
            _Way(2, "voice", "phone", own("phone")),
            _Way(2, "voice", "phone", person.lines, alone=False),
            _Way(1, "sms", "phone", own("phone")),
            _Way(3, "store", "loyalty_card", own("loyalty_card")),
            _Way(3, "social", "social", own("social")),
        ]

    def _web(self, person: Person, at: int, device: str, alone: bool) -> Iterator[Deed]:
        """Pages; in some visits a login, after which the site sends the number along. On a device of their own
        some type an address.
        """
        random = self._random
        session = f"s-{self._count}" if random.random() < 0.7 else None
        logs_in = bool(person.numbers()) and random.random() < (0.4 if alone else 0.7)
        number = random.choice(person.numbers()) if logs_in else None
        number = number or (random.choice(PLACEHOLDERS) if random.random() < 0.05 else None)
        pages = random.randint(1, 6)
        login = random.randrange(pages)
        typed = self._typed(person, logs_in) if alone else None
        for page in range(pages):
            call: dict[str, Any] = {
                "type": "page",
                "messageId": f"m-{self._count}-{page}",
                "anonymousId": device,
                "timestamp": rfc3339(at),
                "context": {"sessionId": session, "page": {"path": f"/{page}"}},
            }
            if number is not None and page >= login:
                call |= {"type": "identify" if page == login else "page", "userId": number}
            if typed is not None and page == pages - 1:
                call |= {"type": "identify", "traits": {"email": typed}}
            yield Deed(person.name, at, "web", json.dumps(call).encode())
            at += random.randint(3, 120) * SECOND

    def _typed(self, person: Person, logged_in: bool) -> str | None:
        """An address typed into a form: mostly one's own, some with a typo, some a placeholder; who is logged in
        may also name somebody else whom a present is for.
        """
        random = self._random
        roll = random.random()
        own = random.choice(person.values("email"))
        if roll < 0.6:
            return None
        if roll < 0.82:
            return own
        if roll < 0.88:
            return random.choice(person.mailboxes) if person.mailboxes else own
        if roll < 0.92:
            at = random.randrange(own.index("@"))
            return own[:at] + random.choice("qxz") + own[at:]
        if roll < 0.96 or not logged_in:
            return random.choice(PLACEHOLDER_EMAILS)
        listed = [email for other in self._known for type_, email in other.listed if type_ == "email"]
        return random.choice(listed) if listed else None

    def _say(self, person: Person, at: int, way: _Way, value: str) -> Iterator[Deed]:
        """A mail, call, message or purchase; some callers give their number and a code, some an address."""
        random = self._random
        claims = [{"type": way.type, "value": value}]
        if way.channel == "voice" and person.numbers() and random.random() < 0.4:
            number = random.choice(person.numbers())
            claims.append({"type": "customer_number", "value": number, "assurance": "verified"})
        elif way.alone and way.channel != "email" and random.random() < 0.2:
            claims.append({"type": "email", "value": random.choice(person.values("email"))})
        for turn in range(random.randint(1, 2)):
            yield self._event(person, at, way.channel, turn, claims)
            at += random.randint(20, 200) * SECOND

    def _social(self, person: Person, at: int, handle: str) -> Iterator[Deed]:
        said = {
            "sender": {"id": handle.partition(":")[2]},
            "timestamp": at,
            "message": {"mid": f"mid-{self._count}", "text": "Hello"},
        }
        body = {"object": "page", "entry": [{"id": "our-page", "time": at, "messaging": [said]}]}
        yield Deed(person.name, at, "social", json.dumps(body).encode())

    def _event(self, person: Person, at: int, channel: str, turn: int, claims: list[dict[str, str]]) -> Deed:
        event = {
            "event_id": f"{channel}-{self._count}-{turn}",
            "kind": "message",
            "interaction_id": f"{channel}-{self._count}",
            "occurred_at": rfc3339(at),
            "identifiers": claims,
            "text": "Hello",
        }
        return Deed(person.name, at, channel, json.dumps(event).encode())
