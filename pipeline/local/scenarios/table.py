"""The results of scenarios as a table for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.local.scenarios.check import ScenarioResult


def print_results(results: Iterable[ScenarioResult], console: Console) -> bool:
    """Print a row for each scenario, with what came out or what is wrong; whether all passed."""
    table = Table("#", "Scenario", "Result", "Commands", show_lines=True)
    passed = True
    for result in results:
        passed = passed and result.passed
        table.add_row(
            str(result.scenario.scenario),
            Text(result.scenario.title),
            Text("passed", "green") if result.passed else Text("\n".join(result.problems), "red"),
            Text(_commands(result)),
        )
    console.print(table)
    return passed


def _commands(result: ScenarioResult) -> str:
    counted = Counter(command.kind for command in result.commands)
    return "\n".join(f"{count} {kind}" for kind, count in sorted(counted.items())) or "none"
