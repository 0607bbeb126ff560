"""Where the evaluators of the libraries are not CEL, each with its reason and an expression that shows it.

A difference is put down to one of these only when the expression, our answer and the library's all look like it.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from tests.conditions.evaluators import Error

CELPY, RUST = "celpy", "Rust"
FAILED = Error("")
"""Stands for any error in `theirs`."""
VALUE, ERROR = r"\A(?!Error)", r"\AError"
NO_OVERLOAD = "no such overload|no matching overload|unhashable"
INDEX, KEY, OVERFLOW = "index_out_of_range", "repeated_key", "overflow"


class Deviation(NamedTuple):
    """A library's deviation.

    `shown` is an expression without variables for which the library gives `theirs`. `text`, `our_answer` and
    `answer` are regular expressions for an expression, for what we give and for what the library gives.
    """

    library: str
    reason: str
    shown: str
    theirs: Any
    text: str
    our_answer: str
    answer: str

    def __str__(self) -> str:
        """Whose it is, and the reason."""
        return f"{self.library}: {self.reason}"

    def explains(self, library: str, text: str, ours: Any, theirs: Any) -> bool:
        """Whether a difference can be put down to this."""
        looks = ((self.text, text), (self.our_answer, repr(ours)), (self.answer, repr(theirs)))
        return library == self.library and all(re.search(part, whole, re.DOTALL) for part, whole in looks)


DEVIATIONS = (
    Deviation(
        CELPY,
        "a fact of another type is not unequal, but an error",
        "dyn(1) == 'a'",
        FAILED,
        r"facts\S* (==|!=)",
        "",
        NO_OVERLOAD,
    ),
    Deviation(
        CELPY,
        "ints and doubles do not compare",
        "1 < 1.5",
        FAILED,
        " (<|<=|>|>=|==|!=) ",
        "",
        NO_OVERLOAD,
    ),
    Deviation(
        CELPY,
        "a computed double divided by 0.0 is an error",
        "(1.5 + 1.5) / (1.5 - 1.5)",
        FAILED,
        " / ",
        VALUE,
        "divide by zero",
    ),
    Deviation(
        CELPY,
        "any double divided by 0.0 is +Infinity",
        "-1.0 / 0.0",
        math.inf,
        r"(\d\.\d+|1e3|d|\)) / ",
        "",
        VALUE,
    ),
    Deviation(
        CELPY,
        "no map() with a condition",
        "[1].map(x, true, x)",
        FAILED,
        r"\.map\(\w+, .*,",
        "",
        "too many values",
    ),
    Deviation(
        CELPY, "an index below 0 counts from the end", "[1, 2][-1]", 2, r"\]\[|\)\[|s\[|l\[", INDEX, VALUE
    ),
    Deviation(
        CELPY,
        "string() of a whole double has a fraction",
        "string(2.0)",
        "2.0",
        r"string\(",
        "",
        "",
    ),
    Deviation(
        CELPY, "bool() takes any text for true", "bool('12')", True, r"bool\(", "bad_conversion", VALUE
    ),
    Deviation(
        CELPY,
        "int() of a time before 1970 is rounded up",
        "int(timestamp('1969-12-31T23:59:59.5Z'))",
        0,
        r"int\(.*(at|timestamp)",
        VALUE,
        VALUE,
    ),
    Deviation(
        CELPY,
        "a difference of durations has no methods",
        "(duration('2h') - duration('1h')).getHours()",
        FAILED,
        r"\)\.get",
        "",
        NO_OVERLOAD,
    ),
    Deviation(
        CELPY,
        "a sum of texts has no methods",
        "('a' + 'b').contains('a')",
        FAILED,
        r"\)\.(contains|startsWith|endsWith|matches)",
        "",
        NO_OVERLOAD,
    ),
    Deviation(CELPY, "a bool is equal to 0 or 1", "dyn(false) == 0", True, r"facts\S* (==|!=)", VALUE, VALUE),
    Deviation(
        CELPY,
        "has() and size() hide an error in a map",
        "size({'a': 1 / 0})",
        1,
        r"(has|size)\((\{|\()",
        "",
        VALUE,
    ),
    Deviation(
        CELPY,
        "int() takes the double -2^63, which is out of its range",
        "int(-9223372036854775808.0)",
        -(2**63),
        r"int\(",
        OVERFLOW,
        VALUE,
    ),
    Deviation(
        CELPY,
        "!= hides an error in a map or a list of other size",
        "{'a': [][0], 'b': 1} != {'a': 1}",
        True,
        "!=|==",
        ERROR,
        VALUE,
    ),
    Deviation(
        CELPY,
        "the smallest int % -1 is no overflow",
        "-9223372036854775808 % -1",
        0,
        " % ",
        OVERFLOW,
        VALUE,
    ),
    Deviation(
        RUST,
        "no such function, or not for these types",
        "matches('a', 'a')",
        FAILED,
        r"(?<!\.)matches\(|int\(|bool\(|\.get\w+\('",
        "",
        ERROR,
    ),
    Deviation(RUST, "size() of a text counts bytes", "size('é')", 2, r"size\(", "", ""),
    Deviation(RUST, "the same key twice is no error", "{'a': 1, 'a': 2}", {"a": 2}, r"\{'a'", KEY, ""),
    Deviation(
        RUST,
        "string() of an infinite double",
        "string(1.0 / 0.0)",
        "inf",
        r"string\(.* / ",
        "",
        "inf|NaN|False|True",
    ),
    Deviation(
        RUST,
        "string() of a large double has no exponent",
        "string(1e22)",
        "10000000000000000000000",
        r"string\(",
        "",
        "",
    ),
    Deviation(
        RUST,
        "getters read a time in the zone that it was written in",
        "timestamp('1969-12-31T22:00:00+01:00').getHours()",
        22,
        "22:00:00",
        "",
        "",
    ),
    Deviation(
        RUST, "NaN has no order, which is an error", "0.0 / 0.0 < 1.0", FAILED, " / ", "", "No such overload"
    ),
    Deviation(
        RUST,
        "the smallest int cannot follow a -",
        "true || --9223372036854775808 > 0",
        FAILED,
        "--9",
        "",
        "Failed to parse",
    ),
    Deviation(
        RUST,
        "-x of the smallest int is no overflow",
        "-(-9223372036854775807 - 1) < 0",
        True,
        r"\(-",
        OVERFLOW,
        VALUE,
    ),
    Deviation(
        RUST,
        "exists and all end with the first error",
        "[1, 2].exists(x, 1 / (x - 1) == 1)",
        FAILED,
        r"\.(all|exists)\(",
        VALUE,
        ERROR,
    ),
)


def explanation(library: str, text: str, ours: Any, theirs: Any) -> Deviation | None:
    """The first deviation that a difference can be put down to."""
    return next((one for one in DEVIATIONS if one.explains(library, text, ours, theirs)), None)
