"""Refusals with a place in the text, and what the author may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from pipeline.domain.strategies.cel.nodes import Binary, Literal, Node
from pipeline.domain.strategies.cel.problems import CelProblem, Rejected
from pipeline.domain.strategies.cel.types import CelType

# Functions of other languages, and what conditions have instead.
INSTEAD = {
    "len": "size",
    "length": "size",
    "lower": "lowerAscii",
    "upper": "upperAscii",
    "strip": "trim",
    "any": "exists",
    "includes": "contains",
    "float": "double",
    "str": "string",
}
# Functions of CEL that conditions have not: why, and what to write.
LEFT_OUT = {
    "uint": ("unsigned numbers are not supported", "write int(…)"),
    "bytes": ("bytes are not supported", "write string(…)"),
    "type": ("types are no values in a condition", "ask for the value itself"),
}


def rejected(node: Node, message: str, suggestion: str | None = None) -> Rejected:
    """The refusal of what stands at a node."""
    return Rejected(CelProblem(message, node.line, node.column, suggestion))


def meant(name: str, known: Iterable[str]) -> str | None:
    """The known name that an unknown one looks like."""
    if name in INSTEAD:
        return f"write {INSTEAD[name]}"
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def conversion(sign: str, node: Binary, left: CelType, right: CelType) -> str | None:
    """What makes the operands of a wrong operation fit."""
    kinds = {left.kind, right.kind}
    if sign == "in":
        return "on the right of in stands a list or a map"
    if "null" in kinds:
        return "only what can be null compares with null"
    if kinds == {"int", "double"}:
        whole = next(part for part, kind in ((node.left, left), (node.right, right)) if kind.kind == "int")
        return f"write {whole.value}.0" if isinstance(whole, Literal) else "convert the int with double(…)"
    if kinds & {"timestamp", "duration"} and kinds & {"int", "string"}:
        return 'write a time as timestamp("2026-01-31T18:00:00Z"), a length of time as duration("5m")'
    if kinds in ({"string", "int"}, {"string", "double"}):
        return "convert one side with string(…), int(…) or double(…)"
    return None
