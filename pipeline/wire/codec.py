"""Bytes on a topic ↔ values of the domain, in Confluent's wire format with Avro bodies.

Values are written with the newest released schema of their record. They are read with the released or
registered schema that they were written with, resolved to the newest one by Avro's schema resolution rules.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, TypeVar, overload

import fastavro
import msgspec
from fastavro.schema import SchemaParseException, UnknownType, fullname, to_parsing_canonical_form

from pipeline.domain.failures import Failure
from pipeline.domain.messages import IdentifiedInteraction
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.files import JsonSchema, load_released
from pipeline.wire.framing import HEADER, frame_header, schema_id_of
from pipeline.wire.ids import LocalIds, SchemaIds
from pipeline.wire.records import NAMESPACE, RECORD_NAMES, RECORDS, from_avro, to_avro

MAX_BYTES = 1024 * 1024
# These hold a whole record, which may have the greatest size, and their own fields.
_HOLDING = (DeadLetter, IdentifiedInteraction)
MAX_HOLDING_BYTES = 2 * MAX_BYTES

Value = TypeVar("Value", bound=msgspec.Struct)


class _Reader(msgspec.Struct, frozen=True):
    """How to read one schema id: schemas (no reader's when it is the writer's), type and size limit."""

    writer: Any
    reader: Any
    struct: type[msgspec.Struct]
    max_bytes: int


def _parsed(schema: JsonSchema) -> Any:
    """The schema as fastavro uses it, with times left as epoch milliseconds, not made datetimes."""
    return fastavro.parse_schema(_without_logical_types(schema))


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    return schema


class Codec:
    """Encodes and decodes; one for a process, not shared between threads."""

    def __init__(self, ids: SchemaIds | None = None) -> None:
        """`ids` defaults to the ids of the released schema files."""
        released = load_released()
        self._ids = ids or LocalIds(released)
        self._newest = {record: _parsed(released[record][-1].schema) for record in RECORDS}
        self._headers: dict[tuple[str | None, type[msgspec.Struct]], bytes] = {}
        self._readers: dict[int, _Reader] = {}

    def encode(self, topic: str | None, value: msgspec.Struct) -> bytes:
        """The value as bytes for `topic` (its full name; None is enough without a schema registry).

        Raises KeyError for a type that is no record, and ValueError, TypeError or OverflowError for a value
        that its record cannot hold, such as a time beyond 64 bits.
        """
        kind = type(value)
        header = self._headers.get((topic, kind))
        if header is None:
            header = frame_header(self._ids.write_id(topic, RECORD_NAMES[kind]))
            self._headers[topic, kind] = header
        out = BytesIO()
        out.write(header)
        fastavro.schemaless_writer(out, self._newest[RECORD_NAMES[kind]], to_avro(value))
        return out.getvalue()

    @overload
    def decode(self, raw: bytes) -> msgspec.Struct | Failure: ...

    @overload
    def decode(self, raw: bytes, *expected: type[Value]) -> Value | Failure: ...

    def decode(self, raw: bytes, *expected: type[Any]) -> Any:
        """The value, or a Failure: too_large, not_avro, unknown_schema, wrong_record or bad_avro.

        With `expected` types, any other record is a wrong_record. What a schema registry raises when it
        cannot be reached passes through: it says nothing about the record.
        """
        schema_id = schema_id_of(raw)
        if schema_id is None:
            return Failure("not_avro", "the record does not begin with a zero byte and a schema id")
        reader = self._readers.get(schema_id) or self._learn(schema_id)
        if isinstance(reader, Failure):
            return reader
        if expected and reader.struct not in expected:
            names = " or ".join(RECORD_NAMES[one] for one in expected)
            return Failure("wrong_record", f"the record is a {RECORD_NAMES[reader.struct]}, expected {names}")
        if len(raw) > reader.max_bytes:
            return Failure("too_large", f"the record has {len(raw)} bytes, more than {reader.max_bytes}")
        return _read(reader, raw)

    def _learn(self, schema_id: int) -> _Reader | Failure:
        """Look an id up; only readable ones are remembered, so that made-up ids cannot fill the memory."""
        schema = self._ids.writer_schema(schema_id)
        if schema is None:
            return Failure("unknown_schema", f"nobody knows schema id {schema_id}")
        name = fullname(schema) if "name" in schema else "type without a name"
        record = name.removeprefix(f"{NAMESPACE}.")
        if record not in RECORDS:
            return Failure("wrong_record", f"schema id {schema_id} is a {name}, no record of this pipeline")
        try:
            writer, newest = _parsed(schema), self._newest[record]
        except (SchemaParseException, UnknownType) as error:
            return Failure("unknown_schema", f"schema id {schema_id} is a broken {record}: {error}")
        same = to_parsing_canonical_form(writer) == to_parsing_canonical_form(newest)
        struct = RECORDS[record]
        max_bytes = MAX_HOLDING_BYTES if struct in _HOLDING else MAX_BYTES
        # Resolution costs time: it is skipped when both schemas are the same.
        reader = _Reader(newest if same else writer, None if same else newest, struct, max_bytes)
        self._readers[schema_id] = reader
        return reader


def _read(reader: _Reader, raw: bytes) -> msgspec.Struct | Failure:
    body = BytesIO(raw)
    body.seek(HEADER.size)
    try:
        fields: Any = fastavro.schemaless_reader(body, reader.writer, reader.reader)
        value = from_avro(reader.struct, fields)
    except Exception as error:  # fastavro has no closed list of what malformed bytes can raise
        problem = f"cannot be read as one ({type(error).__name__})"
    else:
        if body.tell() == len(raw):
            return value
        problem = f"has {len(raw) - body.tell()} bytes after its end"
    return Failure("bad_avro", f"the body of the {RECORD_NAMES[reader.struct]} {problem}")
