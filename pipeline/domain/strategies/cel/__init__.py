"""Conditions in CEL, the Common Expression Language (github.com/google/cel-spec), compiled to Python code
objects.

`compile_expression` checks a condition against declared variables and gives a `Program` or a `CelProblem`; a
program is evaluated as often as wanted, is pure, and never raises: an error is a `Failure`.

Values are CEL's: 64-bit ints that overflow with an error, no silent conversion, `&&` and `||` that are
decided by either side even when the other is an error, a missing key an error. Supported are the operators,
lists, maps and `?:`; the macros has, all, exists, exists_one, map (of two and three arguments), filter; size,
contains, startsWith, endsWith, matches (RE2: linear time), lowerAscii, upperAscii, trim, join; int, double,
string, bool, timestamp, duration, dyn; arithmetic and getters of times, with zones. Refused, with a problem
that says so, are uint, bytes, type(), messages to construct, and what CEL has as extensions.

Where it differs from CEL:
- *Null is safe to ask.* A field or an element of null is null; contains, startsWith, endsWith, matches and
  `in` are false when they meet null, so that a condition on `event.text` need not ask first whether there is
  a text. lowerAscii, upperAscii and trim of null are null. Order, arithmetic, size and conversions of null
  are the error `null_value`.
- `has(x.y)` of a declared field is true when the field is not null (CEL: when it is not the default).
- Times have whole milliseconds, and are never values of unknown type: dyn() refuses them.
- ints and doubles compare with each other (as in CEL's own evaluators, but not in its type checker), exactly;
  and an int is taken where a double is the result that is wanted.

Bounds: 4,096 characters, 64 levels, 2 macros inside one another, 32 regular expressions, and 100,000 steps
(`too_much_work`). Steps are elements that macros, `==`, `in` and `+` walk through, each with one step more for
every 10 parts of the macro's body; inside of a macro also every call of a function, and again for every 64
characters that it is given. What an explanation evaluates again has one such allowance for all of its parts.
A condition reaches declared fields, keys of maps and the functions above; nothing else of a Python object has
a name in it.
"""

from __future__ import annotations

from pipeline.domain.strategies.cel.problems import CelProblem
from pipeline.domain.strategies.cel.program import Explanation, Program, compile_expression
from pipeline.domain.strategies.cel.types import Declarations, Duration, Timestamp

__all__ = [
    "CelProblem",
    "Declarations",
    "Duration",
    "Explanation",
    "Program",
    "Timestamp",
    "compile_expression",
]
