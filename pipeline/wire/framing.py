"""Confluent's wire format: a zero byte, the schema id in four bytes big-endian, the Avro body."""

from __future__ import annotations

import struct

MAGIC = 0
HEADER = struct.Struct(">bI")


def frame_header(schema_id: int) -> bytes:
    """The five bytes that come before the Avro body. `schema_id` is 0 to 2**32 - 1."""
    return HEADER.pack(MAGIC, schema_id)


def schema_id_of(raw: bytes) -> int | None:
    """The schema id of a framed record, or None when the bytes are not framed."""
    if len(raw) < HEADER.size or raw[0] != MAGIC:
        return None
    schema_id: int = HEADER.unpack_from(raw)[1]
    return schema_id
