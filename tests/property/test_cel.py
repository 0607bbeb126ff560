"""Compiled conditions give what celpy's own evaluator gives, and any text at all gives a program or a problem.

The generated expressions leave out where celpy 0.5 is not CEL: an index below zero counts from the end there,
values of different types cannot be compared, and a sum of strings has no methods.
"""

from __future__ import annotations

import math
from typing import Any

import celpy
import celpy.celtypes
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import CelProblem, Declarations, Program, compile_expression
from pipeline.domain.strategies.cel.types import BOOL

Draw = st.SearchStrategy[str]
VARIABLES: dict[str, object] = {
    "i": int,
    "j": int,
    "d": float,
    "s": str,
    "b": bool,
    "l": list[int],
    "m": dict[str, int],
    "facts": dict[str, str | int | bool],
}
DECLARED = Declarations(VARIABLES)
INTS = st.one_of(st.integers(-3, 9), st.sampled_from([2**63 - 1, -(2**63), 2**62]))
DOUBLES = st.floats(allow_nan=False, allow_infinity=False, width=32)
TEXTS = st.text("abcAB é1", max_size=4)
KEYS = st.sampled_from(["a", "b", "c"])
VALUES = st.fixed_dictionaries(
    {
        "i": INTS,
        "j": INTS,
        "d": DOUBLES,
        "s": TEXTS,
        "b": st.booleans(),
        "l": st.lists(st.integers(-3, 9), max_size=4),
        "m": st.dictionaries(KEYS, st.integers(-3, 9), max_size=3),
        "facts": st.dictionaries(KEYS, TEXTS, max_size=3),
    }
)


def joined(*parts: str | Draw) -> Draw:
    """Texts made of the parts in their order, in brackets."""
    made = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*made).map(lambda texts: f"({''.join(texts)})")


def choice(kind: Draw, depth: int, names: tuple[str, ...]) -> Draw:
    """`?:` between two of a kind."""
    return joined(bools(depth, names), " ? ", kind, " : ", kind)


def ints(depth: int, names: tuple[str, ...] = ()) -> Draw:
    """Expressions of type int; `names` are variables of macros around them."""
    plain = st.one_of(st.sampled_from(["i", "j", *names]), st.integers(0, 9).map(str))
    if depth == 0:
        return plain
    part = st.deferred(lambda: ints(depth - 1, names))
    text = st.deferred(lambda: strings(depth - 1, names))
    sequence = st.deferred(lambda: lists(depth - 1, names))
    return st.one_of(
        plain,
        joined(part, st.sampled_from([" + ", " - ", " * ", " / ", " % "]), part),
        joined("-", part),
        joined("size(", text, ")"),
        joined(sequence, ".size()"),
        joined(sequence, "[", st.sampled_from(["0", "1", "5"]), "]"),
        joined("m[", text, "]"),
        joined("m.", KEYS),
        joined("int(string(", part, "))"),
        choice(part, depth - 1, names),
    )


def doubles(depth: int, names: tuple[str, ...] = ()) -> Draw:
    """Expressions of type double."""
    plain = st.one_of(st.just("d"), st.floats(0, 9, width=16).map(lambda number: f"{number:f}"))
    if depth == 0:
        return plain
    part = st.deferred(lambda: doubles(depth - 1, names))
    return st.one_of(
        plain,
        joined(part, st.sampled_from([" + ", " - ", " * "]), part),
        joined("-", part),
        joined("double(", ints(depth - 1, names), ")"),
        choice(part, depth - 1, names),
    )


def strings(depth: int, names: tuple[str, ...] = ()) -> Draw:
    """Expressions of type string."""
    plain = st.one_of(st.just("s"), TEXTS.map(lambda text: f"'{text}'"), KEYS.map(lambda key: f'"{key}"'))
    if depth == 0:
        return plain
    part = st.deferred(lambda: strings(depth - 1, names))
    return st.one_of(
        plain,
        joined(part, " + ", part),
        joined("string(", ints(depth - 1, names), ")"),
        choice(part, depth - 1, names),
    )


def lists(depth: int, names: tuple[str, ...] = ()) -> Draw:
    """Expressions of type list of int."""
    if depth == 0:
        return st.sampled_from(["l", "[1, 2, 3]"])
    part = st.deferred(lambda: lists(depth - 1, names))
    inner = (*names, f"x{len(names)}")
    scoped = [joined("l.map(", inner[-1], ", ", ints(depth - 1, inner), ")")] if len(names) < 2 else []
    scoped += [joined("l.filter(", inner[-1], ", ", bools(depth - 1, inner), ")")] if len(names) < 2 else []
    return st.one_of(
        st.just("l"),
        st.lists(ints(depth - 1, names), min_size=1, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        joined(part, " + ", part),
        *scoped,
    )


def bools(depth: int, names: tuple[str, ...] = ()) -> Draw:
    """Expressions of type bool."""
    plain = st.sampled_from(["b", "true", "false", "('a' in m)", "has(m.a)", "has(facts.b)"])
    if depth == 0:
        return plain
    part = st.deferred(lambda: bools(depth - 1, names))
    order = st.sampled_from([" < ", " <= ", " > ", " >= ", " == ", " != "])
    kinds: list[Draw] = [kind(depth - 1, names) for kind in (ints, doubles, strings)]
    text, whole, fact = strings(depth - 1, names), strings(0), KEYS.map(lambda key: f"facts.{key}")
    inner = (*names, f"x{len(names)}")
    macro = st.sampled_from(["all", "exists", "exists_one"])
    scoped = [joined("l.", macro, f"({inner[-1]}, ", bools(depth - 1, inner), ")")] if len(names) < 2 else []
    return st.one_of(
        plain,
        joined(part, st.sampled_from([" && ", " || "]), part),
        joined(part, st.sampled_from([" && ", " || "]), part, " && ", part),
        joined("!", part),
        *(joined(kind, order, kind) for kind in kinds),
        joined(whole, ".", st.sampled_from(["contains", "startsWith", "endsWith"]), "(", text, ")"),
        joined(whole, ".matches(", st.sampled_from(["'a'", "'^b?a'", "'(?i)AB'", "r'\\d+$'"]), ")"),
        joined(ints(depth - 1, names), " in ", lists(depth - 1, names)),
        joined(text, " in m"),
        joined(lists(depth - 1, names), st.sampled_from([" == ", " != "]), lists(depth - 1, names)),
        joined(fact, " == ", text),
        choice(part, depth - 1, names),
        *scoped,
    )


EXPRESSIONS = st.one_of(bools(3), ints(2), strings(2), doubles(2), lists(2))
ENVIRONMENT = celpy.Environment()
FAILED = "failed"
EXAMPLES = max(300, settings().max_examples)  # more with a Hypothesis profile that asks for more
VOCABULARY = """i j d s b l m facts x . , : ? ( ) [ ] { } + - * / % ! < <= == != && || in has all exists map filter
    size matches contains int string double duration timestamp getHours null true false 0 1 2.5 9223372036854775808
    'a' '(' "5m" r'\\d' __class__ __import__ // if _"""
TOKENS = st.sampled_from(VOCABULARY.split())


def ours(text: str, values: dict[str, Any]) -> Any:
    """What the compiled program gives."""
    program = compile_expression(text, DECLARED)
    assert isinstance(program, Program), f"{text}: {program}"
    found = program.evaluate(*(values[name] for name in VARIABLES))
    return FAILED if isinstance(found, Failure) else found


def theirs(text: str, values: dict[str, Any]) -> Any:
    """What celpy's evaluator gives."""
    program = ENVIRONMENT.program(ENVIRONMENT.compile(text))
    try:
        return native(program.evaluate({name: celpy.json_to_cel(value) for name, value in values.items()}))
    except celpy.CELEvalError:
        return FAILED


def native(value: Any) -> Any:
    """A value of celpy's as plain Python."""
    for kind, plain in ((celpy.celtypes.BoolType, bool), (int, int), (float, float), (str, str)):
        if isinstance(value, kind):
            return plain(value)
    return [native(item) for item in value]


def same(one: Any, two: Any) -> bool:
    """Equality that tells types apart and takes no number for itself."""
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    both_nan = isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two)
    return type(one) is type(two) and (one == two or both_nan)


@settings(max_examples=EXAMPLES, deadline=None)
@given(EXPRESSIONS, VALUES)
def test_the_same_as_the_evaluator_of_celpy(text: str, values: dict[str, Any]) -> None:
    assert same(ours(text, values), theirs(text, values)), (text, ours(text, values), theirs(text, values))


def checked(text: str, values: dict[str, Any]) -> None:
    """Compile, evaluate and explain any text: nothing may be raised."""
    program = compile_expression(text, DECLARED)
    if isinstance(program, CelProblem):
        assert program.line >= 1
        assert program.column >= 1
        assert "\n" not in str(program)
        return
    given_values = [values[name] for name in VARIABLES]
    found, explained = program.evaluate(*given_values), program.explain(*given_values)
    assert (explained.error is not None) == isinstance(found, Failure)
    assert explained.held is (found if isinstance(found, bool) else None)
    assert (explained.failed is not None) == (found is False or isinstance(found, Failure))
    if program.type == BOOL and isinstance(found, bool | Failure):
        unmet = program.unmet(*given_values)
        assert (unmet and unmet.part) == explained.failed
        assert (True if unmet is None else unmet.held) == found


@settings(deadline=None)
@given(st.text(max_size=60), VALUES)
def test_any_text_is_a_program_or_a_problem(text: str, values: dict[str, Any]) -> None:
    checked(text, values)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(TOKENS, max_size=12).map(" ".join), VALUES)
def test_any_tokens_are_a_program_or_a_problem(text: str, values: dict[str, Any]) -> None:
    checked(text, values)


@settings(deadline=None)
@given(EXPRESSIONS, VALUES)
def test_an_explanation_agrees_with_the_evaluation(text: str, values: dict[str, Any]) -> None:
    checked(text, values)


@settings(deadline=None)
@given(
    bools(3),
    st.lists(st.one_of(st.none(), TEXTS, st.integers(), DOUBLES, st.lists(TEXTS)), min_size=8, max_size=8),
)
def test_any_values_give_a_result_or_a_failure(text: str, values: list[Any]) -> None:
    checked(text, dict(zip(VARIABLES, values, strict=True)))
