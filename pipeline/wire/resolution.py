"""Reading what was written with another schema than the newest one of its record: fastavro knows the rules."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
import msgspec

from pipeline.domain.messages import ActionCommand
from pipeline.wire.compiled.decoder import Decode
from pipeline.wire.files import JsonSchema


def parsed(schema: JsonSchema) -> Any:
    """The schema as fastavro uses it, with times left as epoch milliseconds, not made datetimes.

    Raises SchemaParseException or UnknownType (both fastavro's) when it is none.
    """
    return fastavro.parse_schema(_without_logical_types(schema))


def _without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: _without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [_without_logical_types(branch) for branch in schema]
    return schema


def resolving_decoder(writer: Any, newest: Any, struct: type[msgspec.Struct]) -> Decode:
    """What reads records of the schema `writer` as if they had been written with `newest` (both parsed).

    There is no closed list of what it raises for bytes that are no such record.
    """

    def decode(raw: bytes, at: int) -> tuple[msgspec.Struct, int]:
        body = BytesIO(raw)
        body.seek(at)
        fields: Any = fastavro.schemaless_reader(body, writer, newest)
        if struct is ActionCommand:
            # The body's record name is not in the data; the command's own kind says which it must be.
            fields["body"]["kind"] = fields["kind"]
        return msgspec.convert(fields, struct), body.tell()

    return decode
