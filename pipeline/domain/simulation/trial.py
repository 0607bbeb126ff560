"""Two sets of rules on the same recorded interactions: what each does, and for whom that is not the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.intents import Recogniser, Recognition
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand
from pipeline.domain.replay import Replay
from pipeline.domain.simulation.tally import Tallies
from pipeline.domain.strategies.compiled import Rules

Change = Literal["more", "less", "other"]
"""A customer would get more actions by the draft, fewer, or as many but others."""
EXAMPLES = 5
"""Customers who are named for each kind of change."""


class Example(msgspec.Struct, frozen=True):
    """A customer for whom it makes a difference: what each side sends and the other does not, in order."""

    customer_id: str
    active: list[ActionCommand]
    draft: list[ActionCommand]


class _ReadOnce:
    """A recogniser that reads an event for one side and remembers it for the other."""

    def __init__(self, recogniser: Recogniser) -> None:
        self.name = recogniser.name
        self.found: dict[str, Recognition | None] = {}
        self._recogniser = recogniser

    def recognise(self, event: Interaction) -> Recognition | None:
        """What the recogniser says of the event."""
        if event.event_id not in self.found:
            self.found[event.event_id] = self._recogniser.recognise(event)
        return self.found[event.event_id]


class Trial:
    """Plays customers through the active rules and through those of the draft; nothing else is known of anybody.

    Attributes:
        active, draft: what each strategy did on either side, by its id.
        customers: how many customers there is a difference for, by what it is.
        examples: the first of them, by what it is.
    """

    def __init__(
        self, active: Rules, draft: Rules, start: int, end: int, recogniser: Recogniser | None = None
    ) -> None:
        """From `start` to `end` (epoch milliseconds): no event is before, and waits go on until then.

        Without a `recogniser` threads have no intents.
        """
        self.active = Tallies()
        self.draft = Tallies()
        self.customers: Counter[Change] = Counter()
        self.examples: dict[Change, list[Example]] = {"more": [], "less": [], "other": []}
        self._rules = active, draft
        self._start = start
        self._end = end
        self._recogniser = None if recogniser is None else _ReadOnce(recogniser)

    def play(self, profiles: Sequence[Profile], events: Sequence[Interaction]) -> None:
        """All that is known of customers who have nothing to do with any others; events in the order of receipt."""
        active, draft = (self._played(rules, profiles, events) for rules in self._rules)
        self.active.count(active.commands, active.decisions)
        self.draft.count(draft.commands, draft.decisions)
        self._compare(active.commands, draft.commands)
        if self._recogniser is not None:
            self._recogniser.found.clear()

    def _played(self, rules: Rules, profiles: Iterable[Profile], events: Iterable[Interaction]) -> Replay:
        replay = Replay(rules, self._start, self._recogniser, packed=False)
        replay.fold(*profiles)
        for event in events:
            replay.advance(event.received_at)
            replay.fold(event)
        replay.advance(self._end)
        return replay

    def _compare(self, active: Iterable[ActionCommand], draft: Iterable[ActionCommand]) -> None:
        before, after = _by_customer(active), _by_customer(draft)
        for customer_id in before | after:
            gone, come = _differing(before.get(customer_id, []), after.get(customer_id, []))
            if not (gone or come):
                continue
            change: Change = "more" if len(come) > len(gone) else "less" if len(come) < len(gone) else "other"
            self.customers[change] += 1
            if len(self.examples[change]) < EXAMPLES:
                self.examples[change].append(Example(customer_id, gone, come))


def _by_customer(commands: Iterable[ActionCommand]) -> dict[str, list[ActionCommand]]:
    found: dict[str, list[ActionCommand]] = {}
    for command in commands:
        found.setdefault(command.customer_id, []).append(command)
    return found


def _differing(
    before: list[ActionCommand], after: list[ActionCommand]
) -> tuple[list[ActionCommand], list[ActionCommand]]:
    """The commands on each side that the other does not send too, whatever strategy and time it is sent by."""
    left, right = [_what(command) for command in before], [_what(command) for command in after]
    return _without(before, left, Counter(right)), _without(after, right, Counter(left))


def _without(
    commands: list[ActionCommand], bodies: list[bytes], other: Counter[bytes]
) -> list[ActionCommand]:
    only = []
    for command, body in zip(commands, bodies, strict=True):
        if other[body]:
            other[body] -= 1
        else:
            only.append(command)
    return only


def _what(command: ActionCommand) -> bytes:
    """What the customer gets."""
    return msgspec.msgpack.encode(command.body)
