"""What evidence can join, by the design alone and not by how the pipeline does it.

An identifier is *somebody's own* when no other person uses it, it is theirs (no typo, no present for
another), and it is no placeholder. Evidence of these kinds joins events:

- `identifier`: those with the same primary identifier, when it is somebody's own;
- `login`: those with the same verified customer number;
- `profile`: those under a number with those under the person's own identifiers that the system of record lists;
- `link`: the same, where a record on identity.links says so; also those under two numbers of one person;
- `typed`: an event with those under another identifier of the person's own that it names, when its primary
  identifier or a verified number tells whose the event is.

A pair of events of one person *needs* the first kind with which, and with those before it, a chain leads
from one to the other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from pipeline.domain.interactions import Interaction
from tests.worlds.people import PLACEHOLDERS
from tests.worlds.world import World, events

KINDS = ("identifier", "login", "profile", "link", "typed")
NOBODYS = frozenset((*PLACEHOLDERS, "kiosk"))

Edge = tuple[str, str]


class Evidence:
    """What is known about the events of a world: whose they are, and what joins them.

    Attributes:
        people: who did each event, by event id.
        clear: the events of which something tells whose they are, or that they are nobody's.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._events = {
            one.event_id: (deed.person, one) for deed in world.deeds for one in events(deed, deed.at)
        }
        self.people = {name: person for name, (person, _) in self._events.items()}
        self.clear = {name for name, (_, event) in self._events.items() if self._attributable(event)}

    def groups(self) -> Iterator[tuple[str, list[list[str]]]]:
        """For each kind, in order, the events that are joined by it and by those before it."""
        parents: dict[str, str] = {}
        for kind in KINDS:
            for one, other in self._edges(kind):
                parents[_root(parents, one)] = _root(parents, other)
            groups: dict[str, list[str]] = defaultdict(list)
            for name in sorted(self.clear):
                groups[_root(parents, f"event:{name}")].append(name)
            yield kind, list(groups.values())

    def _attributable(self, event: Interaction) -> bool:
        primary = event.identifiers[0]
        nobodys = primary.value in NOBODYS
        return nobodys or self._world.population.alone(primary.key) is not None or bool(number_of(event))

    def _edges(self, kind: str) -> Iterable[Edge]:
        if kind == "profile":
            return self._profile_edges()
        if kind == "link":
            return self._link_edges()
        return self._event_edges(kind)

    def _event_edges(self, kind: str) -> Iterator[Edge]:
        for name in self.clear:
            person, event = self._events[name]
            node, number, primary = f"event:{name}", number_of(event), event.identifiers[0].key
            own = self._owned(primary, person)
            if kind == "identifier" and own:
                yield node, primary
            elif kind == "login" and number:
                yield node, f"customer_number:{number}"
            elif kind == "typed" and (own or number):
                for other in event.identifiers[1:]:
                    if self._owned(other.key, person):
                        yield node, other.key

    def _profile_edges(self) -> Iterator[Edge]:
        for person in self._world.population.people:
            for listed in person.vouched():
                if self._owned(listed.key, person.name):
                    yield listed.key, f"customer_number:{person.number}"

    def _link_edges(self) -> Iterator[Edge]:
        names = {person.number: person.name for person in self._world.population.people}
        for link in self._world.links:
            if self._owned(link.identifier.key, names[link.customer_id]):
                yield link.identifier.key, f"customer_number:{link.customer_id}"

    def _owned(self, key: str, person: str) -> bool:
        return self._world.population.alone(key) == person


def number_of(event: Interaction) -> str | None:
    """The verified customer number that the event carries, None without one or with a placeholder."""
    for one in event.identifiers:
        if one.type == "customer_number" and one.assurance == "verified" and one.value not in NOBODYS:
            return one.value
    return None


def _root(parents: dict[str, str], node: str) -> str:
    while (parent := parents.get(node, node)) != node:
        parents[node] = parents.get(parent, parent)
        node = parent
    return node
