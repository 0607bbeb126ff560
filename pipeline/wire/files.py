"""The schema files: where they are, and every released version of every record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

JsonSchema = dict[str, Any]


class ReleasedSchema(msgspec.Struct, frozen=True):
    """One released version of a record: self-contained (all named types inlined), never changed again."""

    record: str
    version: int
    schema: JsonSchema


def schema_directory() -> Path:
    """The directory of the schema files: packaged with a wheel, or the checkout's top-level `schemas/`.

    Raises FileNotFoundError when neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    # The wheel's own data first: beside an installed package a `schemas/` could be anybody's.
    candidates = (package / "_data" / "schemas", package.parent / "schemas")
    for directory in candidates:
        if (directory / "released").is_dir():
            return directory
    raise FileNotFoundError(
        f"no schema files in {candidates[0]} or {candidates[1]}: install throughline again"
    )


def load_released(directory: Path | None = None) -> dict[str, list[ReleasedSchema]]:
    """Every released version by record name, oldest first, from `<directory>/released/<Record>/<n>.avsc`.

    `directory` defaults to `schema_directory()`. Raises ValueError for a file that is no JSON or no number.
    """
    released: dict[str, list[ReleasedSchema]] = {}
    for path in sorted(((directory or schema_directory()) / "released").glob("*/*.avsc")):
        record, version = path.parent.name, int(path.stem)
        schema = json.loads(path.read_text(encoding="utf-8"))
        released.setdefault(record, []).append(ReleasedSchema(record, version, schema))
    for versions in released.values():
        versions.sort(key=lambda one: one.version)
    return released
