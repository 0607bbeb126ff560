"""Circumstances that managers have declared, as the compacted topic `circumstances` tells them.

A record says how a circumstance stands: declaring it again under its id is how it is changed, and one that has an
end in the past is over. What is wrong is refused, and what was declared before under its id stays.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipeline.domain.circumstances import MOST, SCOPE, Circumstance
from pipeline.domain.contacts import DAY_MS
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.state import Customer, History
from pipeline.domain.strategies.cel import Program, compile_expression
from pipeline.domain.strategies.moment import NO_SESSION, NO_THREAD
from pipeline.domain.strategies.problems import Problem

KEPT_MS = DAY_MS
"""How long after its end a circumstance is still looked at: an event may be handled later than it happened."""


class Declarations:
    """The circumstances on the topic, each as it was declared last, compiled once."""

    def __init__(self) -> None:
        self._standing: dict[str, Circumstance] = {}
        self._refused: dict[str, Problem] = {}

    @property
    def refused(self) -> Mapping[str, Problem]:
        """What is wrong under which key."""
        return self._refused

    def standing(self, now: int) -> tuple[Circumstance, ...]:
        """Those that are not long over at `now` (epoch milliseconds), by their ids; the others are forgotten."""
        self._standing = {
            name: one
            for name, one in sorted(self._standing.items())
            if one.until_at is None or one.until_at + KEPT_MS > now
        }
        return tuple(self._standing.values())

    def take(self, key: str, record: DeclaredCircumstance | Failure | None, now: int) -> Problem | None:
        """Fold in the record of a key (None: it was deleted; a Failure: it cannot be read); why it is refused."""
        self._refused.pop(key, None)
        if record is None or (isinstance(record, DeclaredCircumstance) and record.over(now - KEPT_MS)):
            self._standing.pop(key, None)
            return None
        found = record if isinstance(record, Failure) else self._compiled(key, record)
        if isinstance(found, Circumstance):
            self._standing[key] = found
            return None
        problem = self._refused[key] = Problem(key, 0, 0, found.message, "declare it again")
        return problem

    def _compiled(self, key: str, record: DeclaredCircumstance) -> Circumstance | Failure:
        if record.key != key:
            return Failure("wrong_key", f"is the record of {record.key}")
        if key not in self._standing and len(self._standing) >= MOST:
            return Failure("too_many", f"there are {MOST:,} circumstances already")
        if record.until_at is not None and record.until_at < record.from_at:
            return Failure("ends_early", "it ends before it starts")
        scope = compile_expression(record.scope, SCOPE, bool)
        if not isinstance(scope, Program):
            return Failure("bad_scope", f"scope: {scope}")
        return Circumstance(key, record.title, record.tell, record.from_at, record.until_at, scope)


def declared(one: Circumstance, by: str, at: int) -> DeclaredCircumstance:
    """The record by which somebody declares a circumstance at this time."""
    return DeclaredCircumstance(
        circumstance_id=one.id,
        title=one.title,
        scope=one.scope.text,
        from_at=one.from_at,
        until_at=one.until_at,
        tell=one.tell,
        declared_by=by,
        declared_at=at,
    )


def ended(current: DeclaredCircumstance, by: str, at: int) -> DeclaredCircumstance:
    """The record by which somebody ends a circumstance at this time, or calls it off before it begins; the current
    one where it is over already.
    """
    if current.over(at):
        return current
    start = min(current.from_at, at)
    return msgspec.structs.replace(current, from_at=start, until_at=at, declared_by=by, declared_at=at)


def why_not(one: DeclaredCircumstance, before: DeclaredCircumstance | None) -> Failure | None:
    """What speaks against declaring it anew, where `before` stands under its id."""
    name, now = one.circumstance_id, one.declared_at
    if before is not None and before.over(now):
        # Who was told of it then would not be told again.
        return Failure("declared_before", f"{name} was declared before and is over; give this one its own id")
    if before is not None:
        what = f"change it with `throughline circumstances change {name}`, or give this one its own id"
        return Failure("declared_already", f"{name} is declared already; {what}")
    if one.over(now):
        return Failure("over_already", f"{name}: it would be over already; write a later end")
    return None


def overlaps(one: DeclaredCircumstance, other: DeclaredCircumstance) -> bool:
    """Whether both are in force at some time for the same scope."""
    begins_in_time = other.until_at is None or one.from_at < other.until_at
    ends_too_late = one.until_at is None or other.from_at < one.until_at
    return one.key != other.key and one.scope == other.scope and begins_in_time and ends_too_late


def for_everybody(scope: Program) -> bool:
    """Whether a scope holds even for a customer of whom nothing is known, and so leaves hardly anybody out."""
    return scope.evaluate(Customer(id=""), History(), NO_THREAD, NO_SESSION) is True
