"""The form of a strategy file, before its conditions are compiled (`pipeline/pack/README.md` explains it to
managers).

Durations are written `90s`, `5m`, `2h`, `30d` or joined (`1h30m`) and are milliseconds here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from pipeline.domain.actions import BODIES, Lane
from pipeline.domain.interactions import CHANNELS

ENTRY = "entry"
SESSION, CLOSED = "session", "closed"
"""`session.closed` is no event of a channel: a session is over."""
_UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
_DURATION = re.compile(r"(?:\d+[dhms])+")
_TRIGGER = re.compile(r"([a-z_]+|\*)\.([a-z0-9_]+)")


def duration_ms(text: Any) -> Any:
    """The milliseconds of a duration such as `1h30m`; raises ValueError when it is none."""
    if not isinstance(text, str) or not _DURATION.fullmatch(text):
        raise ValueError("write a duration like 90s, 5m, 2h or 30d")
    return sum(int(number) * _UNIT_MS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def _triggers(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise ValueError("write channel.event, or a list of them")
    for name in names:
        match = _TRIGGER.fullmatch(name) if isinstance(name, str) else None
        if match is None or (match[1] not in (*CHANNELS, "*") and name != f"{SESSION}.{CLOSED}"):
            raise ValueError(
                f"{name!r} is not channel.event; channels are {', '.join(CHANNELS)}, or * for all; and there is"
                f" {SESSION}.{CLOSED}"
            )
    return names


def _triggers_or_word(value: Any) -> Any:
    return value if isinstance(value, str) and "." not in value else _triggers(value)


def _conditions(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DurationMs = Annotated[int, BeforeValidator(duration_ms)]
Triggers = Annotated[list[str], BeforeValidator(_triggers)]
TriggersOrWord = Annotated[list[str] | str, BeforeValidator(_triggers_or_word)]
Conditions = Annotated[list[str], BeforeValidator(_conditions)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Entry(_Part):
    """What starts an attempt: an event, and conditions that must all hold."""

    on: Triggers
    when: Conditions = []


class Step(_Part):
    """One decision: its moment (`on`, `after` or `absent`), its conditions, and what to do.

    `since` starts the clock of `after` and `absent`: the entry, another step, or events.
    """

    id: Id
    on: TriggersOrWord | None = None
    after: DurationMs | None = None
    absent: Triggers | None = None
    for_: DurationMs | None = Field(None, alias="for")
    since: TriggersOrWord = ENTRY
    when: Conditions = []
    do: list[dict[str, Any]] = []
    repeat: int = Field(1, ge=1, le=100)
    resolve_thread: bool = False

    @model_validator(mode="after")
    def _one_moment(self) -> Step:
        if [self.on, self.after, self.absent].count(None) != 2:
            raise ValueError("a step has exactly one of on, after and absent")
        if (self.absent is None) != (self.for_ is None):
            raise ValueError("absent and for belong together")
        if self.on is not None and "since" in self.model_fields_set:
            raise ValueError("since belongs to after or absent")
        if isinstance(self.on, str) and self.on != ENTRY:
            raise ValueError("on is entry, or channel.event")
        if not self.do and not self.resolve_thread:
            raise ValueError("a step does something: give it do or resolve_thread")
        for action in self.do:
            if len(action) != 1 or next(iter(action)) not in BODIES:
                raise ValueError(f"an action is one of {', '.join(BODIES)}, then a colon and its settings")
        return self


class Exit(_Part):
    """What ends an attempt early."""

    on: Triggers
    when: Conditions = []


class StrategyFile(_Part):
    """A whole strategy."""

    strategy: Id
    version: int = Field(ge=1)
    title: str
    lane: Lane
    entry: Entry
    key: str = "thread.thread_id"
    max_age: DurationMs = _UNIT_MS["d"]
    lifetime: DurationMs = 30 * _UNIT_MS["d"]
    steps: list[Step] = Field(min_length=1, max_length=50)
    exits: list[Exit] = []

    @model_validator(mode="after")
    def _consistent(self) -> StrategyFile:
        ids = [step.id for step in self.steps]
        if len(set(ids)) < len(ids):
            raise ValueError("two steps have the same id")
        for step in self.steps:
            if isinstance(step.since, str) and step.since not in (ENTRY, *ids):
                raise ValueError(
                    f"since: there is no step {step.since!r}; write entry, a step's id or channel.event"
                )
        return self


def pairs(triggers: list[str]) -> frozenset[tuple[str, str]]:
    """The (channel, kind) pairs that triggers stand for; `*` stands for every channel."""
    split = [trigger.split(".") for trigger in triggers]
    return frozenset(
        (name, kind) for channel, kind in split for name in (CHANNELS if channel == "*" else (channel,))
    )
