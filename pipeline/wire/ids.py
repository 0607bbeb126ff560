"""Schema ids without a registry: they come from the released schemas themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from fastavro.schema import fingerprint, to_parsing_canonical_form

from pipeline.wire.files import JsonSchema, ReleasedSchema


class SchemaIds(Protocol):
    """Gives the id to write a record with, and the schema that an id was written with."""

    def write_id(self, topic: str | None, record: str) -> int:
        """The id of the record's newest released schema on `topic`. Raises KeyError for an unknown one."""
        ...

    def writer_schema(self, schema_id: int) -> JsonSchema | None:
        """The schema that the id stands for, None when nobody knows it."""
        ...


def local_id(schema: JsonSchema) -> int:
    """First 31 bits of the SHA-256 of the schema's Parsing Canonical Form (Avro 1.12, "Schema Fingerprints").

    31 bits, because clients read the id as a signed 32-bit number.
    """
    digest = fingerprint(to_parsing_canonical_form(schema), "SHA-256")
    return int(digest[:8], 16) >> 1


class LocalIds:
    """Ids of all released versions; the same on every machine, with nothing to ask."""

    def __init__(self, released: Mapping[str, Sequence[ReleasedSchema]]) -> None:
        """Raises ValueError when two different schemas would have one id."""
        self._write: dict[str, int] = {}
        self._schemas: dict[int, JsonSchema] = {}
        for record, versions in released.items():
            for version in versions:
                self._write[record] = self._add(version.schema)

    def _add(self, schema: JsonSchema) -> int:
        schema_id = local_id(schema)
        other = self._schemas.setdefault(schema_id, schema)
        if to_parsing_canonical_form(other) != to_parsing_canonical_form(schema):
            raise ValueError(
                f"schemas {other['name']} and {schema['name']} both have id {schema_id}: rename a field"
            )
        return schema_id

    def write_id(self, topic: str | None, record: str) -> int:
        """The id of the record's newest version, the same on every topic."""
        return self._write[record]

    def writer_schema(self, schema_id: int) -> JsonSchema | None:
        """The released schema with that id, None when there is none."""
        return self._schemas.get(schema_id)
