"""Conditions come from files: whatever they say, they reach nothing else and come to an end."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.cel import CelProblem, Declarations, Program, compile_expression

DECLARED = Declarations({"event": Interaction, "any": object, "many": list[int], "text": str})
EVENT = Interaction(
    event_id="e",
    channel="web",
    kind="page_viewed",
    interaction_id="i",
    occurred_at=0,
    received_at=0,
    source="s",
    identifiers=[],
)


def evaluated(text: str, any_value: Any = None, many: list[int] | None = None, given: str = "") -> Any:
    """The result of a condition that compiles."""
    program = compile_expression(text, DECLARED)
    assert isinstance(program, Program), program
    return program.evaluate(EVENT, any_value, many or [], given)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os')",
        "eval('1')",
        "open('/etc/passwd')",
        "h_0(1)",
        "v_event",
        "fuel",
        "__builtins__",
        "event.__class__.__mro__",
        "event.kind.__class__",
        "event.kind.format(event)",
        "event.kind.join(['a'])",
        "'{0.__class__}'.format(event)",
        "'%s' % event",
        "event.identifiers.append(1)",
        "event.facts.update({})",
        "event.facts.__class__.x.y ? 1 : lambda",
        "(lambda: 1)()",
        "[x for x in [1]]",
        "event.key := 1",
        "event.kind.encode()",
        "type(event)",
        "dyn(event)",
        "event['kind']",
    ],
)
def test_nothing_else_has_a_name(text: str) -> None:
    assert isinstance(compile_expression(text, DECLARED), CelProblem)


@pytest.mark.parametrize("value", [EVENT, EVENT.identifiers.append, object(), "text", print])
def test_no_attribute_of_a_value_of_unknown_type_is_read(value: object) -> None:
    for text in ("any.__class__", "any.kind", "any['kind']", "any.kind.x", "has(any.kind)"):
        found = evaluated(text, value)
        assert isinstance(found, Failure), text
        assert found.code == "no_such_overload"


def test_a_key_is_no_attribute() -> None:
    found = evaluated("event.facts.__class__")
    assert isinstance(found, Failure)
    assert found.code == "no_such_key"
    assert evaluated("any.__class__", {"__class__": "just a key"}) == "just a key"


DOUBLING = "['0123456789']" + ".map(x, x + x)" * 60
NESTING = "[[1, 1]]" + ".map(x, [x, x])" * 40  # so small to keep, and so large to walk through


@pytest.mark.parametrize(
    "text",
    [
        "many.all(a, many.all(b, a + b >= 0))",
        "many.map(a, many.map(b, a))",
        "many.exists(a, many.exists(b, false)) || true",
        "many.filter(a, a in many)",
        "many.map(a, [a, a, a, a, a, a, a, a, a, a]).map(l, l + l).exists(l, l == [])",
        "many.map(a, text.lowerAscii())",
        "many.filter(a, text.matches('(x+x+)+y'))",
        "many.exists(a, text.contains('y'))",
        "many.map(a, {'a': a, 'b': a}).map(m, [m, m, m, m, m, m, m]).map(l, [l, l, l, l, l, l]) == []",
        DOUBLING + " == ['']",
        f"{NESTING} == {NESTING}",
    ],
)
def test_work_has_a_limit(text: str) -> None:
    found = evaluated(text, many=list(range(20_000)), given="x" * 16_000)
    assert found == Failure("too_much_work", "the condition takes too many steps for these values")


def test_ordinary_work_is_within_the_limit() -> None:
    assert evaluated("many.filter(n, n % 2 == 0).map(n, n * n).size()", many=list(range(20_000))) == 10_000


@pytest.mark.parametrize(
    ("text", "given", "wanted"),
    [
        (r"text.matches(r'^(\w+\s?)*$')", "word " * 4000 + "!", False),
        ("text.matches('(a|a)*b')", "a" * 16_000, False),
        ("text.contains('\\u0000')", "a\0b", True),
        ("text.matches('a.b')", "a\0b", True),
        ("text.size() == 2", "😀é", True),
    ],
)
def test_hostile_texts(text: str, given: str, wanted: bool) -> None:
    assert evaluated(text, given=given) is wanted


def test_a_text_that_is_no_unicode_is_a_failure() -> None:
    assert isinstance(evaluated("text.matches('a')", given="\ud800"), Failure)


@pytest.mark.parametrize(
    "pattern", ["(" * 1001, "((a{100}){100}){100}", "a{99999}", r"\\pL{400}", "(?P<x", "\\\\1"]
)
def test_hostile_patterns(pattern: str) -> None:
    found = compile_expression(f"text.matches('{pattern}')", DECLARED)
    assert isinstance(found, CelProblem)
    assert "\n" not in str(found)


def test_a_huge_int_is_a_failure_where_it_would_overflow() -> None:
    found = evaluated("any + 1", 2**63 - 1)
    assert isinstance(found, Failure)
    assert found.code == "overflow"


def test_compiled_code_has_no_builtins() -> None:
    program = compile_expression("many.all(a, a > 0) && event.kind.matches('x')", DECLARED)
    assert isinstance(program, Program)
    for function in (program._quick, program._careful):
        assert function.__globals__["__builtins__"] == {}
