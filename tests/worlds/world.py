"""A random world from a seed: a month of people's visits, and what of it arrives when.

What worlds leave out, because nothing in the evidence could tell: an anonymous visitor who types somebody else's
address, and somebody whom the system of record does not know who types theirs on a device that others use too.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pipeline.channels.registry import adapt
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Assurance, Identifier, Interaction
from pipeline.domain.messages import IdentityLink
from tests.worlds.people import Population, populate
from tests.worlds.visits import Deed, Visits

START = 1_772_445_600_000
SECOND, HOUR, DAY = 1_000, 3_600_000, 86_400_000
DAYS = 30


@dataclass(frozen=True)
class Arrival:
    """What reaches the pipeline at `at`: a deed's payload, or a record of another system."""

    at: int
    what: Deed | Profile | IdentityLink


@dataclass
class World:
    """A month, as it was and as it arrives."""

    seed: int
    population: Population
    deeds: list[Deed]
    links: list[IdentityLink]
    arrivals: list[Arrival]


def make(seed: int) -> World:
    """The world of this seed."""
    random = Random(seed)
    population = populate(random)
    visits = Visits(random, population)
    deeds = [
        deed
        for person in population.people
        for _ in range(random.randint(2, 9))
        for deed in visits.one(person, START + DAY + round(random.random() * DAYS * DAY))
    ]
    deeds.sort(key=lambda deed: deed.at)
    links = _links(random, population)
    arrivals = [arrival for deed in deeds for arrival in _arrivals(random, deed)]
    arrivals += [Arrival(link.linked_at, link) for link in links]
    arrivals += _profiles(population)
    return World(seed, population, deeds, links, sorted(arrivals, key=lambda arrival: arrival.at))


def events(deed: Deed, received_at: int) -> list[Interaction]:
    """What the channel's adapter makes of the payload: exactly the events, in order."""
    return [one for one in adapt(deed.channel, deed.payload, received_at) if isinstance(one, Interaction)]


def _arrivals(random: Random, deed: Deed) -> list[Arrival]:
    """Most at once, some late within the grace, a few by hours, some twice."""
    roll = random.random()
    late = random.randint(20, 500)
    if roll < 0.15:
        late = random.randint(0, 9) * SECOND
    elif roll < 0.17:
        late = random.randint(1, 6) * HOUR
    arrivals = [Arrival(deed.at + late, deed)]
    if random.random() < 0.08:
        arrivals.append(Arrival(deed.at + late + random.choice((1, 30, 4_000)) * SECOND, deed))
    return arrivals


def _profiles(population: Population) -> list[Arrival]:
    profiles = []
    for person in population.people:
        if person.number is not None and person.profile_day is not None:
            at = START + round(person.profile_day * DAY)
            profile = Profile(customer_id=person.number, updated_at=at, identifiers=person.vouched())
            profiles.append(Arrival(at, profile))
    return profiles


def _links(random: Random, population: Population) -> list[IdentityLink]:
    """Numbers that are found to be one person's, accounts that were connected, cards that a service assigns,
    and some wrong claims of what the system of record knows better.
    """
    links = []
    known = [person for person in population.people if person.number is not None]
    for person in known:
        if person.second is not None:
            number = Identifier("customer_number", person.second, "verified")
            links.append(_link(random, person.number, number))
        handles = [one for one in person.own if one[0] in ("social", "loyalty_card")]
        if handles and random.random() < 0.4:
            type_, value = random.choice(handles)
            sure: Assurance = "verified" if type_ == "social" else "asserted"
            links.append(_link(random, person.number, Identifier(type_, value, sure)))
        others = [
            one for other in known if other is not person and other.profile_day == 0 for one in other.listed
        ]
        if others and random.random() < 0.1:
            type_, value = random.choice(others)
            links.append(_link(random, person.number, Identifier(type_, value, "asserted")))
    return links


def _link(random: Random, number: str | None, identifier: Identifier) -> IdentityLink:
    at = START + DAY + round(random.random() * DAYS * DAY)
    return IdentityLink(
        identifier=identifier, customer_id=str(number), known=True, source="accounts", linked_at=at
    )
