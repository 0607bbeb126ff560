"""Schema ids from a schema registry (Confluent's HTTP API), when one is configured."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from pipeline.runtime.batch import Unavailable
from pipeline.runtime.topics import TopicSpec
from pipeline.wire.files import JsonSchema, ReleasedSchema
from pipeline.wire.ids import LocalIds
from pipeline.wire.records import NAMESPACE

_TIMEOUT_S = 10
_REMEMBERED_UNKNOWN = 1000


def subject(spec: TopicSpec, record: str) -> str:
    """The registry's subject of a record: `<topic>-value`, or `<topic>-<name>` on a topic of several.

    One subject holds versions of one record only, or BACKWARD would compare records that have nothing in
    common.
    """
    return f"{spec.name}-value" if spec.records == (record,) else f"{spec.name}-{NAMESPACE}.{record}"


class RegistryIds:
    """`SchemaIds` of a schema registry; ids that it does not know may still be those of the released files.

    That is so for what was written before the registry was configured.
    """

    def __init__(
        self, url: str, specs: Sequence[TopicSpec], released: Mapping[str, Sequence[ReleasedSchema]]
    ) -> None:
        """Register the newest schema of every record of every topic, under BACKWARD compatibility.

        Asks the registry twice for every subject, so it belongs to the start of a process. Raises
        SchemaRegistryError when it refuses a schema, and the HTTP client's error when it cannot be reached.
        """
        self._client = SchemaRegistryClient({"url": url, "timeout": _TIMEOUT_S})
        self._local = LocalIds(released)
        self._unknown: set[int] = set()
        self._write: dict[tuple[str, str], int] = {}
        for spec in specs:
            for record in spec.records:
                name = subject(spec, record)
                self._client.set_compatibility(name, "BACKWARD")
                schema = Schema(json.dumps(released[record][-1].schema), "AVRO")
                self._write[spec.name, record] = self._client.register_schema(name, schema)

    def write_id(self, topic: str | None, record: str) -> int:
        """The registered id. Raises KeyError for a topic or a record of it that was not registered."""
        return self._write[topic or "", record]

    def writer_schema(self, schema_id: int) -> JsonSchema | None:
        """The registered Avro schema, else the released one, else None.

        Raises Unavailable when the registry does not answer: the record may well be readable.
        """
        if schema_id in self._unknown:
            return None
        try:
            found = self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code != HTTPStatus.NOT_FOUND:
                raise Unavailable(f"the schema registry refuses to answer ({error})") from error
            local = self._local.writer_schema(schema_id)
            # A stream of garbage must not become a stream of requests.
            if local is None and len(self._unknown) < _REMEMBERED_UNKNOWN:
                self._unknown.add(schema_id)
            return local
        except Exception as error:  # of the HTTP stack that the client happens to use
            raise Unavailable(f"the schema registry does not answer ({error})") from error
        schema = json.loads(found.schema_str or "null") if found.schema_type in (None, "AVRO") else None
        return schema if isinstance(schema, dict) else None
