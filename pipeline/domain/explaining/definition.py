"""What a strategy's definition tells of a decision: what it is for, what was asked before, which way was taken."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from pipeline.domain.actions import Lane
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.language import ENTRY, StrategyFile
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import read


class Way(msgspec.Struct, frozen=True):
    """One branch of a step: its conditions, and the kinds of its actions."""

    when: tuple[str, ...]
    kinds: tuple[str, ...]


class Place(msgspec.Struct, frozen=True):
    """The entry or a step: its conditions, what holds it back, and its branches (one when it names none)."""

    when: tuple[str, ...]
    hold_until: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()

    def asked_before(self, rule: str) -> tuple[str, ...]:
        """The conditions that held when `rule`, a condition of this place or a part of one, was what decided."""
        for at, one in enumerate(self.when):
            if rule in one:
                return self.when[:at]
        later = (*self.hold_until, *(one for way in self.ways for one in way.when))
        return self.when if any(rule in one for one in later) else ()

    def way_taken(self, held: Collection[str]) -> int | None:
        """The branch that a step took whose conditions `held`, from 1; None where the step has no choice."""
        if len(self.ways) > 1:
            for number, way in enumerate(self.ways, 1):
                if all(one in held for one in way.when):
                    return number
        return None


NOWHERE = Place(())


class Definition(msgspec.Struct, frozen=True):
    """A version of a strategy; `control` is the percentage of customers who get nothing of it, None for nobody."""

    title: str
    lane: Lane
    control: int | None
    places: dict[str, Place]


def definition_of(text: str) -> Definition | None:
    """The definition in a strategy's file (YAML); None for a text that is none."""
    source = read(text, "definition")
    form = source if isinstance(source, Problem) else validated(source, StrategyFile)
    if not isinstance(form, StrategyFile):
        return None
    places = {ENTRY: Place(_plain(form.entry.when))}
    for step in form.steps:
        ways = [(branch.when, branch.do) for branch in step.branch] or [([], step.do)]
        places[step.id] = Place(
            _plain(step.when),
            _plain(step.hold_until),
            tuple(Way(_plain(when), tuple(kind for one in do for kind in one)) for when, do in ways),
        )
    return Definition(form.title, form.lane, form.control, places)


def plain(text: str) -> str:
    """A condition in one line, as it is compared."""
    return " ".join(text.split())


def _plain(conditions: list[str]) -> tuple[str, ...]:
    return tuple(plain(one) for one in conditions)
