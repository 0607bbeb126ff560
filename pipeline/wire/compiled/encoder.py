"""A function for each record that writes it in Avro's binary encoding straight from its struct.

As in `decoder`, the schema is looked at once and becomes the source of a function. It gathers pieces of bytes,
those of neighbouring fields at a time, and joins them. Arrays and maps are written as one block without its size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

import msgspec
from msgspec import inspect

from pipeline.wire.compiled.binary import Longs, Symbols
from pipeline.wire.compiled.fitting import Schema, Schemas, holder
from pipeline.wire.compiled.source import Source

Encode = Callable[[Any], bytes]

_LONGS = Longs()
# How a value of a union's branch is known. A number too large for a long is written as a double.
_TESTS = {
    "null": "{} is None",
    "boolean": "{0} is True or {0} is False",
    "int": "type({0}) is int and -0x80000000 <= {0} < 0x80000000",
    "long": f"type({{0}}) is int and {-(2**63)} <= {{0}} < {2**63}",
    "double": "type({0}) is float or type({0}) is int",
    "string": "isinstance({}, str)",
    "bytes": "isinstance({}, bytes)",
    "array": "isinstance({}, list)",
    "map": "isinstance({}, dict)",
}


def make_encoder(schema: Schema, struct: type[msgspec.Struct], parts: Mapping[type, Encode]) -> Encode:
    """The function from a value to the bytes of its record; records inside that are in `parts` are left to those.

    The function raises ValueError, OverflowError, TypeError, AttributeError or struct.error for a value that the
    record cannot hold. Raises TypeError when the schema does not fit the struct, and RecursionError when it
    contains itself.
    """
    return _Encoder(parts).made(schema, inspect.type_info(struct))


class _Encoder:
    """Adds the lines that write the value of an expression to the list of pieces, `out`."""

    def __init__(self, parts: Mapping[type, Encode]) -> None:
        self._source = Source()
        self._schemas = Schemas()
        self._parts = parts
        self._pieces: list[str] = []

    def made(self, schema: Schema, info: inspect.Type) -> Encode:
        with self._source.block("def encode(value):"):
            self._source.line("out = []")
            _, record = self._schemas.kind(schema)
            self._fields(record, info, "value")
            self._flush()
            self._source.line("return b''.join(out)")
        return self._source.function(
            "encode", LONG=_LONGS, utf8=str.encode, double=Struct("<d").pack, BOOLEAN=(b"\0", b"\1")
        )

    def _flush(self) -> None:
        if self._pieces:
            self._source.line(f"out += ({', '.join(self._pieces)},)")
            self._pieces.clear()

    def _write(self, schema: Schema, info: inspect.Type, value: str) -> None:
        kind, schema = self._schemas.kind(schema)
        if kind == "union":
            self._union(schema, info, value)
            return
        info = holder(kind, schema, info)
        if kind == "record":
            self._record(schema, info, value)
        elif kind in ("array", "map"):
            self._items(kind, schema, info, value)
        elif kind == "string":
            text = self._local("text", f"utf8({value})")
            self._pieces += [f"LONG[len({text})]", text]
        elif kind == "bytes":
            data = self._local("data", value)
            self._pieces += [f"LONG[len({data})]", data]
        elif kind in ("int", "long"):
            self._pieces.append(f"LONG[{value}]")
        elif kind == "enum":
            symbols = {symbol: _LONGS[number] for number, symbol in enumerate(schema["symbols"])}
            self._pieces.append(f"{self._source.constant('symbols', Symbols(symbols))}[{value}]")
        elif kind == "boolean":
            self._pieces.append(f"BOOLEAN[{value}]")
        elif kind == "double":
            self._pieces.append(f"double({value})")

    def _local(self, purpose: str, expression: str) -> str:
        name = self._source.variable(purpose)
        self._source.line(f"{name} = {expression}")
        return name

    def _record(self, schema: Schema, info: Any, value: str) -> None:
        if info.cls in self._parts:
            part = self._source.constant(f"encode_{info.cls.__name__}", self._parts[info.cls])
            self._pieces.append(f"{part}({value})")
        else:
            self._fields(schema, info, self._local("record", value))

    def _fields(self, schema: Schema, info: Any, record: str) -> None:
        types = {field.name: field.type for field in info.fields}
        for field in schema["fields"]:
            name = field["name"]
            self._write(field["type"], types[name], f"{record}.{name}")

    def _union(self, branches: Schema, info: inspect.Type, value: str) -> None:
        chosen = self._local("chosen", value)
        self._flush()
        for number, branch in enumerate(branches):
            with self._source.block(f"{'elif' if number else 'if'} {self._test(branch, info, chosen)}:"):
                self._pieces.append(repr(_LONGS[number]))
                self._write(branch, info, chosen)
                self._flush()
        with self._source.block("else:"):
            self._source.line(
                f"raise TypeError(f'a {{type({chosen}).__name__}} is in no branch of the union')"
            )

    def _test(self, branch: Schema, info: inspect.Type, value: str) -> str:
        kind, schema = self._schemas.kind(branch)
        member = holder(kind, schema, info)
        if kind == "record":
            return f"type({value}) is {self._source.constant(member.cls.__name__, member.cls)}"
        return _TESTS[kind].format(value)

    def _items(self, kind: str, schema: Schema, info: Any, value: str) -> None:
        items, item = self._local("items", value), self._source.variable("item")
        self._flush()
        with self._source.block(f"if len({items}):"):
            self._source.line(f"out.append(LONG[len({items})])")
            if kind == "array":
                with self._source.block(f"for {item} in {items}:"):
                    self._write(schema["items"], info.item_type, item)
                    self._flush()
            else:
                key = self._source.variable("key")
                with self._source.block(f"for {key}, {item} in {items}.items():"):
                    self._write("string", inspect.StrType(), key)
                    self._write(schema["values"], info.value_type, item)
                    self._flush()
        self._pieces.append("b'\\0'")
