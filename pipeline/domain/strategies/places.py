"""Where in a file a mistake in an expression is: its own place, counted from that of the value that holds it."""

from __future__ import annotations

from pipeline.domain.strategies.cel.problems import CelProblem
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Path, Source


def located(source: Source, problem: CelProblem, path: Path, skipped: int = 0) -> Problem:
    """The problem of the expression at `path`, of whose text the first `skipped` characters are not part of it."""
    place = source.place(path)
    line, column = place.line, place.column
    if place.exact and problem.line == 1:
        column += skipped + problem.column - 1
    elif not place.exact:
        line += problem.line - 1
    return Problem(source.file, line, column, problem.message, problem.suggestion or "correct the condition")
