"""Which functions there are, for which types, and what they call. A method's target is its first argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipeline.domain.strategies.cel import containers, strings, times, values
from pipeline.domain.strategies.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    CelType,
    list_of,
    map_of,
)


@dataclass(frozen=True)
class Overload:
    """A function for certain types of arguments; it checks at run time what is not known before.

    `nullable`: the result is null when an argument is. `call`: what carries it out. `steps`: what a call inside
    of a macro costs, and again for every 64 characters that are given.
    """

    parameters: tuple[CelType, ...]
    result: CelType
    call: Callable[..., Any]
    nullable: bool = False
    steps: int = 1

    def accepts(self, arguments: list[CelType]) -> bool:
        """Whether arguments of these types can be given; no value of unknown type is ever a time."""
        return len(arguments) == len(self.parameters) and all(
            given.kind == wanted.kind or (given.kind == "dyn" and wanted not in (TIMESTAMP, DURATION))
            for given, wanted in zip(arguments, self.parameters, strict=True)
        )


ANY_LIST, ANY_MAP = list_of(DYN), map_of(DYN, DYN)
SIZE = tuple(Overload((kind,), INT, containers.size) for kind in (STRING, ANY_LIST, ANY_MAP))
PREDICATE = (STRING, STRING)
# A hostile pattern takes about so many times as long as a comparison of the same text.
PATTERN_STEPS = 8

FUNCTIONS: dict[str, tuple[Overload, ...]] = {
    "size": SIZE,
    "int": (
        *(Overload((kind,), INT, values.to_int) for kind in (INT, DOUBLE, STRING)),
        Overload((TIMESTAMP,), INT, times.timestamp_seconds),
    ),
    "double": tuple(Overload((kind,), DOUBLE, values.to_double) for kind in (INT, DOUBLE, STRING)),
    "string": (
        *(Overload((kind,), STRING, values.to_string) for kind in (STRING, INT, DOUBLE, BOOL)),
        Overload((TIMESTAMP,), STRING, times.timestamp_text),
        Overload((DURATION,), STRING, times.duration_text),
    ),
    "bool": tuple(Overload((kind,), BOOL, values.to_bool) for kind in (BOOL, STRING)),
    "timestamp": (
        *(Overload((kind,), TIMESTAMP, times.to_timestamp) for kind in (STRING, INT)),
        Overload((TIMESTAMP,), TIMESTAMP, times.there),
    ),
    "duration": (
        Overload((STRING,), DURATION, times.to_duration),
        Overload((DURATION,), DURATION, times.there),
    ),
    "matches": (Overload(PREDICATE, BOOL, strings.found, steps=PATTERN_STEPS),),
}

METHODS: dict[str, tuple[Overload, ...]] = {
    "size": SIZE,
    "contains": (Overload(PREDICATE, BOOL, strings.contains),),
    "startsWith": (Overload(PREDICATE, BOOL, strings.starts_with),),
    "endsWith": (Overload(PREDICATE, BOOL, strings.ends_with),),
    "matches": (Overload(PREDICATE, BOOL, strings.found, steps=PATTERN_STEPS),),
    "lowerAscii": (Overload((STRING,), STRING, strings.lower_ascii, nullable=True),),
    "upperAscii": (Overload((STRING,), STRING, strings.upper_ascii, nullable=True),),
    "trim": (Overload((STRING,), STRING, strings.trim, nullable=True),),
    "join": (Overload((ANY_LIST, STRING), STRING, containers.join, nullable=True),),
}
for _name in times.PARTS:
    METHODS[_name] = (
        Overload((TIMESTAMP,), INT, times.GETTERS_IN_UTC[_name]),
        Overload((TIMESTAMP, STRING), INT, times.GETTERS_IN_ZONE[_name]),
        *(
            Overload((DURATION,), INT, getter)
            for name, getter in times.DURATION_GETTERS.items()
            if name == _name
        ),
    )

MACROS = frozenset(["all", "exists", "exists_one", "map", "filter"])
# The functions whose constant argument is worked out, and found wrong, when the condition is compiled.
CONSTANT: dict[str, Callable[[str], int]] = {"timestamp": times.to_timestamp, "duration": times.to_duration}
