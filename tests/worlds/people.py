"""The people of a world, what they have and what they share: the truth, which no service sees whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from pipeline.domain.interactions import Identifier

PLACEHOLDERS = ("null", "undefined", "anonymous", "00000000-0000-0000-0000-000000000000")
"""What sites send as a cookie, or as the number of a customer, when they have none."""


@dataclass
class Person:
    """Somebody. `number` is what the system of record calls them, None for those whom it does not know; `second` is
    another number that they were given by mistake, which it finds out one day.

    `own` are the identifiers that nobody else uses, as `(type, value)`; `lent` devices of others, and theirs that
    others use, `tablets` devices, `lines` phones and `mailboxes` addresses of the household; `listed` is what the
    system of record has, `profile_day` the day when its profile arrives (None: the number is new and has no
    profile).
    """

    name: str
    number: str | None = None
    second: str | None = None
    own: list[tuple[str, str]] = field(default_factory=list)
    lent: list[str] = field(default_factory=list)
    tablets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    mailboxes: list[str] = field(default_factory=list)
    listed: list[tuple[str, str]] = field(default_factory=list)
    profile_day: float | None = None

    def numbers(self) -> list[str]:
        """What the system of record calls them, the right one first."""
        return [one for one in (self.number, self.second) if one is not None]

    def values(self, type_: str) -> list[str]:
        """Their own identifiers of a type."""
        return [value for kind, value in self.own if kind == type_]

    def vouched(self) -> list[Identifier]:
        """What the profile lists."""
        return [Identifier(type_, value, "verified") for type_, value in self.listed]


@dataclass
class Population:
    """Everybody, the kiosks in the stores, and who uses an identifier (`type:value`)."""

    people: list[Person]
    kiosks: list[str]
    users: dict[str, set[str]] = field(default_factory=dict)

    def note(self, key: str, person: Person) -> None:
        """The person uses the identifier."""
        self.users.setdefault(key, set()).add(person.name)

    def alone(self, key: str) -> str | None:
        """The one person whose identifier it is, None when it is shared or nobody's."""
        users = self.users.get(key, set())
        return next(iter(users)) if len(users) == 1 else None


def populate(random: Random) -> Population:
    """Households of one to four people, of whom two in three are known, and one to three kiosks."""
    people: list[Person] = []
    kiosks = [f"till-{n}" for n in range(random.randint(1, 2))] + ["kiosk"]
    population = Population(people, kiosks)
    for household in range(random.randint(8, 14)):
        members = [_person(random, f"{household}-{n}") for n in range(random.choice((1, 1, 2, 3, 4)))]
        if len(members) > 1:
            _share(random, household, members)
        people.extend(members)
    for person in people:
        if random.random() < 0.15:
            _lend(random, person, random.choice(people))
    for person in people:
        shared = [("device", one) for one in (*person.lent, *person.tablets, *kiosks)]
        shared += [("phone", one) for one in person.lines] + [("email", one) for one in person.mailboxes]
        numbers = [("customer_number", one) for one in person.numbers()]
        for type_, value in (*person.own, *shared, *numbers):
            population.note(f"{type_}:{value}", person)
    return population


def _person(random: Random, name: str) -> Person:
    number = f"C-{random.randrange(10**6):06}" if random.random() < 2 / 3 else None
    person = Person(name, number)
    serial = f"{random.randrange(10**7):07}"
    person.own = [("device", f"d-{name}-{n}-{serial}") for n in range(random.randint(1, 4))]
    person.own += [("email", f"{name}.{n}.{serial}@example.com") for n in range(random.randint(1, 2))]
    if random.random() < 0.8:
        person.own.append(("phone", f"+4477{random.randrange(10**8):08}"))
    if random.random() < 0.5:
        person.own.append(("loyalty_card", f"63{serial}"))
    if random.random() < 0.5:
        person.own.append(("social", f"facebook:{serial}{name.replace('-', '')}"))
    if number is not None:
        person.profile_day = random.choice((0.0, 0.0, 0.0, 0.0, random.uniform(1, 29), None))
        kept = [one for one in person.own if one[0] != "device" and random.random() < 0.6]
        person.listed = kept if person.profile_day is not None else []
        if random.random() < 0.08:
            person.second = f"C-{random.randrange(10**6):06}"
    return person


def _share(random: Random, household: int, members: list[Person]) -> None:
    """A tablet, and a line and a mailbox that the system of record has for each of them whom it knows.

    Only a mailbox that it has for two of them is ever typed by one of them who is not logged in: of one that it has
    for the other alone, nothing could tell that it is not theirs.
    """
    tablet, line, mailbox = (
        f"tablet-{household}",
        f"+44207946{household:04}",
        f"family-{household}@example.com",
    )
    for member in members:
        if random.random() < 0.8:
            member.tablets.append(tablet)
        if random.random() < 0.7:
            member.lines.append(line)
    known = [member for member in members if member.profile_day == 0]
    for member in known if len(known) > 1 and random.random() < 0.5 else []:
        member.mailboxes.append(mailbox)
        member.listed.append(("email", mailbox))
    for member in members:
        if member.lines and member.profile_day is not None:
            member.listed.append(("phone", line))


def _lend(random: Random, owner: Person, friend: Person) -> None:
    """From then on it is nobody's own."""
    devices = owner.values("device")
    if friend is not owner and len(devices) > 1:
        device = random.choice(devices)
        owner.own.remove(("device", device))
        owner.lent.append(device)
        friend.lent.append(device)
