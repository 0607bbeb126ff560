"""What came of a scenario, in words for people and as values for machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.text import Text

from pipeline.domain.messages import ActionCommand, Decision
from pipeline.local.scenarios.check import ScenarioResult


def in_words(file: Path, result: ScenarioResult) -> Text:
    """A line for a scenario that passed; for one that failed what is wrong, and all that was decided in it."""
    scenario = result.scenario
    text = Text.assemble(
        ("passed", "green") if result.passed else ("FAILED", "bold red"),
        f"  {scenario.scenario}  {scenario.title}  ",
        (str(file), "dim"),
    )
    for problem in result.problems:
        text.append(f"\n    {problem}", "red")
    if not result.passed:
        start = round(scenario.given.start.timestamp() * 1_000)
        lines = [_decided(decision, start, result.commands) for decision in result.decisions]
        text.append("\n    Decided was:\n" + "\n".join(lines) if lines else "\n    Nothing was decided.")
    return text


def as_values(file: Path, result: ScenarioResult) -> dict[str, Any]:
    """The same for machines; decisions and commands are as on their topics."""
    return {
        "file": str(file),
        "scenario": result.scenario.scenario,
        "title": result.scenario.title,
        "passed": result.passed,
        "problems": result.problems,
        "commands": msgspec.to_builtins(result.commands),
        "decisions": msgspec.to_builtins(result.decisions),
    }


def _decided(decision: Decision, start: int, commands: list[ActionCommand]) -> str:
    kinds = [command.kind for command in commands if command.action_id in decision.action_ids]
    rules = [reason for reason in decision.reasons if not reason.held] or decision.reasons
    because = "; ".join(
        reason.rule + "".join(f" ({name} is {value})" for name, value in reason.values.items())
        for reason in rules
    )
    return (
        f"      {_offset(decision.decided_at - start)}  {decision.strategy_id}/{decision.step} {decision.outcome}"
        + (f" {', '.join(kinds)}" if kinds else "")
        + (f": {because}" if because else "")
    )


def _offset(ms: int) -> str:
    """A time after the start (before it with a minus sign), as scenario files write it."""
    rest, written = abs(ms) // 1_000, ""
    for unit, seconds in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if rest >= seconds:
            written += f"{rest // seconds}{unit}"
            rest %= seconds
    return ("-" if ms < 0 else "") + (written + f"{rest}s" if rest or not written else written)
