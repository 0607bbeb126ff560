"""Bytes on a topic ↔ values of the domain, in Confluent's wire format with Avro bodies.

Values are written with the newest released schema of their record. They are read with the released or
registered schema that they were written with, resolved to the newest one by Avro's schema resolution rules.

What is written with the newest schema, nearly everything, is read and written by code generated from it
(`pipeline.wire.compiled`); what other writers wrote is left to fastavro (`pipeline.wire.resolution`).
"""

from __future__ import annotations

import struct
from typing import Any, TypeVar, overload

import msgspec
from fastavro.schema import SchemaParseException, UnknownType, fullname, to_parsing_canonical_form

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import IdentifiedInteraction
from pipeline.wire.compiled.decoder import Decode, make_decoder
from pipeline.wire.compiled.encoder import Encode, make_encoder
from pipeline.wire.dead_letters import DeadLetter
from pipeline.wire.files import load_released
from pipeline.wire.framing import HEADER, frame_header, schema_id_of
from pipeline.wire.ids import LocalIds, SchemaIds
from pipeline.wire.records import NAMESPACE, RECORD_NAMES, RECORDS
from pipeline.wire.resolution import parsed, resolving_decoder

MAX_BYTES = 1024 * 1024
# These hold a whole record, which may have the greatest size, and their own fields.
_HOLDING = (DeadLetter, IdentifiedInteraction)
MAX_HOLDING_BYTES = 2 * MAX_BYTES

Value = TypeVar("Value", bound=msgspec.Struct)


class _Reader(msgspec.Struct, frozen=True):
    """How to read the records of one schema id: their type, size limit, and what reads a body.

    `kept` is true for bodies that may stand in a record which the pipeline writes, as they are.
    """

    struct: type[msgspec.Struct]
    max_bytes: int
    decode: Decode
    kept: bool


class Codec:
    """Encodes and decodes; one for a process, not shared between threads."""

    def __init__(self, ids: SchemaIds | None = None) -> None:
        """`ids` defaults to the ids of the released schema files."""
        released = load_released()
        self._ids = ids or LocalIds(released)
        self._newest = {record: parsed(released[record][-1].schema) for record in RECORDS}
        self._writers: dict[tuple[str | None, type[msgspec.Struct]], tuple[bytes, Encode]] = {}
        self._encoders: dict[type[msgspec.Struct], Encode] = {}
        self._readers: dict[bytes, _Reader] = {}
        self._last_read: tuple[msgspec.Struct | None, bytes] = None, b""

    def encode(self, topic: str | None, value: msgspec.Struct) -> bytes:
        """The value as bytes for `topic` (its full name; None is enough without a schema registry).

        Raises KeyError for a type that is no record, and ValueError, TypeError or OverflowError for a value
        that its record cannot hold, such as a time beyond 64 bits.
        """
        kind = type(value)
        header, encode = self._writers.get((topic, kind)) or self._learn_to_write(topic, kind)
        try:
            return header + encode(value)
        except (AttributeError, struct.error) as error:
            raise TypeError(f"a field of the {RECORD_NAMES[kind]} has another type: {error}") from error

    def _learn_to_write(self, topic: str | None, kind: type[msgspec.Struct]) -> tuple[bytes, Encode]:
        writer = frame_header(self._ids.write_id(topic, RECORD_NAMES[kind])), self._encoder(kind)
        self._writers[topic, kind] = writer
        return writer

    def _encoder(self, kind: type[msgspec.Struct]) -> Encode:
        encode = self._encoders.get(kind)
        if encode is None:
            newest = self._newest[RECORD_NAMES[kind]]
            encode = self._encoders[kind] = make_encoder(newest, kind, {Interaction: self._interaction})
        return encode

    def _interaction(self, value: Interaction) -> bytes:
        """The part of an IdentifiedInteraction that is its interaction: a record stands in another as it is.

        That one was read just before, as a rule, and values do not change: then its bytes are already here.
        """
        last, raw = self._last_read
        return raw[HEADER.size :] if value is last else self._encoder(Interaction)(value)

    @overload
    def decode(self, raw: bytes) -> msgspec.Struct | Failure: ...

    @overload
    def decode(self, raw: bytes, *expected: type[Value]) -> Value | Failure: ...

    def decode(self, raw: bytes, *expected: type[Any]) -> Any:
        """The value, or a Failure: too_large, not_avro, unknown_schema, wrong_record or bad_avro.

        With `expected` types, any other record is a wrong_record. What a schema registry raises when it
        cannot be reached passes through: it says nothing about the record.
        """
        reader = self._readers.get(raw[: HEADER.size]) or self._learn_to_read(raw)
        if isinstance(reader, Failure):
            return reader
        if expected and reader.struct not in expected:
            names = " or ".join(RECORD_NAMES[one] for one in expected)
            return Failure("wrong_record", f"the record is a {RECORD_NAMES[reader.struct]}, expected {names}")
        if len(raw) > reader.max_bytes:
            return Failure("too_large", f"the record has {len(raw)} bytes, more than {reader.max_bytes}")
        try:
            value, end = reader.decode(raw, HEADER.size)
        except Exception as error:  # fastavro has no closed list of what malformed bytes can raise
            return _bad_avro(reader, f"cannot be read as one ({type(error).__name__})")
        if end != len(raw):
            cut_off = end > len(raw)
            return _bad_avro(reader, "is cut off" if cut_off else f"has {len(raw) - end} bytes after its end")
        if reader.kept:
            self._last_read = value, raw
        return value

    def _learn_to_read(self, raw: bytes) -> _Reader | Failure:
        """Look an id up; only readable ones are remembered, so that made-up ids cannot fill the memory."""
        schema_id = schema_id_of(raw)
        if schema_id is None:
            return Failure("not_avro", "the record does not begin with a zero byte and a schema id")
        schema = self._ids.writer_schema(schema_id)
        if schema is None:
            return Failure("unknown_schema", f"nobody knows schema id {schema_id}")
        name = fullname(schema) if "name" in schema else "type without a name"
        record = name.removeprefix(f"{NAMESPACE}.")
        if record not in RECORDS:
            return Failure("wrong_record", f"schema id {schema_id} is a {name}, no record of this pipeline")
        try:
            writer, newest = parsed(schema), self._newest[record]
        except (SchemaParseException, UnknownType) as error:
            return Failure("unknown_schema", f"schema id {schema_id} is a broken {record}: {error}")
        same = to_parsing_canonical_form(writer) == to_parsing_canonical_form(newest)
        kind = RECORDS[record]
        max_bytes = MAX_HOLDING_BYTES if kind in _HOLDING else MAX_BYTES
        decode = make_decoder(newest, kind) if same else resolving_decoder(writer, newest, kind)
        kept = same and kind is Interaction
        reader = self._readers[raw[: HEADER.size]] = _Reader(kind, max_bytes, decode, kept)
        return reader


def _bad_avro(reader: _Reader, problem: str) -> Failure:
    return Failure("bad_avro", f"the body of the {RECORD_NAMES[reader.struct]} {problem}")
