"""Compiled conditions give what two libraries' evaluators give, and any text gives a program or a problem."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import CelProblem, compile_expression
from pipeline.domain.strategies.cel.types import BOOL
from tests.conditions import reports
from tests.conditions.differential import Seen, compare, same
from tests.conditions.evaluators import LIBRARIES, Error, ours
from tests.conditions.expressions import DECLARED, VARIABLES, Sample, samples
from tests.conditions.known import DEVIATIONS, Deviation

# `make cel-differential` compares more of the same.
COMPARED = 2_000
SEED = 1
EXAMPLES = max(300, settings().max_examples)  # more with a Hypothesis profile that asks for more
VOCABULARY = """i j d s b l words m facts at span x . , : ? ( ) [ ] { } + - * / % ! < <= == != && || in has all
    exists exists_one filter map size matches contains join int string double bool dyn type duration timestamp
    getHours null true false 0 1 1u 2.5 1e400 0x7f 9223372036854775808 'a' '(' "5m" r'\\d' b'a' ''' \"\"\" ` \\ \\n
    '\\u00e9' __class__ __import__ format lambda // if _ ; @ é \x00 \ud800"""
TOKENS = st.sampled_from(VOCABULARY.split(" "))
GENERATED = st.integers(0, 2**32).map(lambda seed: next(samples(1, seed)))


@pytest.fixture(scope="module")
def seen() -> Seen:
    """The comparison of the first expressions of those that `make cel-differential` compares."""
    return compare(samples(COMPARED, SEED))


def test_the_same_as_the_evaluators_of_two_libraries(seen: Seen) -> None:
    assert seen.differences == []
    assert seen.kinds.total() == COMPARED
    assert len(seen.unchecked) < COMPARED / 50
    assert min(seen.agreed.values()) > COMPARED * 0.8


def test_a_value_is_of_the_type_that_the_compiler_says(seen: Seen) -> None:
    assert seen.untyped == []


def test_an_error_is_the_one_that_the_libraries_name(seen: Seen) -> None:
    assert seen.errors["same"] > 20 * seen.errors["other"]


def test_the_report_has_what_was_seen(seen: Seen) -> None:
    report = reports.differential(seen, SEED)
    assert (
        f"**{COMPARED:,} generated expressions (seed {SEED}): {COMPARED - len(seen.unchecked):,} confirmed"
        in report
    )
    assert report.count(f"| {DEVIATIONS[0].library} | ") > 1
    assert all(f"| {known.reason} |" in report for known in DEVIATIONS)


@pytest.mark.parametrize("known", DEVIATIONS, ids=str)
def test_where_a_library_is_not_cel(known: Deviation) -> None:
    sample = Sample(known.shown, next(samples(1, SEED)).values)
    theirs = LIBRARIES[known.library](sample)
    assert same(theirs, known.theirs)
    assert not same(theirs, ours(sample))


@pytest.mark.parametrize(
    ("text", "mine", "theirs"),
    [("1 + 1", 2, 3), ("1 + 1", 2, 2.0), ("[true]", [True], [1]), ("1 / 0", Error("divide_by_zero"), 0)],
)
def test_a_difference_is_found(text: str, mine: Any, theirs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LIBRARIES, "Rust", lambda sample: theirs)
    found = compare([Sample(text, next(samples(1, SEED)).values)])
    assert [(one.library, one.theirs) for one in found.differences] == [("Rust", theirs)]
    assert type(found.differences[0].ours) is type(mine)


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
@given(st.text(st.characters(), max_size=60), GENERATED)
def test_any_text_is_a_program_or_a_problem(text: str, sample: Sample) -> None:
    checked(text, sample.values)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(TOKENS, max_size=12), st.sampled_from(["", " "]), GENERATED)
def test_any_tokens_are_a_program_or_a_problem(tokens: list[str], between: str, sample: Sample) -> None:
    checked(between.join(tokens), sample.values)


@settings(max_examples=EXAMPLES, deadline=None)
@given(GENERATED, st.data())
def test_a_program_with_a_part_cut_out_is_a_program_or_a_problem(sample: Sample, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(sample.text)))
    end = data.draw(st.integers(start, len(sample.text)))
    checked(sample.text[:start] + sample.text[end:], sample.values)


@settings(deadline=None)
@given(GENERATED)
def test_an_explanation_agrees_with_the_evaluation(sample: Sample) -> None:
    checked(*sample)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@settings(deadline=None)
@given(GENERATED, st.lists(ANYTHING, min_size=len(VARIABLES), max_size=len(VARIABLES)))
def test_any_values_give_a_result_or_a_failure(sample: Sample, values: list[Any]) -> None:
    checked(sample.text, dict(zip(VARIABLES, values, strict=True)))
