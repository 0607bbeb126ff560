"""The results of scenarios as a table for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.local.scenarios.check import ScenarioResult
from pipeline.local.scenarios.form import Scenario


@dataclass
class Row:
    """A scenario and what came of it each way; None where it was not played."""

    scenario: Scenario
    in_memory: ScenarioResult | None
    on_broker: ScenarioResult | None


def print_results(rows: Iterable[Row], console: Console) -> bool:
    """Print a row for each scenario, with what came out or what is wrong; whether all that were played passed."""
    table = Table("#", "Scenario", "In memory", "On the broker", "Commands", show_lines=True)
    passed = True
    for row in rows:
        results = [result for result in (row.in_memory, row.on_broker) if result is not None]
        passed = passed and all(result.passed for result in results)
        table.add_row(
            str(row.scenario.scenario),
            Text(row.scenario.title),
            _verdict(row.in_memory),
            _verdict(row.on_broker),
            Text(_commands(results[-1])),
        )
    console.print(table)
    return passed


def _verdict(result: ScenarioResult | None) -> Text:
    if result is None:
        return Text("not played")
    return Text("passed", "green") if result.passed else Text("\n".join(result.problems), "red")


def _commands(result: ScenarioResult) -> str:
    counted = Counter(command.kind for command in result.commands)
    return "\n".join(f"{count} {kind}" for kind, count in sorted(counted.items())) or "none"
