"""What the settings of a strategy or brand file may say, and the words for it when they do not.

Durations are written `90s`, `5m`, `2h`, `30d` or joined (`1h30m`) and are milliseconds here; times of day are
written `21:30` and are minutes.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from pipeline.domain.interactions import CHANNELS
from pipeline.domain.strategies.policy import DAY_MIN, LONGEST_CAP_MS, Cap, QuietHours
from pipeline.domain.strategies.problems import one_of

SESSION, CLOSED = "session", "closed"
"""`session.closed` is no event of a channel: a session is over."""
CIRCUMSTANCE, DECLARED, ENDED = "circumstance", "declared", "ended"
"""Nor are these: a circumstance has begun for a customer, or is over."""
_OF_ITSELF = {SESSION: (CLOSED,), CIRCUMSTANCE: (DECLARED, ENDED)}
UNIT_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
DURATION = r"^(?:\d+[dhms])+$"
TRIGGER = r"^([a-z_]+|\*)\.([a-z0-9_]+)$"
TIME_OF_DAY = r"^([01]\d|2[0-3]):([0-5]\d)$|^24:00$"
MISTAKE, MISNAMED = "mistake", "misnamed"
"""The types of our own errors: with the value at a place, and with its name."""


def mistake(
    message: str, remedy: str, *at: str | int, type_: Literal["mistake", "misnamed"] = "mistake"
) -> PydanticCustomError:
    """The error to raise for a value, or, with `at`, for one inside of it; `remedy` says what to do."""
    return PydanticCustomError(type_, "{message}", {"message": message, "remedy": remedy, "at": at})


def duration_ms(text: Any) -> Any:
    """The milliseconds of a duration such as `1h30m`; raises an error of pydantic's when it is none."""
    if not isinstance(text, str) or not re.fullmatch(DURATION, text):
        raise mistake(f"{_shown(text)} is not a duration", "write a duration like 90s, 5m, 2h or 30d")
    return sum(int(number) * UNIT_MS[unit] for number, unit in re.findall(r"(\d+)([dhms])", text))


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float) else "this"


def _channel(value: Any) -> Any:
    if value not in CHANNELS:
        raise mistake(f"{_shown(value)} is not a channel", one_of(value, CHANNELS))
    return value


def _triggers(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise mistake("no event is given", "write channel.event, or a list of them")
    for at, name in enumerate(names):
        place = () if names is not value else (at,)
        match = re.fullmatch(TRIGGER, name) if isinstance(name, str) else None
        if match is None:
            raise mistake(f"{_shown(name)} is not channel.event", "write one like web.form_started", *place)
        known = [f"{match[1]}.{kind}" for kind in _OF_ITSELF.get(match[1], ())]
        if known and name not in known:
            events = " and ".join(known)
            raise mistake(f"{name!r}: a {match[1]} has no event but {events}", f"write {events}", *place)
        if match[1] not in (*CHANNELS, *_OF_ITSELF, "*"):
            remedy = one_of(match[1], (*CHANNELS, "*"))
            raise mistake(f"{name!r}: there is no channel {match[1]!r}", remedy, *place)
    return names


def _triggers_or_word(value: Any) -> Any:
    return value if isinstance(value, str) and "." not in value else _triggers(value)


def _conditions(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _time_of_day(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(TIME_OF_DAY, value):
        raise mistake(
            f"{_shown(value)} is not a time of day", 'write one like "08:30", from "00:00" to "24:00"'
        )
    return int(value[:2]) * 60 + int(value[3:])


def _score(value: Any) -> Any:
    if isinstance(value, bool) or not (
        isinstance(value, int | float) or (isinstance(value, str) and value.startswith("="))
    ):
        raise mistake(
            f"{_shown(value)} is no score", "write a number, or = and an expression: =customer.value"
        )
    return value


Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Channel = Annotated[str, BeforeValidator(_channel), Field(json_schema_extra={"enum": [*CHANNELS]})]
DurationMs = Annotated[
    int, BeforeValidator(duration_ms, json_schema_input_type=Annotated[str, Field(pattern=DURATION)])
]
_OF_CHANNELS = rf"(?:{'|'.join(CHANNELS)}|\*)\.[a-z0-9_]+"
_OTHERS = "|".join(rf"{name}\.(?:{'|'.join(kinds)})" for name, kinds in _OF_ITSELF.items())
Trigger = Annotated[str, Field(pattern=rf"^(?:{_OF_CHANNELS}|{_OTHERS})$")]
WrittenTriggers = Trigger | Annotated[list[Trigger], Field(min_length=1)]
Triggers = Annotated[list[str], BeforeValidator(_triggers, json_schema_input_type=WrittenTriggers)]
TriggersOrWord = Annotated[
    list[str] | str, BeforeValidator(_triggers_or_word, json_schema_input_type=Id | WrittenTriggers)
]
Conditions = Annotated[list[str], BeforeValidator(_conditions, json_schema_input_type=str | list[str])]
TimeOfDay = Annotated[
    int, BeforeValidator(_time_of_day, json_schema_input_type=Annotated[str, Field(pattern=TIME_OF_DAY)])
]
Score = Annotated[
    float | str,
    BeforeValidator(_score, json_schema_input_type=float | Annotated[str, Field(pattern="^=")]),
]


FORM = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
"""How parts of a file are read: what they do not know is a mistake, and text is no number."""


class _Part(BaseModel):
    model_config = FORM


class CapPart(_Part):
    """At most so many actions to one customer in a stretch of time."""

    times: int = Field(ge=1, le=100)
    """How many actions at most."""
    per: DurationMs
    """In any stretch of time so long, 365d at most."""
    channel: Channel | None = None
    """Counts actions on this channel alone; on every channel when not given."""

    @model_validator(mode="after")
    def _not_too_long(self) -> CapPart:
        if not 0 < self.per <= LONGEST_CAP_MS:
            raise mistake("a cap counts over 1s to 365d", "write such a duration", "per")
        return self

    @property
    def value(self) -> Cap:
        """The cap that is meant."""
        return Cap(self.times, self.per, self.channel)


class QuietHoursPart(_Part):
    """Hours of the customer's day in which nothing is sent."""

    from_: TimeOfDay = Field(alias="from")
    """When they begin, by the customer's clock."""
    to: TimeOfDay
    """When they end; before `from` it is the next morning."""
    then: Literal["hold", "drop"] = "hold"
    """`hold` sends it when they end, `drop` does not send it at all."""

    @model_validator(mode="after")
    def _some_hours(self) -> QuietHoursPart:
        if self.from_ == DAY_MIN:
            raise mistake("quiet hours cannot begin at 24:00", 'write "00:00"', "from")
        if (self.to - self.from_) % DAY_MIN == 0:
            raise mistake("quiet hours of a whole day never end", "write another time", "to")
        return self

    @property
    def value(self) -> QuietHours:
        """The quiet hours that are meant."""
        return QuietHours(self.from_, self.to, self.then == "hold")


Caps = Annotated[list[CapPart], Field(max_length=8)]
