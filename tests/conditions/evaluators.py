"""What our compiler and the evaluators of two libraries make of an expression, in values that compare."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

import cel
import celpy
from celpy import celtypes

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import CelProblem, compile_expression
from pipeline.domain.strategies.cel.types import CelType
from tests.conditions.conformance import Time
from tests.conditions.expressions import DECLARED, Sample

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
MILLISECOND = datetime.timedelta(milliseconds=1)
TIMES = {name: kind for name, kind in DECLARED.types.items() if kind.kind in ("timestamp", "duration")}
ENVIRONMENT = celpy.Environment()


class Error(NamedTuple):
    """An expression has no value; `words` say why, in the library's own words."""

    words: str


def ours(sample: Sample) -> Any:
    """What the compiled program gives. Raises AssertionError where the expression is refused."""
    program = compile_expression(sample.text, DECLARED)
    assert not isinstance(program, CelProblem), f"{sample.text}: {program}"
    found = program.evaluate(*sample.values.values())
    if isinstance(found, Failure):
        return Error(f"{found.code}: {found.message}")
    return Time(program.type, found) if program.type in TIMES.values() else found


def celpys(sample: Sample) -> Any:
    """What celpy's evaluator gives."""
    given = {name: _for_celpy(name, value) for name, value in sample.values.items()}
    try:
        return _plain(ENVIRONMENT.program(ENVIRONMENT.compile(sample.text)).evaluate(given))
    except celpy.CELEvalError as error:
        return Error(str(error.args[0]))
    except Exception as error:  # of any kind: not all that goes wrong is foreseen there
        return Error(f"{type(error).__name__}: {error}")


def rusts(sample: Sample) -> Any:
    """What the evaluator of the Rust crate gives."""
    given = {name: _for_rust(name, value) for name, value in sample.values.items()}
    try:
        found = cel.compile(sample.text).execute(given)
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:
        return Error(f"{type(error).__name__}: {error}")
    return _plain(found)


LIBRARIES: dict[str, Callable[[Sample], Any]] = {"celpy": celpys, "Rust": rusts}


def _for_celpy(name: str, value: Any) -> Any:
    return celpy.json_to_cel(_for_rust(name, value))


def _for_rust(name: str, value: Any) -> Any:
    if name not in TIMES:
        return value
    span = datetime.timedelta(milliseconds=value)
    return EPOCH + span if TIMES[name].kind == "timestamp" else span


def _plain(value: Any) -> Any:
    """A value of a library as ours are."""
    if isinstance(value, celpy.CELEvalError):  # one that a list or a map holds
        raise value
    if isinstance(value, datetime.datetime):
        return Time(CelType("timestamp"), (value - EPOCH) // MILLISECOND)
    if isinstance(value, datetime.timedelta):
        return Time(CelType("duration"), value // MILLISECOND)
    for kind, plain in ((celtypes.BoolType, bool), (bool, bool), (int, int), (float, float), (str, str)):
        if isinstance(value, kind):
            return plain(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return None if value is None else [_plain(item) for item in value]
