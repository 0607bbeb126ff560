"""Circumstances: what is true for many customers for a while, such as a power cut in one postcode.

A manager declares them in a YAML file, each with a condition that says whom it concerns. Conditions of strategies
read the ids of those that are in force for their customer: `"power-cut" in circumstances`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, StringConstraints, model_validator

from pipeline.domain.state import Customer, History, Session, Thread
from pipeline.domain.strategies.cel import Declarations, Program, compile_expression
from pipeline.domain.strategies.fields import FORM, Id, mistake
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.places import located
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Path, Source, read

SCOPE = Declarations({"customer": Customer, "history": History, "thread": Thread, "session": Session})
"""What a scope can name, in the order in which it takes the values."""
MOST = 1_000
"""Circumstances in one file."""


@dataclass(frozen=True, slots=True)
class Circumstance:
    """In force from `from_at` until just before `until_at` (epoch milliseconds; None: without end) for customers of
    whom `scope` is true. `tell` is what to tell them.
    """

    id: str
    title: str
    tell: str
    from_at: int
    until_at: int | None
    scope: Program


def in_force(
    circumstances: Iterable[Circumstance], now: int, about: tuple[Customer, History, Thread, Session]
) -> list[str]:
    """The ids of those in force at `now` for a customer. One whose scope cannot be decided of them is not."""
    return [
        one.id
        for one in circumstances
        if one.from_at <= now
        and (one.until_at is None or now < one.until_at)
        and one.scope.evaluate(*about) is True
    ]


def _time_ms(value: Any) -> Any:
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise mistake(f"{value!r} is not a time", "write one like 2026-03-02T18:00:00Z") from None
    if when.tzinfo is None:
        raise mistake(f"{value!r} has no zone", "add Z for UTC, or an offset such as +01:00")
    return round(when.timestamp() * 1_000)


Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
TimeMs = Annotated[int, BeforeValidator(_time_ms, json_schema_input_type=str)]


class CircumstancePart(BaseModel):
    """A circumstance as it is written."""

    model_config = FORM

    id: Id
    """Its name: small letters, digits, - and _."""
    title: Text
    """One line for people."""
    scope: Text
    """Whom it concerns: a condition over customer, history, thread and session; `"true"` is everybody."""
    from_: TimeMs = Field(alias="from")
    """From when it holds."""
    until: TimeMs | None = None
    """Until when; without end when not given."""
    tell: Text
    """What to tell the customers concerned."""

    @model_validator(mode="after")
    def _begins_first(self) -> CircumstancePart:
        if self.until is not None and self.until <= self.from_:
            raise mistake("it ends before it starts", "write a later time, or no until", "until")
        return self


class CircumstanceFile(BaseModel):
    """A file of circumstances."""

    model_config = FORM

    circumstances: list[CircumstancePart] = Field(max_length=MOST)
    """What is true for a while, each with an id of its own."""


def load_circumstances(text: str, file: str) -> tuple[Circumstance, ...] | list[Problem]:
    """The circumstances of a YAML text, or all that is wrong in it; `file` is its name in messages."""
    source = read(text, file)
    if isinstance(source, Problem):
        return [source]
    form = validated(source, CircumstanceFile)
    return form if isinstance(form, list) else compiled(form.circumstances, source, ("circumstances",))


def compiled(
    parts: Sequence[CircumstancePart], source: Source, path: Path
) -> tuple[Circumstance, ...] | list[Problem]:
    """The circumstances that are written at `path`, or all that is wrong with their scopes and names."""
    found: dict[str, Circumstance] = {}
    problems: list[Problem] = []
    for at, part in enumerate(parts):
        scope = compile_expression(part.scope, SCOPE, bool)
        if not isinstance(scope, Program):
            problems.append(located(source, scope, (*path, at, "scope")))
        elif part.id in found:
            message = f"there is another circumstance {part.id}"
            problems.append(source.problem((*path, at, "id"), message, "give each its own id"))
        else:
            found[part.id] = Circumstance(part.id, part.title, part.tell, part.from_, part.until, scope)
    return problems or tuple(found.values())
