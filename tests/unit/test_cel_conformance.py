"""Conformance cases of our own, in the format of the public ones, which `make cel-conformance` runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conditions import reports
from tests.conditions.conformance import Case, Outcome, cases, run
from tests.conditions.textproto import read

OWN = list(cases(Path(__file__).parents[1] / "data" / "cel"))
ABSENT = {
    "uint": "uint",
    "bytes": "bytes",
    "type": "types as values",
    "message": "messages, their types and packages",
    "nanoseconds": "times finer than a millisecond",
    "mixed_results": "types that do not fit, found at validation",
    "undeclared": "undeclared names, found at validation",
}


@pytest.mark.parametrize("case", OWN, ids=str)
def test_a_case_of_our_own(case: Case) -> None:
    wanted = Outcome("refused", ABSENT[case.name]) if case.section == "absent" else Outcome("passed")
    assert run(case) == wanted


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('expr: "1 + 1" value { int64_value: 3 }', "2, not 3"),
        ('expr: "1 + 1" value { double_value: 2 }', "2, not 2.0"),
        ('expr: "1 + 1" eval_error {}', "2, not Failure"),
        ('expr: "1 / 0" value { int64_value: 3 }', "divide_by_zero"),
        (
            'expr: "1" typed_result { result { int64_value: 1 } deduced_type { primitive: STRING } }',
            "of type int",
        ),
        ("expr: \"duration('1s')\" value { int64_value: 1000 }", "1000, not 1000"),
    ],
)
def test_a_case_that_fails_is_told(message: str, reason: str) -> None:
    test = read(message)
    outcome = run(Case("file", "section", "name", test["expr"][0].decode(), test))
    assert outcome.verdict == "failed"
    assert reason in outcome.reason


def test_the_report_counts_every_case() -> None:
    report = reports.conformance((case, run(case)) for case in OWN)
    absent = sum(case.section == "absent" for case in OWN)
    assert f"| conditions | {len(OWN) - absent} | 0 | 0 | {absent} |" in report
    assert f"| {ABSENT['uint']} | 1 |" in report
