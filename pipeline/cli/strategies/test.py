"""`throughline strategies test`: scenario files against strategies, in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import FAILED, AsJson, out, settings_or_stop, stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.given import BrandFile, CircumstancesFile, active_texts, rules_or_stop
from pipeline.domain.strategies.problems import Problem
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario, load
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.local.scenarios.verdict import as_values, in_words


def test(
    files: Annotated[list[Path], typer.Argument(help="Scenario files, or directories of them.")],
    strategies: Annotated[
        list[Path] | None,
        typer.Option(
            help="Strategy file, or a directory of them; may be repeated. The shipped pack if not given."
        ),
    ] = None,
    brand: BrandFile = None,
    circumstances: CircumstancesFile = None,
    as_json: AsJson = False,
) -> None:
    """Play scenario files against strategies, in memory: nothing is published, and no broker is needed.

    Of a scenario that fails it shows what was expected, what came instead, and all that was decided, with the
    reasons. Exit code 1 when one fails, 2 when a file is wrong.
    """
    settings = settings_or_stop(brand=brand)
    rules = rules_or_stop(active_texts(settings, strategies or []), settings, circumstances)
    results = [(file, check(one, MemoryDriver(), rules)) for file, one in _scenarios(files)]
    failed = sum(not result.passed for _, result in results)
    if as_json:
        values = [as_values(file, result) for file, result in results]
        report = {"passed": len(results) - failed, "failed": failed, "scenarios": values}
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        for file, result in results:
            out.print(in_words(file, result))
        out.print(f"{len(results) - failed} passed, {failed} failed")
    raise typer.Exit(FAILED if failed else 0)


def _scenarios(paths: list[Path]) -> list[tuple[Path, Scenario]]:
    """The scenarios by their files, or exit 2 with a line for every mistake in any of them."""
    found: list[tuple[Path, Scenario]] = []
    problems: list[Problem] = []
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            stop(f"{path}: no scenario (*.yaml) is there; name a directory that has some")
        for file in files:
            scenario = load(file)
            if isinstance(scenario, list):
                problems += scenario
            else:
                found.append((file, scenario))
    if problems:
        stop_for(problems)
    return found
