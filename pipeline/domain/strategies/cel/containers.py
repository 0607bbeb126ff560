"""Equality, lists, maps and macros of generated code.

Everything that can walk through a collection spends fuel, so that no condition works for longer than it
should.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from pipeline.domain.strategies.cel.problems import ERRORS, CelError, WorkExceeded
from pipeline.domain.strategies.cel.values import add, mismatch, truth

MAX_WORK = 100_000
CHARACTERS_A_STEP = 64
STEPS_A_STRUCT = 100
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


def charged(fuel: Fuel, function: Callable[..., Any], steps: int, *arguments: Any) -> Any:
    """The result of a function, which costs so many steps, and as many more for every 64 characters given."""
    characters = 0
    for argument in arguments:
        if type(argument) is str:
            characters += len(argument)
    spend(fuel, steps * (1 + characters // CHARACTERS_A_STEP))
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
        spend(fuel, len(left))
        return len(left) == len(right) and all(
            _holds_key(right, key) and equal(fuel, one, right[key]) for key, one in left.items()
        )
    if isinstance(left, msgspec.Struct):
        spend(fuel, STEPS_A_STRUCT)
    return bool(left == right)


def within(fuel: Fuel, item: Any, container: Any) -> bool:
    """`item in container`: an element of a list or a key of a map; nothing is in null."""
    if container is None:
        return False
    if isinstance(container, dict):
        return _holds_key(container, _as_key(item))
    if isinstance(container, list | tuple):
        spend(fuel, len(container))
        return any(equal(fuel, item, element) for element in container)
    raise mismatch("in", item, container)


def _as_key(value: Any) -> Any:
    """A value as the key or position that it stands for: a whole double is its int. Others are none: null."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) in (str, int, bool) else None


def _holds_key(container: dict[Any, Any], key: Any) -> bool:
    if key is None or key not in container:
        return False
    # 0 and 1 are equal to false and true in Python, but no such keys.
    return (
        type(key) is str
        or key not in (0, 1)
        or any(key == one and type(key) is type(one) for one in container)
    )


def index(container: Any, key: Any) -> Any:
    """`container[key]`; of null it is null."""
    if container is None:
        return None
    known = _as_key(key)
    if isinstance(container, dict) and known is not None:
        if _holds_key(container, known):
            return container[known]
        raise KeyError(key)
    if isinstance(container, list | tuple) and type(known) is int:
        if 0 <= known < len(container):
            return container[known]
        raise CelError("index_out_of_range", f"the list has {len(container)} elements and none at {known}")
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
        if type(key) not in (str, int, bool):
            raise mismatch("a key", key)
        if key in built:
            raise CelError("repeated_key", "two keys of the map are the same")
        built[key] = value
    return built


def settled(fuel: Fuel, value: Any) -> Any:
    """The result of a program, unless it is so large that whoever writes it down would not come to an end.

    A list can hold another one many times over, and so be much larger than the work of making it.
    """
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            spend(fuel, len(part) // CHARACTERS_A_STEP)
        elif isinstance(part, list | tuple | dict):
            spend(fuel, len(part))
            waiting.extend(part.values() if isinstance(part, dict) else part)
    return value


def _elements(fuel: Fuel, value: Any, steps: int) -> Iterable[Any]:
    if isinstance(value, list | tuple | dict):
        spend(fuel, len(value) * steps)
        return value
    raise mismatch("a macro", value)


def every(fuel: Fuel, value: Any, steps: int, test: Test) -> bool:
    """`all`: false as soon as one is false, even when the test of another is an error."""
    return not _any_true(lambda element: not truth(test(element)), _elements(fuel, value, steps))


def some(fuel: Fuel, value: Any, steps: int, test: Test) -> bool:
    """`exists`: true as soon as one is true, even when the test of another is an error."""
    return _any_true(lambda element: truth(test(element)), _elements(fuel, value, steps))


def just_one(fuel: Fuel, value: Any, steps: int, test: Test) -> bool:
    """`exists_one`: the test holds for exactly one."""
    return sum(truth(test(element)) for element in _elements(fuel, value, steps)) == 1


def mapped(fuel: Fuel, value: Any, steps: int, change: Test, test: Test | None = None) -> list[Any]:
    """`map`: what `change` makes of each element, or of those for which the test holds."""
    return [change(item) for item in _elements(fuel, value, steps) if test is None or truth(test(item))]


def filtered(fuel: Fuel, value: Any, steps: int, test: Test) -> list[Any]:
    """`filter`: the elements for which the test holds."""
    return [element for element in _elements(fuel, value, steps) if truth(test(element))]


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
