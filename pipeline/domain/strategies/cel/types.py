"""The types of conditions, and how Python annotations become them.

A time is a plain int of epoch milliseconds at run time; only the markers `Timestamp` and `Duration` tell the
compiler that it is one. They carry no class of their own, so `Annotated[int, "timestamp"]` on a Struct's
field does the same.
"""

from __future__ import annotations

import contextlib
import functools
import re
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec

Timestamp = Annotated[int, "timestamp"]
"""A point in time: epoch milliseconds, UTC."""
Duration = Annotated[int, "duration"]
"""A length of time in milliseconds."""

Kind = Literal[
    "int", "double", "string", "bool", "null", "timestamp", "duration", "dyn", "list", "map", "struct"
]


@dataclass(frozen=True)
class CelType:
    """A type: `params` are a list's element or a map's key and value, `struct` the class whose fields can be
    read.

    `nullable` says that the value can be null instead.
    """

    kind: Kind
    params: tuple[CelType, ...] = ()
    struct: type[msgspec.Struct] | None = None
    nullable: bool = False

    def __str__(self) -> str:
        """The type in words of the condition's author."""
        if self.struct is not None:
            name = self.struct.__name__
        elif self.params:
            name = f"{self.kind}({', '.join(str(param) for param in self.params)})"
        else:
            name = "any value" if self.kind == "dyn" else self.kind
        return f"{name} or null" if self.nullable and self.kind != "dyn" else name

    def or_null(self, nullable: bool = True) -> CelType:
        """The same type, which can be null if `nullable` (or if it could already)."""
        return replace(self, nullable=True) if nullable and not self.nullable else self

    def not_null(self) -> CelType:
        """The same type without null."""
        return replace(self, nullable=False) if self.nullable else self


INT = CelType("int")
DOUBLE = CelType("double")
STRING = CelType("string")
BOOL = CelType("bool")
NULL = CelType("null")
TIMESTAMP = CelType("timestamp")
DURATION = CelType("duration")
DYN = CelType("dyn")
SCALARS: dict[object, CelType] = {
    int: INT,
    float: DOUBLE,
    str: STRING,
    bool: BOOL,
    None: NULL,
    type(None): NULL,
    Any: DYN,
    object: DYN,
}
MARKERS = {"timestamp": TIMESTAMP, "duration": DURATION}


def list_of(element: CelType) -> CelType:
    """The type of lists of `element`."""
    return CelType("list", (element,))


def map_of(key: CelType, value: CelType) -> CelType:
    """The type of maps from `key` to `value`."""
    return CelType("map", (key, value))


def type_of(annotation: object) -> CelType:
    """The type of values with a Python annotation. Raises TypeError when no condition can use such values."""
    with contextlib.suppress(TypeError):  # an annotation need not be hashable
        if annotation in SCALARS:
            return SCALARS[annotation]
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return CelType("struct", struct=annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        marks = (mark for mark in arguments[1:] if isinstance(mark, str))
        return next((MARKERS[mark] for mark in marks if mark in MARKERS), None) or type_of(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _union(arguments)
    if origin is Literal:
        return _union(tuple(type(value) for value in arguments))
    return _collection(annotation, origin, arguments)


def _collection(annotation: object, origin: object, arguments: tuple[Any, ...]) -> CelType:
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(arguments) == 2:
        return map_of(type_of(arguments[0]), type_of(arguments[1]))
    if isinstance(origin, type) and issubclass(origin, Sequence) and arguments[1:] in ((), (...,)):
        return list_of(type_of(arguments[0]))
    raise TypeError(f"{annotation} cannot be used in a condition")


def _union(members: tuple[object, ...]) -> CelType:
    found = list(dict.fromkeys(type_of(member) for member in members))
    kinds = [member for member in found if member != NULL]
    if any(member in (TIMESTAMP, DURATION) for member in kinds) and len(kinds) > 1:
        raise TypeError("a time cannot be told from a number in a union")
    return (kinds[0] if len(kinds) == 1 else DYN if kinds else NULL).or_null(NULL in found)


@functools.cache
def fields_of(struct: type[msgspec.Struct]) -> dict[str, CelType]:
    """The fields of a Struct that a condition can read, its annotated properties among them.

    Names with a leading underscore and fields of other types (bytes, sets …) are left out.
    """
    hints: dict[str, object] = dict(typing.get_type_hints(struct, include_extras=True))
    readable = dict.fromkeys(struct.__struct_fields__)
    for base in reversed(struct.__mro__):
        for name, member in vars(base).items():
            if isinstance(member, property) and member.fget is not None:
                returned = typing.get_type_hints(member.fget, include_extras=True)
                if "return" in returned:
                    readable[name] = None
                    hints[name] = returned["return"]
    fields: dict[str, CelType] = {}
    for name in readable:
        with contextlib.suppress(TypeError):
            if not name.startswith("_"):
                fields[name] = type_of(hints[name])
    return fields


class Declarations:
    """The variables that a condition can name, in the order in which their values are given to a program.

    `variables` maps each name to a msgspec Struct class or another annotation. Raises TypeError for an
    annotation that conditions cannot use and ValueError for a name that is none.
    """

    def __init__(self, variables: Mapping[str, object]) -> None:
        for name in variables:
            if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name):
                raise ValueError(f"{name!r} cannot be the name of a variable")
        self.types: dict[str, CelType] = {name: type_of(hint) for name, hint in variables.items()}
