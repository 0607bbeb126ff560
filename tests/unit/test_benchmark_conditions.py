"""The benchmark of conditions: all evaluators give the same answers, and the report has what was measured."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.conditions import DifferentAnswers, measure
from benchmarks.conditions_report import PLOT, Times, markdown, plot
from benchmarks.conditions_work import CONDITIONS, EVALUATORS, Evaluator

MEASURED = {
    "quick": {
        "us": Times([400.0, 500.0, 900.0], [1.0, 2.0, 9.0]),
        "them": Times([10.0] * 3, [4.0, 4.0, 4.0]),
    },
    "slow": {"us": Times([400.0] * 3, [8.0] * 3), "them": Times([10.0] * 3, [1000.0, 1000.0, 1.0])},
}


def named(name: str, answer: object) -> Evaluator:
    """An evaluator that gives one answer to everything."""
    return Evaluator(name, lambda text: lambda: answer, compiles=1, evaluations=1)


@pytest.mark.parametrize("text", CONDITIONS.values(), ids=CONDITIONS.keys())
def test_all_evaluators_give_the_same_answer(text: str) -> None:
    assert len({bool(make().compiled(text)()) for make in EVALUATORS}) == 1


def test_a_condition_with_different_answers_is_not_measured() -> None:
    with pytest.raises(DifferentAnswers, match="on a call"):
        measure([named("us", True), named("them", False)], {"on a call": "true"}, rounds=1)


def test_every_round_measures_all() -> None:
    measured = measure([named("us", True), named("them", True)], {"on a call": "true"}, rounds=3)
    assert [len(times.compiled) for times in measured["on a call"].values()] == [3, 3]
    assert all(taken > 0 for times in measured["on a call"].values() for taken in times.evaluated)


def test_the_report_has_medians_and_ratios() -> None:
    report = markdown(MEASURED, {"quick": "a || b", "slow": "b"}, {"Python": "CPython"})
    # Medians 2 and 8, 4 and 1,000: geometric means 4 µs, and 2 and 125 times as long, so 15.8 times.
    assert "**us evaluates a condition in 4.00 µs. them: 15.8 times as long**" in report
    assert "| quick | 2.00 | 4.00 (2.0) |" in report
    assert "| slow | 8.00 | 1,000 (125.0) |" in report
    assert "| quick | 500 | 10.00 (0.0) |" in report
    assert "| quick | `a \\|\\| b` |" in report


def test_the_plot_has_a_line_for_each(tmp_path: Path) -> None:
    plot(tmp_path, MEASURED)
    drawn = ElementTree.parse(tmp_path / PLOT)
    text = " ".join(element.text or "" for element in drawn.iter())
    assert "us" in text
    assert "them" in text
