"""What code is written with: the names it can use, helpers bound to them, and the steps that it costs."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.domain.strategies.cel import containers, python
from pipeline.domain.strategies.cel.nodes import Node, children
from pipeline.domain.strategies.cel.types import CelType

NODES_A_STEP = 10
SPENDING = (containers.equal, containers.within, containers.concatenate, containers.join)
"""Helpers that count their own steps."""


class Code(NamedTuple):
    """A Python expression and the type of what it gives."""

    python: ast.expr
    type: CelType


class Writer:
    """The names of one program. `macros` is how many of them the code that is written stands in."""

    def __init__(self, variables: dict[str, CelType]) -> None:
        self.scope: dict[str, Code] = {
            name: Code(python.name(f"v_{name}"), kind) for name, kind in variables.items()
        }
        self.names: dict[str, Any] = {}
        self._bound: dict[int, str] = {}  # `names` keeps the objects, so that no other one gets their id
        self.uses_fuel = False
        self.macros = 0
        self.names_made = 0

    def fresh(self, prefix: str) -> str:
        """A name that nothing else has."""
        self.names_made += 1
        return f"{prefix}{self.names_made}"

    def made(self, literal: ast.expr) -> ast.expr:
        """A list or map, which a macro must not make without end."""
        return self.helper(containers.made, literal, fuel=True) if self.macros else literal

    def unless_null(self, operand: Code, use: Callable[[ast.expr], ast.expr]) -> ast.expr:
        """The use of an operand, or null where the operand is null."""
        if not operand.type.nullable:
            return use(operand.python)
        name = self.fresh("t")
        test = ast.Compare(
            ast.NamedExpr(ast.Name(name, ast.Store()), operand.python), [ast.Is()], [ast.Constant(None)]
        )
        return ast.IfExp(test, ast.Constant(None), use(python.name(name)))

    def apply(self, function: Callable[..., Any], steps: int, arguments: list[ast.expr]) -> ast.expr:
        """The call of a function of conditions, whose work counts inside of macros."""
        if function in SPENDING:
            return self.helper(function, *arguments, fuel=True)
        if self.macros:
            cost = ast.Constant(steps)
            return self.helper(containers.charged, self.bind(function), cost, *arguments, fuel=True)
        return self.helper(function, *arguments)

    def helper(self, function: Callable[..., Any], *arguments: ast.expr, fuel: bool = False) -> ast.expr:
        """The call of a helper, which is made known to the code."""
        self.uses_fuel |= fuel
        return ast.Call(self.bind(function), [python.name("fuel"), *arguments] if fuel else [*arguments], [])

    def bind(self, value: Any) -> ast.expr:
        """A name for a Python object in the code."""
        name = self._bound.setdefault(id(value), f"h_{len(self._bound)}")
        self.names[name] = value
        return python.name(name)


def steps_of(bodies: list[Node]) -> int:
    """What a macro's bodies cost for one element: a step, and one more for every ten nodes."""
    return 1 + sum(map(_nodes, bodies)) // NODES_A_STEP


def _nodes(node: Node) -> int:
    return 1 + sum(map(_nodes, children(node)))
