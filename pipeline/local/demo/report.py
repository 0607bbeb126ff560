"""What a played scenario came to, for people and for machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.domain.messages import ActionCommand, Decision, Outcome
from pipeline.local.demo.figures import latency_summary
from pipeline.local.demo.words import not_done


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """A command as it came: `at` in epoch milliseconds; `before_submit_s` is how long before the form was
    submitted, in seconds, negative when it came after.
    """

    kind: str
    at: int
    event_id: str | None
    action_id: str
    latency_ms: float
    before_submit_s: float | None


class Outcomes(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario: what is wrong with it (nothing: passed), its commands, and what was not done and why."""

    id: int
    title: str
    problems: list[str]
    commands: list[Played]
    not_done: list[str]

    @property
    def passed(self) -> bool:
        """Whether all came out that the scenario demands, and nothing else."""
        return not self.problems


def played(command: ActionCommand, latency_ms: float, received: float, submitted: float | None) -> Played:
    """The command's row; `received` and `submitted` are seconds of one clock."""
    return Played(
        kind=command.kind,
        at=command.decided_at,
        event_id=command.event_id,
        action_id=command.action_id,
        latency_ms=round(latency_ms, 1),
        before_submit_s=None if submitted is None else round(submitted - received, 3),
    )


def refusals(decisions: Sequence[Decision], outcome: Outcome = "suppressed") -> list[str]:
    """Of every step what was said last, if that was no; earlier refusals were only not yet."""
    last = {(decision.strategy_id, decision.step): decision for decision in decisions}
    return [not_done(decision) for decision in last.values() if decision.outcome == outcome]


def ending(outcomes: Outcomes) -> str:
    """The scenario in one sentence: how long before the form was submitted, or why not."""
    early = {
        command.kind: command.before_submit_s
        for command in reversed(outcomes.commands)
        if command.before_submit_s is not None and command.before_submit_s > 0
    }
    if "refund" in early and "send_message" in early:
        return (
            f"The refund was out {early['refund']:.1f} s and the text {early['send_message']:.1f} s "
            "before the form was submitted."
        )
    return " ".join(f"{refusal}." for refusal in outcomes.not_done) or "Nothing came before the submission."


def as_json(outcomes: Sequence[Outcomes], dead_letters: int) -> dict[str, Any]:
    """The whole demo, for machines."""
    latencies = [command.latency_ms for one in outcomes for command in one.commands]
    return {
        "scenarios": [{**msgspec.to_builtins(one), "passed": one.passed} for one in outcomes],
        "latency_ms": latency_summary(latencies),
        "dead_letters": dead_letters,
    }
