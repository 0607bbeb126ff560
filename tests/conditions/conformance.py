"""Conformance cases of CEL, in the format of those that are public, and what the compiler makes of them.

The public ones are google/cel-spec's, tests/simple/testdata/*.textproto.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import (
    CelProblem,
    Declarations,
    Duration,
    Program,
    Timestamp,
    compile_expression,
)
from pipeline.domain.strategies.cel.types import CelType, type_of
from tests.conditions.textproto import Message, read

ANNOTATIONS: dict[str, Any] = {
    "BOOL": bool,
    "INT64": int,
    "DOUBLE": float,
    "STRING": str,
    "TIMESTAMP": Timestamp,
    "DURATION": Duration,
}
# What a file is about as a whole, where conditions have nothing of it.
EXTENSIONS = {
    "bindings_ext": "cel.bind()",
    "block_ext": "cel.block()",
    "encoders_ext": "base64",
    "macros2": "macros of two variables",
    "math_ext": "math.*",
    "network_ext": "IP addresses",
    "optionals": "optional values",
    "string_ext": "further functions of strings",
}
MESSAGES = "messages, their types and packages"
# Why a case is refused when it is compiled: a part of the problem → the reason.
REFUSALS = {
    "unsigned": "uint",
    "bytes are not": "bytes",
    "types are no values": "types as values",
    "messages and package names": MESSAGES,
    "ends too early|unknown name 'optional'": "optional values",
    "unknown name '(?!x')": MESSAGES,  # x is the name of variables, where a case declares any
    "unknown name|unknown function": "undeclared names, found at validation",
    "dyn.. does not take": "times of unknown type",
    "does not exist for|must be of one type|expected a condition": "types that do not fit, found at validation",
}
# What conditions do not have: to refuse it is no proof that an error in it is found.
ABSENT = {*EXTENSIONS.values(), MESSAGES, "uint", "bytes", "types as values"}
ROUNDED = "compared exactly, as the definition has it; the case rounds the int to a double"
FINER = "times have whole milliseconds"
# Where conditions differ from a case, and why.
DIFFERENT = {
    "comparisons/lt_literal/not_lt_dyn_int_big_lossy_double": ROUNDED,
    "comparisons/gt_literal/not_gt_dyn_big_double_int": ROUNDED,
    "comparisons/lte_literal/lte_dyn_big_double_int": ROUNDED,
    "comparisons/gte_literal/gte_dyn_int_big_lossy_double": ROUNDED,
    "timestamps/timestamp_conversions/toString_timestamp_nanos": FINER,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_negative": FINER,
    "timestamps/timestamp_arithmetic/add_time_to_duration_nanos_positive": FINER,
    "timestamps/timestamp_range/add_duration_nanos_over": FINER,
    "timestamps/timestamp_range/add_duration_nanos_under": FINER,
}


class NotApplicable(Exception):
    """A case is about what conditions do not have; the message names it."""


class Case(NamedTuple):
    """One case: where it stands, its expression, and all that is said of it."""

    file: str
    section: str
    name: str
    text: str
    message: Message

    def __str__(self) -> str:
        """Its place among the cases."""
        return f"{self.file}/{self.section}/{self.name}"


class Outcome(NamedTuple):
    """What came of a case: `verdict` is passed, refused (with the reason) or failed (with what was found)."""

    verdict: str
    reason: str = ""


def cases(directory: Path) -> Iterator[Case]:
    """All cases of the files of a directory, in order."""
    for path in sorted(directory.glob("*.textproto")):
        for section in read(path.read_text(encoding="utf-8")).get("section", []):
            for test in section.get("test", []):
                yield Case(path.stem, _word(section, "name"), _word(test, "name"), _word(test, "expr"), test)


def run(case: Case) -> Outcome:
    """Compile and evaluate a case, and compare."""
    try:
        declared, values = _variables(case.message)
        wanted, kind = _wanted(case.message)
    except NotApplicable as reason:
        return Outcome("refused", EXTENSIONS.get(case.file, str(reason)))
    program = compile_expression(case.text, declared)
    if isinstance(program, CelProblem):
        reason = EXTENSIONS.get(case.file) or _refusal(program)
        found_early = isinstance(wanted, Failure) and reason not in ABSENT
        return Outcome("passed") if found_early else Outcome("refused", reason)
    if kind is not None and not _fits(program.type, kind):
        return Outcome("failed", f"is of type {program.type}, not {kind}")
    if "check_only" in case.message:
        return Outcome("passed")
    return _compared(program, program.evaluate(*values), wanted)


def _compared(program: Program, found: Any, wanted: Any) -> Outcome:
    if isinstance(found, Failure) or isinstance(wanted, Failure):
        same = isinstance(found, Failure) and isinstance(wanted, Failure)
        return Outcome("passed") if same else Outcome("failed", f"{found!r}, not {wanted!r}")
    if isinstance(wanted, Time):
        same = program.type == wanted.type and found == wanted.milliseconds
    else:
        same = program.type.kind not in ("timestamp", "duration") and identical(found, wanted)
    return Outcome("passed") if same else Outcome("failed", f"{found!r}, not {wanted!r}")


def identical(one: Any, two: Any) -> bool:
    """Equality that tells 1 from 1.0 and from true, and takes no number for itself."""
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(identical, one, two))
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(identical(one[key], two[key]) for key in one)
    both_nan = isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two)
    return type(one) is type(two) and (one == two or both_nan)


def _refusal(problem: CelProblem) -> str:
    found = (reason for part, reason in REFUSALS.items() if re.search(part, problem.message))
    return next(found, str(problem))


class Time(NamedTuple):
    """A timestamp or a duration."""

    type: CelType
    milliseconds: int


def _variables(message: Message) -> tuple[Declarations, list[Any]]:
    """The declared variables of a case, and their values."""
    annotations: dict[str, Any] = {}
    for declared in message.get("type_env", []):
        if "ident" in declared:
            annotations[_word(declared, "name")] = _annotation(_one(_one(declared, "ident"), "type"))
    values: dict[str, Any] = {}
    for bound in message.get("bindings", []):
        name, held = _word(bound, "key"), _one(bound, "value")
        if "value" not in held:
            raise NotApplicable("unknown values")
        values[name] = value(_one(held, "value"))
        annotations.setdefault(name, object)
    annotations = {name: kind for name, kind in annotations.items() if name not in ("true", "false", "null")}
    if any("." in name for name in annotations):
        raise NotApplicable(MESSAGES)
    plain = (values.get(name) for name in annotations)
    return Declarations(annotations), [
        held.milliseconds if isinstance(held, Time) else held for held in plain
    ]


def _annotation(kind: Message) -> Any:
    if "primitive" in kind and kind["primitive"][0] in ANNOTATIONS:
        return ANNOTATIONS[kind["primitive"][0]]
    if "well_known" in kind and kind["well_known"][0] in ANNOTATIONS:
        return ANNOTATIONS[kind["well_known"][0]]
    if kind.get("message_type") in ([b"google.protobuf.Duration"], [b"google.protobuf.Timestamp"]):
        return ANNOTATIONS[_word(kind, "message_type").rpartition(".")[2].upper()]
    if "list_type" in kind:
        return list[_annotation(_one(_one(kind, "list_type"), "elem_type"))]  # type: ignore[misc]
    if "map_type" in kind:
        entry = _one(kind, "map_type")
        return dict[_annotation(_one(entry, "key_type")), _annotation(_one(entry, "value_type"))]  # type: ignore[misc]
    if "dyn" in kind or kind.get("well_known") == ["ANY"]:
        return object
    if "null" in kind:
        return None
    if "primitive" in kind:
        raise NotApplicable({"UINT64": "uint", "BYTES": "bytes"}[kind["primitive"][0]])
    raise NotApplicable("types as values" if "type" in kind else MESSAGES)


def _wanted(message: Message) -> tuple[Any, CelType | None]:
    """The value or Failure that is wanted, and the type, where it is told; no word of either is a true."""
    if "eval_error" in message:
        return Failure("error", "an error"), None
    if "typed_result" in message:
        result = _one(message, "typed_result")
        kind = type_of(_annotation(_one(result, "deduced_type")))
        return (value(_one(result, "result")) if "result" in result else None), kind
    return (value(_one(message, "value")) if "value" in message else True), None


def value(message: Message) -> Any:
    """A value of CEL in Python. Raises NotApplicable for one that no condition has."""
    [(name, [found, *_])] = message.items() if message else [("null_value", [None])]
    match name:
        case "int64_value" | "bool_value":
            return found
        case "double_value":
            return float(found)
        case "string_value":
            return found.decode()
        case "null_value":
            return None
        case "list_value":
            return [value(item) for item in found.get("values", [])]
        case "map_value":
            pairs = [(_one(entry, "key"), _one(entry, "value")) for entry in found.get("entries", [])]
            return {value(key): value(item) for key, item in pairs}
        case "object_value":
            return _time(found)
    raise NotApplicable({"uint64_value": "uint", "bytes_value": "bytes"}.get(name, "types as values"))


def _time(found: Message) -> Time:
    [(name, [parts])] = found.items()
    kind = name.rpartition(".")[2].upper()
    if kind not in ("TIMESTAMP", "DURATION"):
        raise NotApplicable(MESSAGES)
    nanoseconds = parts.get("seconds", [0])[0] * 1_000_000_000 + parts.get("nanos", [0])[0]
    if nanoseconds % 1_000_000:
        raise NotApplicable("times finer than a millisecond")
    return Time(type_of(ANNOTATIONS[kind]), nanoseconds // 1_000_000)


def _fits(found: CelType, wanted: CelType) -> bool:
    """Whether a type is the one wanted, or less is known of it."""
    if found.kind == "dyn" or wanted.kind == "dyn":
        return True
    return found.kind == wanted.kind and all(map(_fits, found.params, wanted.params))


def _one(message: Message, field: str) -> Any:
    return message[field][0]


def _word(message: Message, field: str) -> str:
    return str(_one(message, field).decode())
