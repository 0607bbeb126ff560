"""A condition as a tree of typed values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any
from typing import Literal as OneOf

from pipeline.domain.strategies.cel.types import CelType


@dataclass(frozen=True, kw_only=True)
class Node:
    """What all nodes have: `start` and `end` are offsets into the text, `line` and `column` count from 1."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, kw_only=True)
class Literal(Node):
    """A constant."""

    value: str | int | float | bool | None
    type: CelType


@dataclass(frozen=True, kw_only=True)
class Ident(Node):
    """A variable, declared or of a macro."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Select(Node):
    """`operand.field`."""

    operand: Node
    field: str


@dataclass(frozen=True, kw_only=True)
class Index(Node):
    """`operand[key]`."""

    operand: Node
    key: Node


@dataclass(frozen=True, kw_only=True)
class Call(Node):
    """`function(arguments)` or, with a target, `target.function(arguments)`: also the macros."""

    function: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Unary(Node):
    """`!operand` or `-operand`."""

    operator: str
    operand: Node


@dataclass(frozen=True, kw_only=True)
class Binary(Node):
    """An arithmetic operator, a comparison or `in`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, kw_only=True)
class Logic(Node):
    """A whole chain of `&&` or of `||`, so that a long list of alternatives is not a deep tree."""

    operator: OneOf["&&", "||"]
    operands: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class Ternary(Node):
    """`test ? yes : no`."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, kw_only=True)
class ListLiteral(Node):
    """`[items]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, kw_only=True)
class MapLiteral(Node):
    """`{key: value}`."""

    entries: tuple[tuple[Node, Node], ...]


def children(node: Node) -> Iterator[Node]:
    """The nodes directly below a node."""
    waiting: list[Any] = [getattr(node, field.name) for field in fields(node)]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Node):
            yield value
        elif isinstance(value, tuple):
            waiting.extend(value)
