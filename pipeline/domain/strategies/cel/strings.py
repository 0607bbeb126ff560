"""Strings of generated code. A predicate on null is false: no condition must ask whether there is a text."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import re2

from pipeline.domain.strategies.cel.problems import CelError
from pipeline.domain.strategies.cel.values import mismatch

MAX_PATTERN_BYTES = 1 << 18
Search = Callable[[str], Any]


@functools.lru_cache(maxsize=64)
def pattern(text: str) -> Search:
    """The search of an RE2 regular expression (linear time). Raises CelError `bad_pattern`."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = MAX_PATTERN_BYTES
    try:
        search: Search = re2.compile(text, options=options).search
    except (re2.error, UnicodeError) as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise CelError("bad_pattern", f"not a regular expression: {reason}") from None
    return search


def search_for(regex: Any) -> Search | None:
    """The search of a pattern that is known only now; of null there is none."""
    if regex is None:
        return None
    if type(regex) is str:
        return pattern(regex)
    raise mismatch("matches()", regex)


def found(search: Search | None, text: Any) -> bool:
    """Whether a pattern is found in a text."""
    if text is None or search is None:
        return False
    if type(text) is str:
        return search(text) is not None
    raise mismatch("matches()", text)


def _predicate(name: str, test: Callable[[str, str], bool]) -> Callable[[Any, Any], bool]:
    def check(text: Any, part: Any) -> bool:
        if type(text) is str and type(part) is str:
            return test(text, part)
        if text is None or part is None:
            return False
        raise mismatch(name, text, part)

    return check


contains = _predicate("contains()", lambda text, part: part in text)
starts_with = _predicate("startsWith()", str.startswith)
ends_with = _predicate("endsWith()", str.endswith)
UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
LOWER = {upper: lower for lower, upper in UPPER.items()}


def _change(name: str, change: Callable[[str], str]) -> Callable[[Any], str | None]:
    def changed(text: Any) -> str | None:
        if type(text) is str:
            return change(text)
        if text is None:
            return None
        raise mismatch(name, text)

    return changed


lower_ascii = _change("lowerAscii()", lambda text: text.translate(LOWER))
upper_ascii = _change("upperAscii()", lambda text: text.translate(UPPER))
trim = _change("trim()", str.strip)
