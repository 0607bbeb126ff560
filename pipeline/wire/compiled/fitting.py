"""Which part of a value's type holds what a schema describes.

Generated code does not check a value's type again: this is done once, when it is generated. So a schema that
could give a value something of another type than its field's is refused here.
"""

from __future__ import annotations

from typing import Any

from msgspec import inspect

Schema = Any

_PRIMITIVES = {
    "null": inspect.NoneType,
    "boolean": inspect.BoolType,
    "int": inspect.IntType,
    "long": inspect.IntType,
    "double": inspect.FloatType,
    "string": inspect.StrType,
    "bytes": inspect.BytesType,
}


class Schemas:
    """The schemas inside of one; a named type is written out once and afterwards stands as its name."""

    def __init__(self) -> None:
        self._named: dict[str, Schema] = {}

    def kind(self, schema: Schema) -> tuple[str, Schema]:
        """The schema's type (`union`, `record`, `string` …) and the schema itself, written out."""
        if isinstance(schema, list):
            return "union", schema
        if isinstance(schema, str):
            schema = self._named.get(schema, {"type": schema})
        kind = schema["type"]
        if not isinstance(kind, str):
            return self.kind(kind)
        if "name" in schema:
            self._named[schema["name"]] = schema
        return kind, schema


def holder(kind: str, schema: Schema, info: inspect.Type) -> Any:
    """The member of the type `info` (itself when it is no union) that holds values of a schema.

    Raises TypeError when none does.
    """
    members = info.types if isinstance(info, inspect.UnionType) else (info,)
    for member in members:
        if _holds(kind, schema, member):
            return member
    raise TypeError(f"no value of {schema!r} fits {info!r}")


def _holds(kind: str, schema: Schema, info: inspect.Type) -> bool:
    if kind == "record":
        return isinstance(info, inspect.StructType) and info.cls.__name__ == schema["name"].rpartition(".")[2]
    if kind == "enum":
        return isinstance(info, inspect.LiteralType) and set(schema["symbols"]) <= set(info.values)
    if kind == "map":
        return isinstance(info, inspect.DictType) and isinstance(info.key_type, inspect.StrType)
    if kind == "array":
        return isinstance(info, inspect.ListType)
    return type(info) is _PRIMITIVES.get(kind)
