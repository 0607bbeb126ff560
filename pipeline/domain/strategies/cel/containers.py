"""Equality, lists, maps and macros of generated code.

Everything that can walk through a collection spends fuel, so that no condition works for longer than it
should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pipeline.domain.strategies.cel.problems import ERRORS, CelError, WorkExceeded
from pipeline.domain.strategies.cel.values import add, mismatch, truth

MAX_WORK = 100_000
CHARACTERS_A_STEP = 64
Fuel = list[int]
Test = Callable[[Any], Any]


def new_fuel() -> Fuel:
    """The work that one evaluation may do: steps of macros and elements compared."""
    return [MAX_WORK]


def spend(fuel: Fuel, steps: int) -> None:
    """Take `steps` from the fuel. Raises WorkExceeded when there is not enough."""
    fuel[0] -= steps
    if fuel[0] < 0:
        raise WorkExceeded


def charged(fuel: Fuel, function: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function on strings, which costs a step and one more for every 64 characters."""
    spend(
        fuel,
        1 + sum(len(argument) for argument in arguments if isinstance(argument, str)) // CHARACTERS_A_STEP,
    )
    return function(*arguments)


def made(fuel: Fuel, literal: Any) -> Any:
    """A list or map that a macro makes again and again: a step for each element."""
    spend(fuel, len(literal))
    return literal


def concatenate(fuel: Fuel, left: Any, right: Any) -> Any:
    """`+`: two strings or two lists after one another, or the sum of numbers."""
    if type(left) is str and type(right) is str:
        spend(fuel, (len(left) + len(right)) // CHARACTERS_A_STEP)
        return left + right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        spend(fuel, len(left) + len(right))
        return [*left, *right]
    return add(left, right)


def join(fuel: Fuel, items: Any, separator: Any) -> str | None:
    """`join()`: the strings of a list, one after another; of null it is null."""
    if items is None:
        return None
    if not isinstance(items, list | tuple) or type(separator) is not str:
        raise mismatch("join()", items, separator)
    for item in items:
        if type(item) is not str:
            raise mismatch("join()", item)
        spend(fuel, 1 + (len(item) + len(separator)) // CHARACTERS_A_STEP)
    return separator.join(items)


def equal(fuel: Fuel, left: Any, right: Any) -> bool:
    """CEL's equality: numbers by value, anything else of different types is different."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        if len(left) != len(right):
            return False
        spend(fuel, len(left))
        return all(equal(fuel, one, two) for one, two in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        if left.keys() != right.keys():
            return False
        spend(fuel, len(left))
        return all(equal(fuel, one, right[key]) for key, one in left.items())
    return bool(left == right)


def within(fuel: Fuel, item: Any, container: Any) -> bool:
    """`item in container`: an element of a list or a key of a map; nothing is in null."""
    if container is None:
        return False
    if isinstance(container, dict):
        return _is_key(item) and item in container
    if isinstance(container, list | tuple):
        spend(fuel, len(container))
        return any(equal(fuel, item, element) for element in container)
    raise mismatch("in", item, container)


def _is_key(value: Any) -> bool:
    return type(value) in (str, int, bool)


def index(container: Any, key: Any) -> Any:
    """`container[key]`; of null it is null."""
    if container is None:
        return None
    if isinstance(container, dict):
        if not _is_key(key):
            raise mismatch("a key", key)
        if key in container:
            return container[key]
        raise KeyError(key)
    if isinstance(container, list | tuple) and type(key) is int:
        if 0 <= key < len(container):
            return container[key]
        raise CelError("index_out_of_range", f"the list has {len(container)} elements and none at {key}")
    raise mismatch("[]", container, key)


def select(value: Any, field: str) -> Any:
    """`value.field` of a map whose type is not declared; of null it is null."""
    if value is None:
        return None
    if isinstance(value, dict):
        return value[field]
    raise mismatch(f".{field}", value)


def has_key(value: Any, field: str) -> bool:
    """`has(value.field)` of a map; null has no keys."""
    if value is None:
        return False
    if isinstance(value, dict):
        return field in value
    raise mismatch("has()", value)


def size(value: Any) -> int:
    """The number of characters (code points), elements or keys."""
    if isinstance(value, str | list | tuple | dict):
        return len(value)
    raise mismatch("size()", value)


def new_map(entries: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """A map from its entries; equal keys are an error, and so are bool and int keys in one map."""
    built: dict[Any, Any] = {}
    for key, value in entries:
        if not _is_key(key):
            raise mismatch("a key", key)
        if key in built:
            raise CelError("repeated_key", "two keys of the map are the same")
        built[key] = value
    return built


def _elements(fuel: Fuel, value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple | dict):
        spend(fuel, len(value))
        return value
    raise mismatch("a macro", value)


def every(fuel: Fuel, value: Any, test: Test) -> bool:
    """`all`: false as soon as one is false, even when the test of another is an error."""
    return not _any_true(lambda element: not truth(test(element)), _elements(fuel, value))


def some(fuel: Fuel, value: Any, test: Test) -> bool:
    """`exists`: true as soon as one is true, even when the test of another is an error."""
    return _any_true(lambda element: truth(test(element)), _elements(fuel, value))


def just_one(fuel: Fuel, value: Any, test: Test) -> bool:
    """`exists_one`: the test holds for exactly one."""
    return sum(truth(test(element)) for element in _elements(fuel, value)) == 1


def mapped(fuel: Fuel, value: Any, change: Test, test: Test | None = None) -> list[Any]:
    """`map`: what `change` makes of each element, or of those for which the test holds."""
    return [change(item) for item in _elements(fuel, value) if test is None or truth(test(item))]


def filtered(fuel: Fuel, value: Any, test: Test) -> list[Any]:
    """`filter`: the elements for which the test holds."""
    return [element for element in _elements(fuel, value) if truth(test(element))]


def both(*operands: Callable[[], Any]) -> bool:
    """`&&`: a false operand decides, even after an error."""
    return not _any_true(lambda operand: not truth(operand()), operands)


def either(*operands: Callable[[], Any]) -> bool:
    """`||`: a true operand decides, even after an error."""
    return _any_true(lambda operand: truth(operand()), operands)


def _any_true(test: Test, candidates: Iterable[Any]) -> bool:
    error: Exception | None = None
    for candidate in candidates:
        try:
            if test(candidate):
                return True
        except ERRORS as raised:
            error = error or raised
    if error is not None:
        raise error
    return False
