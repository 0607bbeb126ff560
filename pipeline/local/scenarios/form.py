"""The form of a scenario file, and reading one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    model_validator,
)

from pipeline.domain.actions import ActionKind
from pipeline.domain.circumstances import Circumstance, CircumstancePart, compiled
from pipeline.domain.messages import Outcome
from pipeline.domain.strategies.fields import duration_ms, mistake
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import read

PAYLOADS = "payloads"


def _offset_ms(value: Any) -> Any:
    """A duration, after the start; with a minus sign before it."""
    if isinstance(value, str) and value.startswith("-"):
        return -duration_ms(value[1:])
    return duration_ms(value)


Offset = Annotated[int, BeforeValidator(_offset_ms)]
Span = Annotated[int, BeforeValidator(duration_ms)]
RequestName = Literal["erase", "unmerge", "join_threads", "split_thread"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Delivery(_Part):
    """A service's payload: what happened `at`, arriving `late` after it; `with` fills its placeholders."""

    at: Offset
    channel: str
    payload: str
    late: Span = 0
    name: str | None = None
    with_: dict[str, Any] = Field({}, alias="with")
    times: int = Field(1, ge=1, le=1_000)
    every: Span = 1_000


class Asked(_Part):
    """What somebody asks about a customer at a time of the story; `with` are fields of the request."""

    at: Offset
    request: RequestName
    with_: dict[str, Any] = Field({}, alias="with")
    name: str | None = None


class Announced(_Part):
    """What a manager does about circumstances at a time of the story: `declare` (or change) one, or `end` one."""

    at: Offset
    declare: CircumstancePart | None = None
    end: str | None = None
    name: str | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Announced:
        if (self.declare is None) == (self.end is None):
            raise mistake("a manager declares or ends a circumstance", "write either declare or end")
        return self


class Given(_Part):
    """What is so before the story begins: the clock, the customers, and what has happened to them."""

    start: AwareDatetime
    customers: str | None = None
    circumstances: list[CircumstancePart] = []
    events: list[Delivery] = []


class ExpectedCommand(_Part):
    """A command that must come out, exactly once; `with` are fields of its body (`~text` means: contains)."""

    command: ActionKind
    with_: dict[str, Any] = Field({}, alias="with")
    customer: str | None = None
    after: str | None = None
    before: str | None = None
    within: Span | None = None


class ExpectedDecision(_Part):
    """A decision that must be recorded; `rule` is the condition or gate that it names."""

    strategy: str
    step: str
    outcome: Outcome
    rule: str | None = None


class ExpectedCustomer(_Part):
    """What must be true of a customer at the end; `customer` is an id, or the identifier (`type:value`) of
    one who is not known. One who is `forgotten` has neither a record nor rows."""

    customer: str
    holds: list[str] = []
    merged_into: str | None = None
    forgotten: bool = False


class Scenario(_Part):
    """A whole scenario. With `only` no other command may come out; `until` is how long it goes on after the
    start. `directory` is where its file is, `in_force` are the circumstances given, compiled, and
    `declared` those that are declared in the story, in the file's order.
    """

    scenario: int
    title: str
    given: Given
    when: list[Delivery] = Field(min_length=1)
    requests: list[Asked] = []
    circumstances: list[Announced] = []
    until: Span | None = None
    twice: bool = False
    then: list[ExpectedCommand] = []
    only: bool = True
    decisions: list[ExpectedDecision] = []
    customers: list[ExpectedCustomer] = []
    directory: Path = Field(Path(), exclude=True)
    in_force: tuple[InstanceOf[Circumstance], ...] = Field((), exclude=True)
    declared: list[InstanceOf[Circumstance]] = Field([], exclude=True)


def load(path: Path) -> Scenario | list[Problem]:
    """The scenario in a file, or what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return [Problem(str(path), 0, 0, "cannot be read", "check the path and that it is UTF-8 text")]
    source = read(text, str(path))
    if isinstance(source, Problem):
        return [source]
    scenario = validated(source, Scenario)
    if isinstance(scenario, list):
        return scenario
    names = {one.name for one in (*scenario.when, *scenario.requests, *scenario.circumstances)}
    for at, expected in enumerate(scenario.then):
        for bound in ("after", "before"):
            name = getattr(expected, bound)
            if name is not None and name not in names:
                remedy = f"names are {', '.join(sorted(filter(None, names))) or 'missing: give one an event'}"
                return [source.problem(("then", at, bound), f"no event under when is named {name}", remedy)]
    circumstances = compiled(scenario.given.circumstances, source, ("given", "circumstances"))
    if isinstance(circumstances, list):
        return circumstances
    declared: list[Circumstance] = []
    for at, announced in enumerate(scenario.circumstances):
        parts = [] if announced.declare is None else [announced.declare]
        found = compiled(parts, source, ("circumstances", at))
        if isinstance(found, list):
            return found
        declared += found
    return scenario.model_copy(
        update={"directory": path.parent, "in_force": circumstances, "declared": declared}
    )
