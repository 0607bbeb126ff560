"""Names of a demo's own, so that it can be played again where earlier ones were played.

An order is refunded once, whoever asks again; on topics that stay, the second demo needs another order.
"""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from pipeline.local.scenarios.form import Scenario

_NAMING = ("customer", "order", "device", "attempt", "sender")

S = TypeVar("S", bound=msgspec.Struct)


class Names:
    """Appends `mark` to what a scenario's deliveries name, and takes it off again; an empty one does nothing."""

    def __init__(self, scenario: Scenario, mark: str) -> None:
        self._mark = mark
        deliveries = (*scenario.given.events, *scenario.when)
        names = {
            str(delivery.with_[field])
            for delivery in deliveries
            for field in _NAMING
            if field in delivery.with_
        }
        longest_first = sorted(names, key=len, reverse=True)
        self._names = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, longest_first)) or '(?!)'})(?![\w-])")

    def marked(self, text: bytes) -> bytes:
        """What goes out."""
        return self._names.sub(rf"\g<1>{self._mark}", text.decode()).encode()

    def plain(self, value: S) -> S:
        """What came in, as the scenario knows it."""
        if not self._mark:
            return value
        text = msgspec.json.encode(value).decode().replace(self._mark, "")
        return msgspec.json.decode(text, type=type(value))

    def name(self, customer_id: str) -> str:
        """The customer id that went out for the scenario's."""
        return self.marked(customer_id.encode()).decode()
