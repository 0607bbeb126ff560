"""What the benchmark of conditions measured, in Markdown and as a plot."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import geometric_mean, median
from typing import NamedTuple

from benchmarks.plots import lines

PLOT = "conditions.svg"


class Times(NamedTuple):
    """Microseconds that a condition took, one figure for each round: to be compiled, and to be evaluated."""

    compiled: list[float]
    evaluated: list[float]


Measured = dict[str, dict[str, Times]]
"""Condition → evaluator → times."""


def markdown(measured: Measured, conditions: dict[str, str], about: dict[str, str]) -> str:
    """The report: what the others take compared with the first evaluator, then all times."""
    evaluators = list(next(iter(measured.values())))
    first, others = evaluators[0], evaluators[1:]
    rounds = len(next(iter(measured.values()))[first].evaluated)
    middle = geometric_mean(median(row[first].evaluated) for row in measured.values())
    times = {
        other: geometric_mean(_ratio(row, first, other) for row in measured.values()) for other in others
    }
    headline = "; ".join(f"{other}: {times[other]:,.1f} times as long" for other in others)
    return "\n".join(
        [
            "# Conditions: results",
            "",
            f"**{first} evaluates a condition in {middle:.2f} µs. {headline}** (geometric means).",
            "",
            f"Processor time in µs, medians of {rounds} rounds in turns; in brackets, times ours.",
            "",
            "## To evaluate",
            "",
            *_table([(name, {one: row[one].evaluated for one in row}) for name, row in measured.items()]),
            "",
            f"![Time of an evaluation of each condition]({PLOT})",
            "",
            "## To compile",
            "",
            *_table([(name, {one: row[one].compiled for one in row}) for name, row in measured.items()]),
            "",
            "## The conditions",
            "",
            "| name | condition |",
            "|---|---|",
            *(f"| {name} | `{text.replace('|', chr(92) + '|')}` |" for name, text in conditions.items()),
            "",
            f"{first} checks types and compiles each condition three times over: as it is evaluated, as errors are "
            "absorbed, and as its first part that is false is found. It reads the pipeline's own records; the "
            "libraries read maps and lists, which are made before the clock runs. *New values*: the maps are "
            "handed over at each evaluation, as they are for a new event; the other columns of libraries find them "
            "made their own already. Before anything is measured all must give the same answer.",
            "Written by `make bench-conditions`.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )


def plot(directory: Path, measured: Measured) -> None:
    """Write the plot of the evaluations, the conditions in the order of the first evaluator's times."""
    evaluators = list(next(iter(measured.values())))
    rows = sorted(measured.values(), key=lambda row: median(row[evaluators[0]].evaluated))
    series = {
        one: [(number, math.log10(1000 * median(row[one].evaluated))) for number, row in enumerate(rows, 1)]
        for one in evaluators
    }
    lines(directory / PLOT, "Time of an evaluation", "conditions, by our time", "powers of ten, ns", series)


def _table(rows: list[tuple[str, dict[str, list[float]]]]) -> list[str]:
    evaluators = list(rows[0][1])
    return [
        f"| condition | {' | '.join(evaluators)} |",
        f"|---|{'---:|' * len(evaluators)}",
        *(f"| {name} | {' | '.join(_cells(times))} |" for name, times in rows),
    ]


def _cells(times: dict[str, list[float]]) -> list[str]:
    ours, *others = (median(one) for one in times.values())
    return [_figure(ours), *(f"{_figure(other)} ({other / ours:,.1f})" for other in others)]


def _figure(microseconds: float) -> str:
    return f"{microseconds:,.0f}" if microseconds >= 100 else f"{microseconds:.2f}"


def _ratio(row: dict[str, Times], first: str, other: str) -> float:
    return median(row[other].evaluated) / median(row[first].evaluated)
