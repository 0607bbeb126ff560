"""A function for each record that reads it from Avro's binary encoding straight into its struct.

An interpreting reader looks at the schema for every value of every record, and gives dicts that have to be made
structs. Here the schema is looked at once: it becomes the source of a function, in which every field stands at its
place, nested records too, and the frequent cases (a length of one byte, a small number) need no call.

Nothing is read beyond the end, though few lines look for it: the position only grows, a slice that is cut short
leaves it beyond the end, and there the next index raises. A caller checks that the record ends where the bytes do.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

import msgspec
from msgspec import inspect

from pipeline.wire.compiled.binary import read_count, read_long, read_size
from pipeline.wire.compiled.fitting import Schema, Schemas, holder
from pipeline.wire.compiled.source import Source

Decode = Callable[[bytes, int], tuple[Any, int]]

# The bits of a first byte that are set when more bytes follow, or the number is negative.
_CONTINUED, _NEGATIVE = 0x80, 0x01


def make_decoder(schema: Schema, struct: type[msgspec.Struct]) -> Decode:
    """The function from bytes and the position of a record to its value and the position behind it.

    The function raises LookupError, ValueError or struct.error for bytes that are no such record; the position may
    be behind the last byte when they are cut off. Raises TypeError when the schema does not fit the struct, and
    RecursionError when it contains itself.
    """
    return _Decoder().made(schema, inspect.type_info(struct))


class _Decoder:
    """Adds the lines that read one value from the bytes `b` at the position `p` into a variable, and move `p`."""

    def __init__(self) -> None:
        self._source = Source()
        self._schemas = Schemas()

    def made(self, schema: Schema, info: inspect.Type) -> Decode:
        with self._source.block("def decode(b, p):"):
            _, record = self._schemas.kind(schema)
            self._record(record, info, "value")
            self._source.line("return value, p")
        return self._source.function(
            "decode",
            read_long=read_long,
            read_size=read_size,
            read_count=read_count,
            read_double=Struct("<d").unpack_from,
        )

    def _read(self, schema: Schema, info: inspect.Type, into: str, around: dict[str, str]) -> None:
        """`around` are the variables of the fields that were read before, by name."""
        line = self._source.line
        kind, schema = self._schemas.kind(schema)
        if kind == "union":
            self._union(schema, info, into, around)
            return
        info = holder(kind, schema, info)
        if kind == "record":
            self._record(schema, info, into)
        elif kind == "array":
            line(f"{into} = []")
            self._blocks(lambda: self._item(schema, info, into))
        elif kind == "map":
            line(f"{into} = {{}}")
            self._blocks(lambda: self._entry(schema, info, into))
        elif kind in ("string", "bytes"):
            self._sized(into, ".decode()" if kind == "string" else "")
        elif kind in ("int", "long"):
            self._long(into)
        elif kind == "enum":
            self._long(into)
            symbols = self._source.constant("symbols", dict(enumerate(schema["symbols"])))
            line(f"{into} = {symbols}[{into}]")
        elif kind == "boolean":
            line(f"{into} = (False, True)[b[p]]")
            line("p += 1")
        elif kind == "double":
            line(f"{into} = read_double(b, p)[0]")
            line("p += 8")
        elif kind == "null":
            line(f"{into} = None")

    def _record(self, schema: Schema, info: Any, into: str) -> None:
        types = {field.name: field.type for field in info.fields}
        read: dict[str, str] = {}
        for field in schema["fields"]:
            name = field["name"]
            variable = self._source.variable(name)
            self._read(field["type"], types[name], variable, read)
            read[name] = variable
        made = self._source.constant(info.cls.__name__, info.cls)
        arguments = ", ".join(f"{name}={variable}" for name, variable in read.items())
        self._source.line(f"{into} = {made}({arguments})")

    def _union(self, branches: Schema, info: inspect.Type, into: str, around: dict[str, str]) -> None:
        line, block = self._source.line, self._source.block
        line("n = b[p]")
        line("p += 1")
        with block(f"if n & {_CONTINUED}:"):
            line("n, p = read_size(b, p - 1)")
            line("n <<= 1")
        for number, branch in enumerate(branches):
            with block(f"{'elif' if number else 'if'} n == {number << 1}:"):
                self._tag(branch, info, around)
                self._read(branch, info, into, around)
        with block("else:"):
            line("raise ValueError('no branch of the union')")

    def _tag(self, branch: Schema, info: inspect.Type, around: dict[str, str]) -> None:
        """A struct with a tag belongs to records whose field of the tag's name says the same."""
        kind, schema = self._schemas.kind(branch)
        member = holder(kind, schema, info)
        if kind == "record" and member.tag_field in around:
            with self._source.block(f"if {around[member.tag_field]} != {member.tag!r}:"):
                self._source.line("raise ValueError('the body of another kind')")

    def _sized(self, into: str, convert: str) -> None:
        line, block = self._source.line, self._source.block
        line("n = b[p]")
        with block(f"if n & {_CONTINUED | _NEGATIVE}:"):
            line("n, p = read_size(b, p)")
            line(f"{into} = b[p : p + n]{convert}")
            line("p += n")
        with block("else:"):
            line("n = p + 1 + (n >> 1)")
            line(f"{into} = b[p + 1 : n]{convert}")
            line("p = n")

    def _long(self, into: str) -> None:
        line, block = self._source.line, self._source.block
        line("n = b[p]")
        with block(f"if n & {_CONTINUED | _NEGATIVE}:"):
            line(f"{into}, p = read_long(b, p)")
        with block("else:"):
            line(f"{into} = n >> 1")
            line("p += 1")

    def _blocks(self, item: Callable[[], None]) -> None:
        line, block = self._source.line, self._source.block
        with block("while n := b[p]:"):
            with block(f"if n & {_CONTINUED | _NEGATIVE}:"):
                line("n, p = read_count(b, p)")
                with block("if not n:"):
                    line("break")
            with block("else:"):
                line("n >>= 1")
                line("p += 1")
            with block("for _ in range(n):"):
                item()
        with block("else:"):
            line("p += 1")

    def _item(self, schema: Schema, info: Any, into: str) -> None:
        item = self._source.variable("item")
        self._read(schema["items"], info.item_type, item, {})
        self._source.line(f"{into}.append({item})")

    def _entry(self, schema: Schema, info: Any, into: str) -> None:
        key, value = self._source.variable("key"), self._source.variable("value")
        self._sized(key, ".decode()")
        self._read(schema["values"], info.value_type, value, {})
        self._source.line(f"{into}[{key}] = {value}")
