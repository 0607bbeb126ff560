"""The few shapes of Python code that conditions become."""

from __future__ import annotations

import ast
from collections.abc import Iterable


def name(text: str) -> ast.expr:
    """The value of a variable."""
    return ast.Name(text, ast.Load())


def item(container: ast.expr, key: ast.expr) -> ast.expr:
    """`container[key]`."""
    return ast.Subscript(container, key, ast.Load())


def list_of(items: Iterable[ast.expr]) -> ast.expr:
    """A list of items."""
    return ast.List(list(items), ast.Load())


def function(parameters: Iterable[str], body: ast.expr) -> ast.expr:
    """A function of positional parameters."""
    arguments = [ast.arg(parameter) for parameter in parameters]
    signature = ast.arguments(posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(signature, body)


def expression(body: ast.expr) -> ast.Expression:
    """A whole text of code. It is walked through in a loop, because it can be deeper than Python can call."""
    for node in ast.walk(body):
        if isinstance(node, ast.expr | ast.arg):
            node.lineno = node.end_lineno = 1
            node.col_offset = node.end_col_offset = 0
    return ast.Expression(body)
