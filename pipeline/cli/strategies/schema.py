"""`throughline strategies schema`: the JSON Schemas with which editors complete and check what managers write."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from pipeline.domain.strategies.json_schema import (
    brand_schema,
    circumstances_schema,
    strategy_schema,
)


class FileKind(StrEnum):
    """The files that have a schema."""

    STRATEGY = "strategy"
    BRAND = "brand"
    CIRCUMSTANCES = "circumstances"


SCHEMAS = {
    FileKind.STRATEGY: strategy_schema,
    FileKind.BRAND: brand_schema,
    FileKind.CIRCUMSTANCES: circumstances_schema,
}


def schema(
    file: Annotated[FileKind, typer.Argument(help="Which files it is for.")] = FileKind.STRATEGY,
) -> None:
    """Print the JSON Schema of a kind of file, by which an editor completes and checks it.

    Keep it in a file, and begin a strategy with the line `# yaml-language-server: $schema=` and its path.
    """
    typer.echo(json.dumps(SCHEMAS[file](), indent=2, ensure_ascii=False))
