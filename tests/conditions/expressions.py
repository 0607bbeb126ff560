"""Expressions that are well typed, and values for their variables: from a seed, always the same."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pipeline.domain.strategies.cel import Declarations, Duration, Timestamp

VARIABLES: dict[str, Any] = {
    "i": int,
    "j": int,
    "d": float,
    "s": str,
    "b": bool,
    "l": list[int],
    "words": list[str],
    "m": dict[str, int],
    "facts": dict[str, str | int | bool],
    "at": Timestamp,
    "span": Duration,
}
DECLARED = Declarations(VARIABLES)

LEAVES: dict[str, tuple[str, ...]] = {
    "int": ("i", "j", "0", "1", "2", "3", "7", "-5", "0x1F", "9223372036854775807", "-9223372036854775808"),
    "double": ("d", "0.0", "1.5", "-2.25", "1e3", "0.1"),
    "string": ("s", "''", "'a'", '"b"', "'é1'", "'ABC abc'", r"'\u00e9\n'", r"r'a\d'", "'12'", "'1.5'"),
    "bool": ("b", "true", "false", "has(m.a)", "has(facts.b)", "('a' in m)"),
    "list": ("l", "[]", "[1, 2, 3]"),
    "strings": ("words", "['a', 'b']"),
    "map": ("m", "{'a': 1, 'b': 2}"),
    "fact": ("facts.a", "facts.b", "facts['c']", "facts.missing"),
    "timestamp": (
        "at",
        "timestamp('2024-02-29T23:59:59.999Z')",
        "timestamp('1969-12-31T22:00:00+01:00')",
    ),
    "duration": ("span", "duration('90m')", "duration('1h30m')", "duration('-1.5s')", "duration('250ms')"),
    "key": ("'a'", "'b'", "'zz'"),
    "name": ("a", "b", "zz"),
    "regex": ("'a'", "'^b?a'", "'(?i)AB'", r"r'\d+$'", "'[a-c]+'", "'^$'"),
    "order": ("<", "<=", ">", ">="),
    "equal": ("==", "!="),
    "predicate": ("contains", "startsWith", "endsWith"),
    "zone": ("'UTC'", "'Europe/Berlin'", "'America/New_York'", "'+05:30'", "'-02:00'"),
    "part": (
        "FullYear",
        "Month",
        "Date",
        "DayOfMonth",
        "DayOfWeek",
        "DayOfYear",
        "Hours",
        "Minutes",
        "Seconds",
    ),
    "unit": ("Hours", "Minutes", "Seconds"),
}
# {kind} is an expression of that kind; after NEW, the name of an int of a macro, expressions can name it.
FORMS: dict[str, tuple[str, ...]] = {
    "int": (
        "({int} + {int})",
        "({int} - {int})",
        "({int} * {int})",
        "({int} / {int})",
        "({int} % {int})",
        "(-{int})",
        "size({string})",
        "{list}.size()",
        "size({map})",
        "{list}[{int}]",
        "{map}[{key}]",
        "{map}.{name}",
        "int({double})",
        "int({string})",
        "int(string({int}))",
        "int({timestamp})",
        "{timestamp}.get{part}()",
        "{timestamp}.get{part}({zone})",
        "{duration}.get{unit}()",
        "({bool} ? {int} : {int})",
    ),
    "double": (
        "({double} + {double})",
        "({double} - {double})",
        "({double} * {double})",
        "({double} / {double})",
        "(-{double})",
        "double({int})",
        "double({string})",
        "({bool} ? {double} : {double})",
    ),
    "string": (
        "({string} + {string})",
        "string({int})",
        "string({double})",
        "{strings}[{int}]",
        "({bool} ? {string} : {string})",
    ),
    "bool": (
        "({bool} && {bool})",
        "({bool} || {bool})",
        "({bool} && {bool} && {bool})",
        "(!{bool})",
        "({int} {order} {int})",
        "({double} {order} {double})",
        "({int} {order} {double})",
        "({string} {order} {string})",
        "({timestamp} {order} {timestamp})",
        "({duration} {order} {duration})",
        "({int} {equal} {int})",
        "({int} {equal} {double})",
        "({string} {equal} {string})",
        "({list} {equal} {list})",
        "({map} {equal} {map})",
        "({fact} {equal} {string})",
        "({fact} {equal} {int})",
        "({timestamp} {equal} {timestamp})",
        "({int} in {list})",
        "({string} in {strings})",
        "({string} in {map})",
        "{string}.{predicate}({string})",
        "{string}.matches({regex})",
        "matches({string}, {regex})",
        "{list}.all(NEW, {bool})",
        "{list}.exists(NEW, {bool})",
        "{list}.exists_one(NEW, {bool})",
        "has({map}.{name})",
        "bool({string})",
        "({bool} ? {bool} : {bool})",
    ),
    "list": (
        "[{int}, {int}]",
        "({list} + {list})",
        "{list}.map(NEW, {int})",
        "{list}.map(NEW, {bool}, {int})",
        "{list}.filter(NEW, {bool})",
        "({bool} ? {list} : {list})",
    ),
    "strings": ("[{string}, {string}]", "({strings} + {strings})", "{list}.map(NEW, {string})"),
    "map": ("{{'a': {int}, {string}: {int}}}", "({bool} ? {map} : {map})"),
    "timestamp": (
        "({timestamp} + {duration})",
        "({timestamp} - {duration})",
        "timestamp({timestamp})",
        "({bool} ? {timestamp} : {timestamp})",
    ),
    "duration": (
        "({duration} + {duration})",
        "({duration} - {duration})",
        "({timestamp} - {timestamp})",
        "duration({duration})",
    ),
}
RESULTS = (
    "bool",
    "bool",
    "bool",
    "int",
    "double",
    "string",
    "list",
    "strings",
    "map",
    "timestamp",
    "duration",
)
DEPTH = 3
MAX_MACROS = 2
PLACE = re.compile(r"\{(\w+)\}|NEW|\{\{|\}\}")


class Sample(NamedTuple):
    """An expression and the values of its variables, in their order."""

    text: str
    values: dict[str, Any]


def samples(count: int, seed: int) -> Iterator[Sample]:
    """So many expressions with values. The first of them are the same however many there are."""
    chosen = random.Random(seed)
    for _ in range(count):
        yield Sample(
            _expression(chosen, chosen.choice(RESULTS), chosen.randint(1, DEPTH), ()), _values(chosen)
        )


def _expression(chosen: random.Random, kind: str, depth: int, names: tuple[str, ...]) -> str:
    """An expression of a kind; `names` are the ints of the macros that it stands in."""
    if kind not in FORMS or depth == 0 or chosen.random() < 0.1:
        return chosen.choice((*LEAVES[kind], *(names if kind == "int" else ())))
    forms = FORMS[kind] if len(names) < MAX_MACROS else [form for form in FORMS[kind] if "NEW" not in form]
    inside = names

    def filled(place: re.Match[str]) -> str:
        nonlocal inside
        if place[0] in ("{{", "}}"):
            return place[0][0]
        if place[0] == "NEW":
            inside = (*names, f"x{len(names)}")
            return inside[-1]
        return _expression(chosen, place[1], depth - 1, inside)

    return PLACE.sub(filled, chosen.choice(forms))


def _values(chosen: random.Random) -> dict[str, Any]:
    """Values for the variables, small ones mostly."""
    ints = [*range(-3, 10), 2**62, 2**63 - 1, -(2**63)]
    texts = ["", "a", "b", "abc", "AB é", "1", "12", "true", "2.5", "😀"]
    numbers = chosen.choices(range(-3, 10), k=chosen.randint(0, 4))
    facts = {name: chosen.choice([*texts, 1, 2, True, False]) for name in "abc" if chosen.random() < 0.7}
    return {
        "i": chosen.choice(ints),
        "j": chosen.choice(ints),
        "d": chosen.choice([0.0, 1.0, -1.5, 0.1, 1e10, 2.5, 1e300]),
        "s": chosen.choice(texts),
        "b": chosen.random() < 0.5,
        "l": numbers,
        "words": chosen.choices(texts, k=chosen.randint(0, 3)),
        "m": {name: chosen.randint(-3, 9) for name in "abc" if chosen.random() < 0.6},
        "facts": facts,
        "at": chosen.randint(-(10**12), 4 * 10**12),
        "span": chosen.choice([0, 1, 90_000, -1500, 86_400_000]),
    }
