"""What is found wrong when a condition is compiled: where, and what to write instead."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.cel import CelProblem, Declarations, Program, Timestamp, compile_expression


class Visit(msgspec.Struct):
    """A Struct with times."""

    started_at: Timestamp
    pages: int = 0
    step: str | None = None
    facts: dict[str, str | int | float | bool] = {}


DECLARED = Declarations({"event": Interaction, "customer": Profile, "visit": Visit, "now": Timestamp})


def problem(text: str, expect: object = bool) -> CelProblem:
    """The problem of an expression that must have one."""
    found = compile_expression(text, DECLARED, expect)
    assert isinstance(found, CelProblem), f"{text} was accepted"
    return found


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "suggestion"),
    [
        ("", 1, 1, "ends too early", None),
        ("event.kind ==", 1, 14, "ends too early", None),
        ("event.kind = 'x'", 1, 12, "unexpected '='", "=="),
        ("event.kind == 'x' and true", 1, 19, "unexpected 'and'", "&&"),
        ("event.kind == 'x'\n  or true", 2, 3, "unexpected 'or'", "||"),
        ("event.ended & true", 1, 13, "unexpected '&'", "&&"),
        ("event.true == 1", 1, 7, "unexpected 'true'", None),
        ("(true", 1, 6, "ends too early", None),
        ("event.kind == $", 1, 15, "unexpected '$'", None),
        (r"event.text.matches('\d')", 1, 20, "no escape", "raw string"),
        (r"event.text == '\ud800'", 1, 15, "no escape", "raw string"),
        ("99999999999999999999 > 1", 1, 1, "64 bits", "decimal point"),
        ("1u > 0", 1, 1, "unsigned", "write 1"),
        ("event.text == b'x'", 1, 15, "bytes", "string"),
        ("Visit{pages: 1} == visit", 1, 1, "messages", None),
        (".event.ended", 1, 1, "package names", None),
        ("evnt.ended", 1, 1, "unknown name 'evnt'", "did you mean 'event'"),
        ("event.knd == 'x'", 1, 7, "Interaction has no field 'knd'", "did you mean 'kind'"),
        ("true &&\n customer.vlaue > 1.0", 2, 11, "Profile has no field 'vlaue'", "did you mean 'value'"),
        ("event.kind.size > 3", 1, 12, "has no fields", "size()"),
        ("event.kind.len() > 3", 1, 12, "unknown function 'len'", "size"),
        ("event.kind.startWith('x')", 1, 12, "unknown function", "did you mean 'startsWith'"),
        ("len(event.kind) > 3", 1, 1, "unknown function", "size"),
        ("event.kind < 3", 1, 1, "< does not exist for string and int", "string("),
        ("event.kind == 3", 1, 1, "== does not exist for string and int", None),
        ("event.kind + 3 == 'x'", 1, 1, "+ does not exist for string and int", None),
        ("customer.value + 1 > 2.0", 1, 1, "+ does not exist for double and int", "write 1.0"),
        ("customer.value * visit.pages > 2.0", 1, 1, "* does not exist", "double("),
        ("customer.value % 2.0 > 1.0", 1, 1, "% does not exist for double and double", None),
        ("-event.kind == 'x'", 1, 1, "- does not exist for string", None),
        ("!event.kind", 1, 8, "expected a condition", None),
        ("event.ended && visit.pages", 1, 22, "expected a condition", None),
        ("visit.pages ? true : false", 1, 7, "expected a condition", None),
        ("(true ? 1 : 1.5) > 1", 1, 2, "must be of one type", None),
        ("event.kind == null", 1, 1, "== does not exist for string and null", "can be null"),
        ("null < 1", 1, 1, "< does not exist for null and int", None),
        ("event.kind in 'abc'", 1, 1, "in does not exist", "list or a map"),
        ("1 in ['a']", 1, 1, "in does not exist", None),
        ("event.identifiers['a'] == null", 1, 1, "no element at a key", None),
        ("visit.facts[1] == 'x'", 1, 1, "no element at a key", None),
        ("visit.pages[0] == 1", 1, 1, "no element at a key", None),
        ("{1.5: 'a'} == {}", 1, 2, "key of a map", None),
        ("[now, 1] == []", 1, 1, "times and other values", None),
        ("now - 1000 > now", 1, 1, "- does not exist for timestamp and int", 'duration("5m")'),
        ("now > 1700000000000", 1, 1, "> does not exist for timestamp and int", 'timestamp("'),
        ("now == visit.facts.at", 1, 1, "== does not exist", None),
        ("now + visit.facts.delay > now", 1, 1, "+ does not exist", None),
        ("now + now > now", 1, 1, "+ does not exist for timestamp and timestamp", None),
        ("duration('5 minutes') > duration('1m')", 1, 10, "not a duration", None),
        ("timestamp('tomorrow') > now", 1, 11, "not a timestamp", None),
        ("timestamp('2023-02-30T00:00:00Z') > now", 1, 11, "not a timestamp", None),
        ("now.getHours('Nowhere/Land') > 1", 1, 14, "not a time zone", None),
        ("now.getHours('/etc/passwd') > 1", 1, 14, "not a time zone", None),
        ("now.getHours('') > 1", 1, 14, "not a time zone", None),
        ("now.getHours('+99:00') > 1", 1, 14, "not a time zone", None),
        ("event.text == 'it", 1, 15, "does not end", "close it"),
        ("uint(1) > 0", 1, 1, "unsigned", "int("),
        ("type(1) == 1", 1, 1, "types are no values", None),
        ("dyn(now) == 1", 1, 1, "dyn() does not take timestamp", None),
        ("dyn() == 1", 1, 1, "dyn() takes one value", None),
        ("let == 1", 1, 1, "reserved word", None),
        ("1e999 > 1.0", 1, 1, "double", None),
        ("event.text.matches('(')", 1, 20, "not a regular expression", None),
        ("matches(event.text, 'a{2,1}')", 1, 21, "not a regular expression", None),
        ("event.kind.contains(1)", 1, 12, "contains() does not exist for string, int", "it takes string"),
        ("size(1) > 0", 1, 1, "size() does not exist for int", None),
        ("size() > 0", 1, 1, "size() does not exist for nothing", None),
        ("visit.facts.x.getHours() > 1", 1, 15, "getHours() does not exist", None),
        ("has(event)", 1, 1, "has() takes one field", None),
        ("has(event.txt)", 1, 11, "no field 'txt'", "did you mean 'text'"),
        ("event.identifiers.all(1, true)", 1, 19, "takes a name", None),
        ("event.identifiers.all()", 1, 19, "takes a name", None),
        ("event.kind.all(c, true)", 1, 12, "works on lists and maps", None),
        ("event.identifiers.all(i, i.typ == 'x')", 1, 28, "no field 'typ'", "did you mean 'type'"),
        ("event.identifiers.all(i, true) && i == null", 1, 35, "unknown name 'i'", None),
        ("[1].all(a, [1].all(b, [1].all(c, true)))", 1, 27, "more than 2 macros", "split"),
        ("visit.pages", 1, 7, "expected bool, found int", None),
        ("event.text", 1, 7, "expected bool, found string or null", None),
    ],
)
def test_problem(text: str, line: int, column: int, message: str, suggestion: str | None) -> None:
    found = problem(text)
    assert message in found.message
    assert (found.line, found.column) == (line, column)
    if suggestion is not None:
        assert suggestion in (found.suggestion or "")


def test_a_problem_is_one_line() -> None:
    assert str(problem("event.knd == 'x'")) == (
        "line 1, column 7: Interaction has no field 'knd'; did you mean 'kind'?"
    )


def test_an_expression_that_is_too_long() -> None:
    text = "true || " * 600 + "true"
    assert "too long: 4804 characters, at most 4096" in problem(text).message
    assert isinstance(compile_expression("true || " * 500 + "true", DECLARED, bool), Program)


@pytest.mark.parametrize(
    "deep",
    [
        "(" * 2000 + "true" + ")" * 2000,
        "!" * 3000 + "true",
        "[" * 2000 + "]" * 2000 + " == []",
        "1" + " + 1" * 1000 + " > 0",
        "event" + ".kind" * 800 + " == ''",
        "true ? true : " * 250 + "true",
        "has(" * 800 + "x" + ")" * 800,
    ],
)
def test_an_expression_that_is_too_deep(deep: str) -> None:
    assert "nested too deeply" in problem(deep).message


@pytest.mark.parametrize(
    "text", ["(" * 60 + "true" + ")" * 60, "true" + " && (false || (true" * 15 + "))" * 15]
)
def test_an_expression_that_is_deep_enough_still_runs(text: str) -> None:
    program = compile_expression(text, Declarations({}), bool)
    assert isinstance(program, Program)
    assert program.evaluate() is True
    assert program.explain().held is True


@pytest.mark.parametrize(
    ("text", "expect", "value"),
    [
        ("visit.pages", int, 2),
        ("visit.facts.order_id", str, "1001"),
        ("visit.facts.order_id", str | None, "1001"),
        ("visit.facts.order_id", object, "1001"),
        ("visit.facts.order_id", int, "no_such_overload"),
        ("visit.facts.ended", bool, True),
        ("visit.facts.items", bool, "no_such_overload"),
        ("visit.facts.items", float, 3.0),
        ("visit.pages", float, 2.0),
        ("visit.step", str, "null_value"),
        ("visit.step", str | None, None),
        ("null", str | None, None),
        ("now", Timestamp, 1_700_000_000_000),
        ("now", Timestamp | None, 1_700_000_000_000),
    ],
)
def test_the_result_is_of_the_type_that_is_expected(text: str, expect: object, value: Any) -> None:
    program = compile_expression(text, Declarations({"visit": Visit, "now": Timestamp}), expect)
    assert isinstance(program, Program), program
    visit = Visit(started_at=0, pages=2, facts={"order_id": "1001", "ended": True, "items": 3})
    found = program.evaluate(visit, 1_700_000_000_000)
    assert getattr(found, "code", found) == value
    assert type(getattr(found, "code", found)) is type(value)


@pytest.mark.parametrize(
    ("text", "expect"),
    [("visit.pages", str), ("visit.step", int), ("now", int), ("customer.value", int), ("[1]", bool)],
)
def test_a_result_of_another_type_is_a_problem(text: str, expect: object) -> None:
    assert problem(text, expect).message.startswith("expected ")
