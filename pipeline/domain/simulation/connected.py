"""Which events could be of one customer: all that are connected over identifiers, in one event or profile or
through others. That is never less than what identity joins, and may be more: a kiosk connects all who used it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.customers import Profile
from pipeline.domain.evidence import CUSTOMER_NUMBER, meaningless
from pipeline.domain.interactions import Identifier, Interaction

NOBODY = -1


class Connected:
    """Groups of identifiers, each known by one of its nodes: disjoint sets, joined as events come."""

    def __init__(self) -> None:
        self._nodes: dict[str, int] = {}
        self._above: list[int] = []

    def event(self, event: Interaction) -> int:
        """A node of the event's group; NOBODY for an event without identifiers."""
        identifiers = event.identifiers
        node = self._joined(identifiers)
        if identifiers and self._nodes[identifiers[0].key] == NOBODY:
            # Its customer is the interaction itself, unless another identifier proves one.
            alone = self._node(f"interaction:{event.channel}:{event.interaction_id}")
            node = alone if node == NOBODY else self._join(node, alone)
        return node

    def profile(self, profile: Profile) -> int:
        """A node of the customer's group."""
        number = Identifier(CUSTOMER_NUMBER, profile.customer_id)
        return self._join(self._node(number.key), self._joined([number, *profile.identifiers]))

    def group(self, node: int) -> int:
        """The node by which the group of this one is known until the next event."""
        above = self._above
        while above[node] != node:
            above[node] = node = above[above[node]]
        return node

    def __len__(self) -> int:
        """How many nodes there are; they are numbered from 0."""
        return len(self._above)

    def _joined(self, identifiers: Iterable[Identifier]) -> int:
        joined = NOBODY
        for identifier in identifiers:
            key = identifier.key
            node = self._nodes.get(key)
            if node is None:
                node = self._nodes[key] = NOBODY if meaningless(identifier) else self._new()
            if node != NOBODY:
                joined = node if joined == NOBODY else self._join(joined, node)
        return joined

    def _node(self, key: str) -> int:
        node = self._nodes.get(key, NOBODY)
        if node == NOBODY:
            node = self._nodes[key] = self._new()
        return node

    def _new(self) -> int:
        self._above.append(len(self._above))
        return len(self._above) - 1

    def _join(self, one: int, two: int) -> int:
        one, two = self.group(one), self.group(two)
        if one != two:
            self._above[max(one, two)] = one = min(one, two)
        return one
