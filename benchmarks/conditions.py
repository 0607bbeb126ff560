"""`python -m benchmarks.conditions`: conditions compiled and evaluated here, in Rust and in celpy.

Writes CONDITIONS.md and its plot.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from benchmarks.conditions_report import Measured, Times, markdown, plot
from benchmarks.conditions_work import CONDITIONS, EVALUATORS, Evaluator

RESULTS = Path(__file__).with_name("CONDITIONS.md")

_err = Console(stderr=True, highlight=False)


class DifferentAnswers(Exception):
    """The evaluators do not agree on a condition; the message says which."""


def measure(evaluators: list[Evaluator], conditions: dict[str, str], rounds: int) -> Measured:
    """Times of all conditions with all evaluators, in turns. Raises DifferentAnswers when they do not agree."""
    measured: Measured = {}
    for name, text in conditions.items():
        answers = {one.name: bool(one.compiled(text)()) for one in evaluators}
        if len(set(answers.values())) > 1:
            raise DifferentAnswers(f"{name}: {answers}")
        measured[name] = {one.name: Times([], []) for one in evaluators}
    for _ in track(range(rounds), "Rounds", transient=True, console=_err):
        for name, text in conditions.items():
            for one in evaluators:
                taken = measured[name][one.name]
                taken.compiled.append(_microseconds(lambda: one.compiled(text), one.compiles))  # noqa: B023
                taken.evaluated.append(_microseconds(one.compiled(text), one.evaluations))
    return measured


def _microseconds(function: Callable[[], Any], times: int) -> float:
    """The mean processor time of a call; what a first call prepares is not counted."""
    function()
    started = time.process_time_ns()
    for _ in range(times):
        function()
    return (time.process_time_ns() - started) / times / 1000


def main(rounds: Annotated[int, typer.Option(min=1, help="Rounds; their median counts.")] = 5) -> None:
    """Compile and evaluate typical conditions here, in the Rust binding and in celpy, and compare.

    Exit code 1 when they do not give the same answers.
    """
    try:
        measured = measure([make() for make in EVALUATORS], CONDITIONS, rounds)
    except DifferentAnswers as error:
        _err.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from None
    about = {
        "Rust binding": f"common-expression-language {version('common-expression-language')}",
        "celpy": f"cel-python {version('cel-python')}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "cores": f"{os.cpu_count()} ({platform.machine()}, {platform.system()}), one of them used",
    }
    plot(RESULTS.parent, measured)
    report = markdown(measured, CONDITIONS, about)
    RESULTS.write_text(report, encoding="utf-8")
    typer.echo(report.splitlines()[2].replace("*", ""))
    typer.echo(f"Written: {RESULTS}")


if __name__ == "__main__":
    typer.run(main)
