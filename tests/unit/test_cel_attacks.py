"""No text of a condition, and no value, makes compiling or evaluating it hang, crash, or fill the memory.

What could go on without end would end as a test that takes too long; what must be bounded is counted, in
elements that were looked at or patterns that were made.
"""

from __future__ import annotations

import inspect
import sys
import zoneinfo
from typing import Any

import msgspec
import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import CelProblem, Declarations, Program, Timestamp, compile_expression
from pipeline.domain.strategies.cel.containers import MAX_WORK
from pipeline.domain.strategies.cel.emit import MAX_PATTERNS, Emitter
from pipeline.domain.strategies.cel.nodes import Select
from pipeline.domain.strategies.cel.parse import MAX_CHARACTERS, MAX_DEPTH
from pipeline.domain.strategies.cel.strings import pattern
from pipeline.domain.strategies.cel.writer import NODES_A_STEP


class Order(msgspec.Struct):
    """A record with something to compare."""

    lines: list[str]


DECLARED = Declarations(
    {
        "any": object,
        "b": bool,
        "facts": dict[str, str | int],
        "many": list[int],
        "now": Timestamp,
        "order": Order,
        "text": str,
    }
)
TOO_MUCH = Failure("too_much_work", "the condition takes too many steps for these values")


class Counted(dict[str, Any]):
    """A map that counts how often it is read."""

    reads = 0

    def __getitem__(self, key: str) -> Any:
        self.reads += 1
        return super().__getitem__(key)


def compiled(text: str, expect: object = None) -> Program:
    """A condition that compiles."""
    found = compile_expression(text, DECLARED, expect)
    assert isinstance(found, Program), found
    return found


def values(**given: Any) -> list[Any]:
    """Values for all variables."""
    defaults = {"any": None, "b": True, "facts": {}, "many": [], "now": 0, "order": Order([]), "text": ""}
    return list({**defaults, **given}.values())


@pytest.mark.parametrize(
    "text",
    [
        '"' + "\\n" * 2000,
        '"""' + "\\n" * 2000,
        "'''" + "\\x41" * 1000 + "''",
        "b'" + "\\n" * 2000,
        "r'" + "\\" * 4000,
        '"""' * 1300 + '"',
        "text.matches('" + "\\\\" * 2000,
        "`" + "a " * 2000,
        "1" * 4000 + ".",
        "-" * 4000 + "1",
        "0x" * 2000,
        "1e" * 2000,
        "/" * 4095,
        "[" * 4000,
        "{" * 4000,
        "a?" * 2000,
        "a." * 2000 + "a",
        "in " * 1300,
    ],
)
def test_a_broken_text_is_read_once(text: str) -> None:
    assert isinstance(compile_expression(text, DECLARED), CelProblem | Program)


@pytest.mark.parametrize("text", ["b" + " && b" * 800, "b" + " || b" * 800, "b" + " && (b || b)" * 300])
def test_many_parts_are_no_deep_tree(text: str) -> None:
    program = compiled(text, bool)
    assert program.evaluate(*values()) is True
    assert program.unmet(*values()) is None
    assert program.explain(*values(b=False)).held is False


def test_the_first_of_many_parts_that_is_false_is_named() -> None:
    program = compiled(" && ".join(f"facts.n != {number}" for number in range(200)), bool)
    for number in (0, 49, 50, 51, 99, 100, 199):
        unmet = program.unmet(*values(facts={"n": number}))
        assert unmet is not None
        assert unmet.part == f"facts.n != {number}"
    assert program.unmet(*values(facts={"n": 200})) is None


DEEP = [
    ("(", "b", ")"),
    ("!", "b", ""),
    ("!(", "b", ")"),
    ("[", "b", "]"),
    ("{'a': ", "b", "}"),
    ("b ? b : (", "b", ")"),
    ("b && (b || (", "b", "))"),
    ("1 + (", "1", ")"),
    ("text + (", "text", ")"),
    ("size([", "b", "])"),
    ("has({'a': ", "b", "}.a)"),
    ("{'a': ", "b", "}.a"),
    ("[", "b", "][0]"),
    ("", "text", ".trim()"),
    ("string(", "1", ")"),
    ("dyn(", "b", ")"),
]


def test_nothing_is_compiled_again_at_each_level(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[str] = []
    field = Emitter.field

    def counted(self: Emitter, node: Select, struct: type[msgspec.Struct]) -> Any:
        looked_up.append(node.field)
        return field(self, node, struct)

    monkeypatch.setattr(Emitter, "field", counted)
    text, levels = "order", 12
    for _ in range(levels):
        text = f"(has({text}.lines) ? order : order)"
    program = compiled(f"has({text}.lines)", bool)
    assert program.evaluate(*values()) is True
    assert levels < len(looked_up) <= 4 * (levels + 1)


@pytest.mark.parametrize(("opening", "inner", "closing"), DEEP)
@pytest.mark.parametrize("levels", [MAX_DEPTH // 4, MAX_DEPTH // 2 - 1, MAX_DEPTH, 200])
def test_depth_is_bounded_and_what_is_within_the_bound_runs(
    opening: str, inner: str, closing: str, levels: int
) -> None:
    program = compile_expression(opening * levels + inner + closing * levels, DECLARED)
    if isinstance(program, CelProblem):
        assert levels > MAX_DEPTH // 3
        assert "nested too deeply" in program.message or "too long" in program.message
    else:
        assert not isinstance(program.evaluate(*values(text="x")), Failure)
        assert program.explain(*values(text="x")).error is None


def test_where_the_stack_is_nearly_full_a_condition_is_refused_or_fails() -> None:
    program = compiled("[[[b]]] == [[[b]]] && (b ? (b ? b : b) : b)", bool)
    deep = "(" * 60 + "b" + ")" * 60 + " && !(!(!(!(!(!(!(!b)))))))"

    def descend(levels: int) -> tuple[Any, Any]:
        if levels > 0:
            return descend(levels - 1)
        return compile_expression(deep, DECLARED), program.evaluate(*values())

    used = len(inspect.stack(0))
    found = [descend(sys.getrecursionlimit() - used - room) for room in (60, 100, 200, 300)]
    assert all(isinstance(one, CelProblem | Program) for one, _ in found)
    assert all(result is True or isinstance(result, Failure) for _, result in found)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 4000 + " > 1", "64 bits"),
        ("0x" + "f" * 4000 + " > 1", "64 bits"),
        ("1e999 > 1.0", "double"),
        ("-1" + "0" * 400 + ".5 > 1.0", "double"),
        ("duration('" + "9" * 100 + "h') > duration('1s')", "not a duration"),
        ("duration('" + "9" * 90 + "h') > duration('1s')", "292 years"),
        ("timestamp('99999-01-01T00:00:00Z') > now", "not a timestamp"),
        ("'%s'.format([text]) == ''", "unknown function 'format'"),
        ("'{0.__class__}'.format(order) == ''", "unknown function 'format'"),
        ("order.__class__ == null", "no field '__class__'"),
        ("order.__struct_fields__ == []", "no field"),
        ("order.lines.append('x')", "unknown function 'append'"),
        ("text.__len__() > 1", "unknown function"),
        ("many.__iter__", "no fields"),
        ("now.real > 1", "no fields"),
        ("any.map(__class__, __class__.mro())", "unknown function"),
        ("import > 1", "reserved word"),
        ("[1].exists(lambda, true)", None),
        ("dyn(order) == 1", "dyn() does not take Order"),
        ("dyn(now) == 1", "dyn() does not take timestamp"),
        ("type(order) == 1", "types are no values"),
        (" || ".join(["text.matches('a')"] * (MAX_PATTERNS + 1)), "regular expressions"),
        ("b" * (MAX_CHARACTERS + 1), "too long"),
    ],
)
def test_a_problem_when_it_is_compiled(text: str, message: str | None) -> None:
    found = compile_expression(text, DECLARED)
    if message is None:
        assert isinstance(found, Program)
    else:
        assert isinstance(found, CelProblem)
        assert message in str(found)


@pytest.mark.parametrize(
    "text",
    [
        "many.map(a, many)",
        "many.map(a, text + text)",
        "many.map(a, text).join(text)",
        "[[1, 1]]" + ".map(x, [x, x])" * 40,
        "[{'a': text}]" + ".map(x, {'a': x, 'b': x})" * 30,
        "[dyn(1)]" + ".map(x, dyn([x, x]))" * 40,
        " + ".join(["text"] * 60),
        " + ".join(["many"] * 60),
        "many.exists(a, many == [1])  || many.all(a, {'a': many} != {'a': [1]})",
        "many.all(a, many.all(c, order == order))",
        "many.all(a, [order] == [order])",
    ],
)
def test_nothing_grows_without_bound(text: str) -> None:
    big = values(many=list(range(20_000)), text="x" * 20_000, order=Order(["x"] * 1000))
    assert compiled(text).evaluate(*big) == TOO_MUCH


def test_a_shared_result_is_measured_and_a_plain_one_is_not() -> None:
    assert compiled("any").evaluate(*values(any=[[1] * 200_000])) == [[1] * 200_000]
    assert compiled("[[1, 2]].map(x, [x, x])").evaluate(*values()) == [[[1, 2], [1, 2]]]


def test_a_large_body_of_a_macro_costs_more_than_a_small_one() -> None:
    body = " || ".join(["facts.n == 1"] * 150)
    program = compiled(f"many.all(a, !many.exists(c, {body}))", bool)
    facts = Counted(n=0)
    assert program.evaluate(*values(many=list(range(300)), facts=facts)) == TOO_MUCH
    # Once in plain code, and once more to see whether an error on one side can be absorbed.
    assert 0 < facts.reads <= 2 * MAX_WORK * NODES_A_STEP


def test_the_parts_of_an_explanation_share_one_allowance() -> None:
    # Each part alone is within the bound, and all of them together are far beyond it.
    part = "many.all(a, facts.n == 0)"
    program = compiled(" && ".join([part] * 100), bool)
    facts = Counted(n=0)
    given = values(many=list(range(30_000)), facts=facts)
    assert compiled(part, bool).evaluate(*given) is True
    explained = program.explain(*given)
    assert explained.error == TOO_MUCH
    assert program.unmet(*given) is not None
    assert facts.reads <= 8 * MAX_WORK


def test_what_a_condition_read_is_shown_within_one_allowance() -> None:
    chain = "facts[many.filter(a, facts.n == 0).size() > 0 ? 'n' : 'm']"
    program = compiled(" && ".join(f"{chain} == {number}" for number in range(50)), bool)
    facts = Counted(n=0)
    program.seen(*values(many=list(range(30_000)), facts=facts))
    assert facts.reads <= 2 * MAX_WORK


def test_patterns_made_in_a_macro_are_few() -> None:
    program = compiled("many.exists(a, text.matches('(x+x+)+y' + string(a)))", bool)
    before = pattern.cache_info().misses
    assert program.evaluate(*values(many=list(range(20_000)), text="x" * 100)) == TOO_MUCH
    assert pattern.cache_info().misses - before <= 2 * MAX_WORK / 500


def test_a_zone_that_there_is_not_is_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(zoneinfo, "ZoneInfo", asked.append)
    program = compiled("many.exists(a, now.getHours(string(a)) == 1)", bool)
    found = program.evaluate(*values(many=list(range(1000))))
    assert isinstance(found, Failure)
    assert found.code == "bad_timezone"
    assert asked == []


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("double(text) > 1.0", "1" * 200_000 + "x"),
        ("int(text) > 1", "1" * 200_000),
        ("bool(text)", "t" * 200_000),
        ("timestamp(text) > now", "2024-01-01T00:00:00." + "1" * 200_000 + "Z"),
        ("duration(text) > duration('1s')", "1" * 200_000),
        ("duration(text) > duration('1s')", "1h" * 49 + "x"),
        ("now.getHours(text) == 1", "../" * 60_000),
        ("text.matches(text)", "(" * 100_000),
        ("text.matches(text)", "((a?){30}){30}" * 1000),
    ],
)
def test_a_hostile_text_is_a_failure(text: str, given: str) -> None:
    assert isinstance(compiled(text).evaluate(*values(text=given)), Failure)


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "text", ["any == any", "any in [any]", "{'a': any} == {'a': any}", "[any].exists(x, x == any)"]
)
def test_a_value_that_is_nested_too_deeply_is_a_failure(text: str) -> None:
    program = compiled(text, bool)
    given = values(any=nested(100_000))
    assert program.evaluate(*given) == TOO_MUCH
    assert program.explain(*given).error == TOO_MUCH


@pytest.mark.parametrize(
    "text",
    [
        "any + 1 == 2",
        "any * any > 1",
        "-any == 1",
        "any % 2 == 1",
        "string(any) == ''",
        "any == 1.5",
        "int(any) > 1",
    ],
)
def test_a_huge_int_from_outside_is_a_value_or_a_failure(text: str) -> None:
    program = compiled(text, bool)
    for number in (2**63, -(2**64), 10**4400):
        found = program.evaluate(*values(any=number))
        assert isinstance(found, bool | Failure)
        assert program.explain(*values(any=number)).values["any"] == "(a number of more than 64 bits)"
