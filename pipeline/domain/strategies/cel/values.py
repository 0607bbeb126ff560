"""Arithmetic, order and conversions of values whose types are known only at run time, with CEL's own rules.

An int has 64 bits and overflows with an error; a bool is no number, though Python takes it for one; nothing
is converted silently. Operations that need no check are plain Python in the generated code and not here.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable
from typing import Any

from pipeline.domain.strategies.cel.problems import CelError

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
WHOLE = re.compile(r"[+-]?[0-9]{1,20}")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?|[+-]?(Infinity|Inf)|NaN")
TRUTHS = {
    **dict.fromkeys(("true", "True", "TRUE", "t", "1"), True),
    **dict.fromkeys(("false", "False", "FALSE", "f", "0"), False),
}
KINDS = {bool: "bool", int: "int", float: "double", str: "string", list: "list", tuple: "list", dict: "map"}


def mismatch(operation: str, *values: Any) -> CelError:
    """The error of an operation that does not exist for these values."""
    if any(value is None for value in values):
        return CelError("null_value", f"{operation} of null")
    kinds = ", ".join(KINDS.get(type(value), type(value).__name__) for value in values)
    return CelError("no_such_overload", f"{operation} does not exist for {kinds}")


def unexpected(wanted: str, value: Any) -> CelError:
    """The error of a value that is not of the type that is wanted."""
    if value is None:
        return CelError("null_value", f"expected {wanted}, found null")
    return CelError(
        "no_such_overload", f"expected {wanted}, found {KINDS.get(type(value), 'something else')}"
    )


def truth(value: Any) -> bool:
    """A value that is used as a condition."""
    if value is True or value is False:
        return value
    raise unexpected("a condition", value)


def in_range(operation: str, number: int) -> int:
    """The number, if it has 64 bits."""
    if INT_MIN <= number <= INT_MAX:
        return number
    raise CelError("overflow", f"the result of {operation} does not fit into 64 bits")


def add(left: Any, right: Any) -> Any:
    """The sum of two ints or two doubles."""
    return _arithmetic("+", operator.add, left, right)


def subtract(left: Any, right: Any) -> Any:
    """The difference of two ints or two doubles."""
    return _arithmetic("-", operator.sub, left, right)


def multiply(left: Any, right: Any) -> Any:
    """The product of two ints or two doubles."""
    return _arithmetic("*", operator.mul, left, right)


def _arithmetic(sign: str, operation: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return in_range(sign, operation(left, right))
        if kind is float:
            return operation(left, right)
    raise mismatch(sign, left, right)


def divide(left: Any, right: Any) -> Any:
    """The quotient: of ints truncated toward zero, of doubles as IEEE 754 has it (x / 0.0 is infinite)."""
    kind = type(left)
    if kind is type(right):
        if kind is int:
            return in_range("/", _truncated(left, _divisor("/", right)))
        if kind is float:
            if right == 0.0:
                sign = math.copysign(1.0, left) * math.copysign(1.0, right)
                return math.nan if left == 0.0 or math.isnan(left) else sign * math.inf
            return left / right
    raise mismatch("/", left, right)


def remainder(left: Any, right: Any) -> Any:
    """The remainder of two ints, with the sign of the dividend."""
    if type(left) is int and type(right) is int:
        in_range("%", _truncated(left, _divisor("%", right)))
        return left - _truncated(left, right) * right
    raise mismatch("%", left, right)


def _divisor(sign: str, number: int) -> int:
    if number == 0:
        raise CelError("divide_by_zero", f"the right side of {sign} is 0")
    return number


def _truncated(left: int, right: int) -> int:
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def negate(value: Any) -> Any:
    """The number with the other sign."""
    if type(value) is int:
        return in_range("-", -value)
    if type(value) is float:
        return -value
    raise mismatch("-", value)


def invert(value: Any) -> bool:
    """The other truth value."""
    return not truth(value)


def _order(sign: str, operation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def compare(left: Any, right: Any) -> bool:
        one, two = type(left), type(right)
        if (one is two and one in (str, bool, int, float)) or (one in (int, float) and two in (int, float)):
            return operation(left, right)
        raise mismatch(sign, left, right)

    return compare


less = _order("<", operator.lt)
less_equal = _order("<=", operator.le)
greater = _order(">", operator.gt)
greater_equal = _order(">=", operator.ge)


def to_int(value: Any) -> int:
    """int(): a double truncated toward zero, a string of decimal digits."""
    if type(value) is int:
        return value
    if type(value) is float:
        if not INT_MIN < value < INT_MAX:  # written so that it also refuses NaN
            raise CelError("overflow", "the double does not fit into an int")
        return int(value)
    if type(value) is str:
        if not WHOLE.fullmatch(value):
            raise CelError("bad_conversion", "the string is not a whole number")
        return in_range("int()", int(value))
    raise mismatch("int()", value)


def to_double(value: Any) -> float:
    """double(): an int, or a string with a decimal number."""
    if type(value) in (int, float):
        return float(value)
    if type(value) is str:
        if not NUMBER.fullmatch(value):
            raise CelError("bad_conversion", "the string is not a number")
        return float(value)
    raise mismatch("double()", value)


def to_string(value: Any) -> str:
    """string(): a whole double is written without a fraction, as in Go."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is int:
        return str(value)
    if type(value) is float:
        if math.isinf(value):
            return "+Inf" if value > 0 else "-Inf"
        if math.isnan(value):
            return "NaN"
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e21 else repr(value)
    raise mismatch("string()", value)


def to_bool(value: Any) -> bool:
    """bool(): a string such as true, t or 1."""
    if type(value) is bool:
        return value
    if type(value) is str:
        if value not in TRUTHS:
            raise CelError("bad_conversion", "the string is neither true nor false")
        return TRUTHS[value]
    raise mismatch("bool()", value)


def _exactly(name: str, *kinds: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) in kinds:
            return float(value) if name == "double" else value
        raise unexpected(name, value)

    return check


# Results whose type is known only at run time. A whole number is a good amount of money too: an int is
# taken for a double.
want_bool = _exactly("bool", bool)
want_int = _exactly("int", int)
want_double = _exactly("double", float, int)
want_string = _exactly("string", str)


def or_null(want: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The same check, which lets null pass."""
    return lambda value: None if value is None else want(value)
