"""Which events could begin an attempt, as far as the event alone tells: a superset, found without any state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.cel.parse import parse
from pipeline.domain.strategies.cel.program import Program, compile_expression, conjuncts
from pipeline.domain.strategies.compiled import DECLARATIONS, VOCABULARY, Strategy, Triggers
from pipeline.domain.strategies.fields import CIRCUMSTANCE, CLOSED, DECLARED, ENDED, SESSION

_OF_THEMSELVES = {(SESSION, CLOSED), (CIRCUMSTANCE, DECLARED), (CIRCUMSTANCE, ENDED)}
_OTHER_NAMES = (None,) * (len(VOCABULARY) - 1)
_MOVED = "event.occurred_at"
"""The fold moves a time that cannot be; what reads it is not decided here."""


class _Entry(NamedTuple):
    """What the event alone tells of one strategy's entry: its age, and the first parts of the conditions."""

    max_age_ms: int
    parts: tuple[Program, ...]


class Entries:
    """The entries of some strategies.

    An event that does not begin an attempt, nor is recorded as refused, for these is one that they do not see.

    Attributes:
        always: whether an attempt could begin without an event of the customer, as when a session ends.
    """

    def __init__(self, strategies: Iterable[Strategy]) -> None:
        self.always = False
        self._by_trigger: dict[tuple[str, str], list[_Entry]] = {}
        for strategy in strategies:
            entry = _Entry(strategy.max_age_ms, tuple(_first_parts(strategy.entry_conditions)))
            self._add(strategy.entry_on, entry)

    def _add(self, triggers: Triggers, entry: _Entry) -> None:
        self.always = self.always or not _OF_THEMSELVES.isdisjoint(triggers)
        for trigger in triggers:
            self._by_trigger.setdefault(trigger, []).append(entry)

    def begins(self, event: Interaction) -> bool:
        """Whether the event could begin an attempt, or be recorded as one that did not."""
        entries = self._by_trigger.get((event.channel, event.kind))
        return entries is not None and any(_begins(entry, event) for entry in entries)


def _begins(entry: _Entry, event: Interaction) -> bool:
    if event.received_at - event.occurred_at > entry.max_age_ms:
        return True  # refused as too old before any condition is asked, which is recorded
    for part in entry.parts:
        held = part.evaluate(event, *_OTHER_NAMES)
        if held is not True:
            return held is not False  # an error is recorded
    return True


def _first_parts(conditions: Iterable[Program]) -> Iterable[Program]:
    """The parts of the conditions that are asked before any that reads more than the event."""
    for condition in conditions:
        for part in conjuncts(parse(condition.text)):
            program = compile_expression(condition.text[part.start : part.end], DECLARATIONS, bool)
            if not (isinstance(program, Program) and all(map(_of_the_event, program.references))):
                return
            yield program


def _of_the_event(reference: str) -> bool:
    return reference.partition(".")[0] == "event" and reference != _MOVED
