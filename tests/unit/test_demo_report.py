"""The demo's figures and verdicts."""

from __future__ import annotations

import json

import msgspec
import pytest

from pipeline.domain.messages import Decision, Outcome, Reason
from pipeline.local.demo.figures import latency_summary, percentile
from pipeline.local.demo.report import Outcomes, Played, as_json, ending, refusals


def row(kind: str, before_submit_s: float | None, latency_ms: float = 20.0) -> Played:
    return Played(
        kind=kind,
        at=1,
        event_id="e",
        action_id=kind,
        latency_ms=latency_ms,
        before_submit_s=before_submit_s,
    )


def outcomes(*commands: Played, problems: tuple[str, ...] = (), not_done: tuple[str, ...] = ()) -> Outcomes:
    return Outcomes(
        id=1, title="t", problems=list(problems), commands=list(commands), not_done=list(not_done)
    )


def decision(step: str, outcome: Outcome, rule: str) -> Decision:
    return Decision(
        decision_id=rule,
        customer_id="c",
        outcome=outcome,
        strategy_id="s",
        strategy_version=1,
        attempt_key="k",
        step=step,
        reasons=[Reason(rule=rule, held=False)],
    )


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.5, 50), (0.51, 51), (0.95, 95), (0.99, 99), (1.0, 100)]
)
def test_a_percentile_is_a_value_by_nearest_rank(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_a_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_the_summary_of_no_latencies_has_no_figures() -> None:
    assert latency_summary([]) == {"p50": None, "p95": None, "p99": None, "count": 0}
    assert latency_summary([3.04, 1.0, 2.0]) == {"p50": 2.0, "p95": 3.0, "p99": 3.0, "count": 3}


def test_the_last_refusal_of_a_step_counts_and_none_when_it_was_taken_after_all() -> None:
    taken = [decision("refund", "suppressed", "has(reason)"), decision("refund", "fired", "value > 1")]
    refused = [
        decision("refund", "suppressed", "has(reason)"),
        decision("refund", "suppressed", "value > 1"),
    ]
    assert refusals(taken) == []
    assert refusals(refused) == ["No refund (s): value > 1 does not hold"]


def test_the_ending_tells_how_long_before_the_submission() -> None:
    done = outcomes(row("refund", 9.87), row("send_message", 9.81), row("send_message", -0.1))
    assert ending(done) == ("The refund was out 9.9 s and the text 9.8 s before the form was submitted.")


def test_the_ending_tells_why_not() -> None:
    refused = outcomes(row("send_message", -0.1), not_done=("No refund (s): x does not hold",))
    assert ending(refused) == "No refund (s): x does not hold."


def test_a_refund_after_the_submission_is_not_told_as_one_before_it() -> None:
    late = outcomes(row("refund", -0.2), row("send_message", -0.2))
    assert ending(late) == "Nothing came before the submission."


def test_the_figures_for_machines() -> None:
    good = outcomes(row("refund", 1.5, 10.0), row("send_message", None, 30.0))
    bad = outcomes(problems=("The refund did not come.",))
    figures = as_json([good, bad], 2)
    assert json.loads(json.dumps(figures)) == figures
    assert [one["passed"] for one in figures["scenarios"]] == [True, False]
    assert figures["scenarios"][1]["problems"] == ["The refund did not come."]
    assert figures["scenarios"][0]["commands"][0] == msgspec.to_builtins(row("refund", 1.5, 10.0))
    assert figures["latency_ms"] == {"p50": 10.0, "p95": 30.0, "p99": 30.0, "count": 2}
    assert figures["dead_letters"] == 2
