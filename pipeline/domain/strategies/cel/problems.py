"""What is wrong with the text of a condition, and what goes wrong when one is evaluated."""

from __future__ import annotations

import msgspec

from pipeline.domain.failures import Failure

SHOWN_KEY = 60


class CelProblem(msgspec.Struct, frozen=True):
    """Why a condition cannot be compiled; `line` and `column` count from 1, `suggestion` is what to write."""

    message: str
    line: int
    column: int
    suggestion: str | None = None

    def __str__(self) -> str:
        """The problem on one line."""
        hint = f"; {self.suggestion}" if self.suggestion else ""
        return f"line {self.line}, column {self.column}: {self.message}{hint}"


class Rejected(Exception):
    """Carries a problem from deep in the tree out of the compiler; never leaves this package."""

    def __init__(self, problem: CelProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


class CelError(Exception):
    """An error value of CEL on its way to the `&&`, `||` or macro that absorbs it, or out of the program."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class WorkExceeded(Exception):
    """The evaluation takes too long. Not a CelError: no `||` can absorb it and go on working."""


# What generated code can raise. Plain lookups and typed operations leave Python's own errors as they are,
# which keeps the ordinary case fast; the last three mean that a value is not of its declared type.
ERRORS = (CelError, LookupError, ArithmeticError, TypeError, AttributeError, ValueError)


def failure_of(error: Exception) -> Failure:
    """The failure that stands for an error of an evaluation."""
    if isinstance(error, CelError):
        return Failure(error.code, str(error))
    if isinstance(error, WorkExceeded | RecursionError):
        return Failure("too_much_work", "the condition takes too many steps for these values")
    if isinstance(error, KeyError):
        return Failure("no_such_key", f"the map has no key {str(error.args[0])[:SHOWN_KEY]!r}")
    if isinstance(error, IndexError):
        return Failure("index_out_of_range", "the list has no such element")
    return Failure("wrong_value", f"a value is not of its declared type ({type(error).__name__})")
