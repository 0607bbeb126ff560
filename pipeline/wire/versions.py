"""Releasing schemas: `python -m pipeline.wire.versions` writes the next version of every changed record.

A record is written in `schemas/<Record>.avsc` with other records referenced by name. A release inlines them
into `schemas/released/<Record>/<n>.avsc`, which programs write, read and register, and which never changes
again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse
from fastavro.repository.base import AbstractSchemaRepository
from fastavro.schema import load_schema

from pipeline.wire.files import JsonSchema, load_released, schema_directory
from pipeline.wire.records import NAMESPACE

# The records that travel on topics by themselves; all others are parts of these.
RELEASED = (
    "ActionCommand",
    "ActionReceipt",
    "AdviserState",
    "Circumstance",
    "CustomerMoved",
    "CustomerProfile",
    "CustomerTakenOut",
    "DeadLetter",
    "Decision",
    "EraseRequested",
    "IdentifiedInteraction",
    "IdentifierErased",
    "IdentityChange",
    "IdentityLink",
    "IntentRecognised",
    "Interaction",
    "KillSwitch",
    "MergeRequested",
    "RoutingRequest",
    "SessionClosed",
    "StrategyRelease",
    "StrategyRollout",
    "ThreadSplit",
    "ThreadsJoined",
    "UnmergeRequested",
    "WorkerStatus",
)
_FIRST_KEYS = ("type", "name", "doc", "default")


class _Repository(AbstractSchemaRepository):
    """Finds a referenced record by its full name among the files of the schema directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, name: str) -> Any:
        path = self._directory / f"{name.removeprefix(f'{NAMESPACE}.')}.avsc"
        return json.loads(path.read_text(encoding="utf-8"))


def current(record: str, directory: Path) -> JsonSchema:
    """The record as its file says now, self-contained. Raises FileNotFoundError when it has no file."""
    loaded = load_schema(f"{NAMESPACE}.{record}", repo=_Repository(directory), _write_hint=False)
    schema: JsonSchema = _ordered(loaded)
    return schema


def incompatibilities(reader: JsonSchema, writer: JsonSchema) -> list[str]:
    """Why `reader` cannot read what `writer` wrote, by the rules of the `avro` package; empty when it can."""
    checker: Any = ReaderWriterCompatibilityChecker
    result = checker().get_compatibility(parse(json.dumps(reader)), parse(json.dumps(writer)))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [f"{where}: {message}" for where, message in zip(result.locations, result.messages, strict=False)]


def without_docs(schema: Any) -> Any:
    """The schema without its explanations: what a change must differ in to need a new version."""
    if isinstance(schema, dict):
        return {
            key: without_docs(value)
            for key, value in schema.items()
            if not (key == "doc" and isinstance(value, str))
        }
    if isinstance(schema, list):
        return [without_docs(branch) for branch in schema]
    return schema


def release(directory: Path) -> list[Path]:
    """Write the next version of every changed record; returns the new files.

    Raises ValueError, having written nothing, when a changed record could not read a version released before.
    """
    released = load_released(directory)
    new: dict[Path, JsonSchema] = {}
    for record in RELEASED:
        schema, versions = current(record, directory), released.get(record, [])
        if versions and without_docs(schema) == without_docs(versions[-1].schema):
            continue
        for old in versions:
            if problems := incompatibilities(schema, old.schema):
                raise ValueError(f"{record} could not read its version {old.version}: {'; '.join(problems)}")
        number = versions[-1].version + 1 if versions else 1
        new[directory / "released" / record / f"{number}.avsc"] = schema
    for path, schema in new.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return list(new)


def _ordered(schema: Any) -> Any:
    """The same schema with its keys in a fixed, readable order."""
    if isinstance(schema, dict):
        first = {key: _ordered(schema[key]) for key in _FIRST_KEYS if key in schema}
        return first | {key: _ordered(schema[key]) for key in sorted(schema) if key not in first}
    if isinstance(schema, list):
        return [_ordered(branch) for branch in schema]
    return schema


def main() -> int:
    """Release from the checkout's schema directory; exit code 2 when a change is refused."""
    try:
        written = release(schema_directory())
    except ValueError as error:
        sys.stderr.write(f"schemas: {error}; give every new field a default, and keep types and names\n")
        return 2
    sys.stdout.writelines(f"{path}\n" for path in written)
    return 0


if __name__ == "__main__":
    sys.exit(main())
