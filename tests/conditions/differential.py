"""The compiler beside two libraries' evaluators, on generated expressions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from pipeline.domain.strategies.cel import Program, compile_expression
from tests.conditions.conformance import Time, identical
from tests.conditions.evaluators import LIBRARIES, Error, ours
from tests.conditions.expressions import DECLARED, Sample
from tests.conditions.known import explanation

RESULTS: dict[str, type] = {
    "bool": bool,
    "int": int,
    "double": float,
    "string": str,
    "list": list,
    "map": dict,
}

# What the libraries call an error → what we do.
ERRORS = {
    "ZeroDivisionError|divide by zero": "divide_by_zero",
    "IndexError|^invalid_argument": "index_out_of_range",
    "KeyError|no such key|no such member": "no_such_key",
    "OverflowError": "overflow",
    "Duplicate key": "repeated_key",
}


class Difference(NamedTuple):
    """An expression of which a library thinks otherwise, and nothing that is known of it says why."""

    library: str
    sample: Sample
    ours: Any
    theirs: Any


class Seen(NamedTuple):
    """What came of a comparison.

    `kinds`: expressions by what they gave. `errors`: errors on both sides that are of the `same` kind, or of an
    `other` one, where the library names it: of two errors in an expression, CEL leaves open which one counts.
    `agreed`, `put_down`: answers by library, and by known deviation.
    `unchecked`: expressions that no library could be compared on. `untyped`: those whose value is not of the
    type that the compiler says.
    """

    kinds: Counter[str]
    errors: Counter[str]
    agreed: Counter[str]
    put_down: Counter[str]
    unchecked: list[Sample]
    untyped: list[Sample]
    differences: list[Difference]


def compare(samples: Iterable[Sample]) -> Seen:
    """Evaluate all the samples three times."""
    seen = Seen(Counter(), Counter(), Counter(), Counter(), [], [], [])
    for sample in samples:
        mine = ours(sample)
        seen.kinds[_kind(mine)] += 1
        if not _typed(sample, mine):
            seen.untyped.append(sample)
        agreed = [library for library in LIBRARIES if _agrees(library, sample, mine, seen)]
        seen.agreed.update(agreed)
        if not agreed:
            seen.unchecked.append(sample)
    return seen


def same(one: Any, two: Any) -> bool:
    """Whether two answers are the same value of the same type, or both errors."""
    if isinstance(one, Error) or isinstance(two, Error):
        return isinstance(one, Error) and isinstance(two, Error)
    return identical(one, two)


def _agrees(library: str, sample: Sample, mine: Any, seen: Seen) -> bool:
    theirs = LIBRARIES[library](sample)
    if same(mine, theirs):
        named = _named(theirs)
        if named is not None:
            seen.errors["same" if _kind(mine) == f"error: {named}" else "other"] += 1
        return True
    known = explanation(library, sample.text, mine, theirs)
    if known is None:
        seen.differences.append(Difference(library, sample, mine, theirs))
    else:
        seen.put_down[str(known)] += 1
    return False


def _kind(value: Any) -> str:
    if isinstance(value, Error):
        return f"error: {value.words.partition(':')[0]}"
    if isinstance(value, Time):
        return value.type.kind
    return next(kind for kind, plain in RESULTS.items() if type(value) is plain)


def _named(theirs: Any) -> str | None:
    """The kind of a library's error, where its words tell."""
    words = theirs.words if isinstance(theirs, Error) else ""
    return next((kind for part, kind in ERRORS.items() if re.search(part, words)), None)


def _typed(sample: Sample, value: Any) -> bool:
    program = compile_expression(sample.text, DECLARED)
    assert isinstance(program, Program)
    return isinstance(value, Error) or program.type.kind in (_kind(value), "dyn")
