"""Conditions in the manager's guide give what it says, and everything that they can name or call is explained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from guide import Row, moment, rows

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import Program, compile_expression
from pipeline.domain.strategies.cel.functions import FUNCTIONS, MACROS, METHODS
from pipeline.domain.strategies.cel.nodes import Binary, Call, Logic, Node, Unary
from pipeline.domain.strategies.cel.parse import parse
from pipeline.domain.strategies.cel.references import shown
from pipeline.domain.strategies.cel.types import DURATION, TIMESTAMP, CelType, fields_of, type_of
from pipeline.domain.strategies.compiled import DECLARATIONS, VOCABULARY

STRUCTS = {
    "`event`": "Interaction",
    "one of `event.identifiers`": "Identifier",
    "one of the attachments": "Attachment",
    "`interaction`, one of `interactions`": "GoingOn",
    "`session`": "Session",
    "`thread`": "Thread",
    "one of `thread.told`": "Told",
    "`customer`": "Customer",
    "`history`": "History",
    "one of `history.about`": "About",
    "one of `history.stated`": "Stated",
}


def structs() -> dict[str, CelType]:
    """The Structs that conditions can reach, by name."""
    found: dict[str, CelType] = {}
    waiting = [type_of(hint) for hint in VOCABULARY.values()]
    while waiting:
        kind = waiting.pop()
        waiting += kind.params
        if kind.struct is not None and kind.struct.__name__ not in found:
            found[kind.struct.__name__] = kind
            waiting += fields_of(kind.struct).values()
    return found


def test_everything_that_conditions_can_name_is_explained() -> None:
    assert [row.codes[0][0] for row in rows("name")] == list(VOCABULARY)
    reached = structs()
    assert set(STRUCTS.values()) == reached.keys()
    for table, name in STRUCTS.items():
        struct = reached[name].struct
        assert struct is not None
        explained = {row.codes[0][0]: row.cells[1] for row in rows(table)}
        assert explained == {field: str(kind) for field, kind in fields_of(struct).items()}, table


def examples() -> list[Row]:
    return [row for row in rows("expression") if len(row.cells) == 3]


@pytest.mark.parametrize("row", examples(), ids=str)
def test_an_expression_gives_what_the_guide_says(row: Row) -> None:
    (expression,) = row.codes[0]
    program = compile_expression(expression, DECLARATIONS)
    assert isinstance(program, Program), program
    found = program.evaluate(*moment().values())
    stated = row.codes[1][0] if row.codes[1] else row.cells[1]
    assert in_words(found, program.type) == stated


def in_words(found: Any, kind: CelType) -> str:
    """A result as the guide writes it: times and errors in words, all else as it would be written in CEL."""
    if isinstance(found, Failure):
        return f"error: {found.message}"
    if kind.not_null() in (TIMESTAMP, DURATION):
        return shown(found, kind)
    return json.dumps(found, ensure_ascii=False)


@pytest.mark.parametrize("row", [row for row in rows("expression") if len(row.cells) == 2], ids=str)
def test_what_is_refused_is_answered_as_the_guide_says(row: Row) -> None:
    problem = compile_expression(row.codes[0][0], DECLARATIONS)
    assert not isinstance(problem, Program)
    assert "; ".join(filter(None, (problem.message, problem.suggestion))) == row.cells[1]


def nodes(node: Any) -> Iterator[Node]:
    """A node and all below it."""
    if isinstance(node, tuple):
        for one in node:
            yield from nodes(one)
    elif is_dataclass(node):
        if isinstance(node, Node):
            yield node
        for field in fields(node):
            yield from nodes(getattr(node, field.name))


def test_every_operator_function_and_macro_has_an_example() -> None:
    used: set[str] = set()
    for row in examples():
        for node in nodes(parse(row.codes[0][0])):
            if isinstance(node, Call):
                used.add(f".{node.function}" if node.target is not None else node.function)
            elif isinstance(node, Unary):
                used.add(f"unary {node.operator}")
            elif isinstance(node, Binary | Logic):
                used.add(node.operator)
    methods = {f".{name}" for name in (*METHODS, *MACROS)}
    operators = {
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "+",
        "-",
        "*",
        "/",
        "%",
        "in",
        "&&",
        "||",
        "unary !",
        "unary -",
    }
    assert used >= {"has", "dyn", *FUNCTIONS, *methods, *operators}
