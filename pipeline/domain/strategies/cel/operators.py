"""The types of operators: which there are, what they give, and which need a check at run time."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from pipeline.domain.strategies.cel import containers, times, values
from pipeline.domain.strategies.cel.types import (
    BOOL,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    CelType,
    Kind,
)

Operation = tuple[CelType, Callable[..., Any] | ast.operator | ast.cmpop]
"""The type of the result, and a function or the plain Python operator that does it without any check."""

CHECKED: dict[str, Callable[..., Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.remainder,
    "<": values.less,
    "<=": values.less_equal,
    ">": values.greater,
    ">=": values.greater_equal,
}
PLAIN_DOUBLE: dict[str, ast.operator] = {"+": ast.Add(), "-": ast.Sub(), "*": ast.Mult()}
PLAIN_ORDER: dict[str, ast.cmpop] = {"<": ast.Lt(), "<=": ast.LtE(), ">": ast.Gt(), ">=": ast.GtE()}
TIMES: dict[tuple[str, CelType, CelType], Operation] = {
    ("+", TIMESTAMP, DURATION): (TIMESTAMP, times.later),
    ("+", DURATION, TIMESTAMP): (TIMESTAMP, times.later),
    ("+", DURATION, DURATION): (DURATION, times.longer),
    ("-", TIMESTAMP, TIMESTAMP): (DURATION, times.difference),
    ("-", TIMESTAMP, DURATION): (TIMESTAMP, times.earlier),
    ("-", DURATION, DURATION): (DURATION, times.difference),
}
NUMBERS = (INT, DOUBLE)
TEMPORAL = (TIMESTAMP, DURATION)


def arithmetic(sign: str, left: CelType, right: CelType) -> Operation | None:
    """The operation of `+ - * / %`, None when there is none for these types."""
    one, two = left.not_null(), right.not_null()
    if (sign, one, two) in TIMES:
        return TIMES[sign, one, two]
    if DYN in (one, two):
        known = two if one == DYN else one
        wanted = {"+": (*NUMBERS, DYN, STRING), "%": (INT, DYN)}.get(sign, (*NUMBERS, DYN))
        fits = known in wanted or (sign == "+" and known.kind == "list" and not holds_time(known))
        operation = containers.concatenate if sign == "+" else CHECKED[sign]
        return (DYN if known.params else INT if sign == "%" else known, operation) if fits else None
    if left == right == DOUBLE and sign in PLAIN_DOUBLE:
        return DOUBLE, PLAIN_DOUBLE[sign]
    if one == two and (one == INT or (one == DOUBLE and sign != "%")):
        return one, CHECKED[sign]
    joined = join(one, two)
    if sign == "+" and joined is not None and one.kind == two.kind and one.kind in ("string", "list"):
        return joined, containers.concatenate
    return None


def order(sign: str, left: CelType, right: CelType) -> Operation | None:
    """The operation of `< <= > >=`: numbers of both types compare with each other; null has no order."""
    one, two = left.not_null(), right.not_null()
    ordered = (STRING, BOOL, *NUMBERS, *TEMPORAL)
    if DYN in (one, two):
        known = two if one == DYN else one
        return (BOOL, CHECKED[sign]) if known == DYN or known in ordered[:4] else None
    if one in ordered and (one == two or (one in NUMBERS and two in NUMBERS)):
        return BOOL, CHECKED[sign] if left.nullable or right.nullable else PLAIN_ORDER[sign]
    return None


def equality(left: CelType, right: CelType) -> Callable[..., Any] | ast.cmpop | None:
    """What `==` does: plain Python where that is right, CEL's own elsewhere, None for a wrong one."""
    one, two = left.not_null(), right.not_null()
    if NULL in (one, two):
        other = left if two == NULL else right
        return ast.Is() if other.nullable or other in (NULL, DYN) or other.kind == "struct" else None
    if STRING in (one, two) and DYN in (one, two):
        return ast.Eq()
    if one.kind == two.kind == "struct":
        return containers.equal if one == two else None
    if one.kind == two.kind and not one.params and one != DYN:
        return ast.Eq() if one == two else None
    if one in NUMBERS and two in NUMBERS:
        return ast.Eq()
    pairs = list(zip(one.params, two.params, strict=False))
    alike = one.kind == two.kind and bool(pairs) and all(equality(*pair) is not None for pair in pairs)
    return containers.equal if alike or join(one, two) is not None else None


def membership(item: CelType, container: CelType) -> Callable[..., Any] | ast.cmpop | None:
    """What `in` does: plain Python for strings and ints in collections of the same, None for a wrong one."""
    if container.not_null() == DYN:
        return None if item.not_null() in TEMPORAL else containers.within
    if container.kind not in ("list", "map"):
        return None
    element = container.params[0]
    if equality(item, element) is None:
        return None
    plain = item in (STRING, INT) and element == item and not container.nullable
    return ast.In() if plain else containers.within


def join(left: CelType, right: CelType) -> CelType | None:
    """The type of a value that is of one or the other type: what `?:` and the elements of a list need.

    None where CEL wants one type (as with int and double), and for a time and a value of unknown type.
    """
    nullable = left.nullable or right.nullable or NULL in (left, right)
    one, two = left.not_null(), right.not_null()
    if two in (one, NULL):
        return one.or_null(nullable and one not in (NULL, DYN))
    if one == NULL:
        return two.or_null(two != DYN)
    if DYN in (one, two):
        return None if holds_time(one) or holds_time(two) else DYN
    if one.kind == two.kind and one.params and len(one.params) == len(two.params):
        joined = [join(a, b) for a, b in zip(one.params, two.params, strict=True)]
        if all(part is not None for part in joined):
            return CelType(one.kind, tuple(part for part in joined if part is not None), nullable=nullable)
    return None


def holds_time(found: CelType) -> bool:
    """Whether a time is, or is in, values of a type: at run time nothing tells it from an int."""
    return holds(found, "timestamp", "duration")


def holds(found: CelType, *kinds: Kind) -> bool:
    """Whether a value of one of these kinds is, or is in, values of a type."""
    return found.kind in kinds or any(holds(part, *kinds) for part in found.params)
