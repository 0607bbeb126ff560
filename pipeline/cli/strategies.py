"""`throughline strategies`: strategy files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import out, settings_or_stop
from pipeline.cli.rules import rules_or_stop

strategies = typer.Typer(no_args_is_help=True, help="Strategies: what is done for a customer, and when.")


@strategies.command()
def validate(
    directory: Annotated[
        Path | None, typer.Argument(help="Directory of strategy files; the shipped pack if not given.")
    ] = None,
    brand: Annotated[Path | None, typer.Option(help="Brand file; the shipped one if not given.")] = None,
) -> None:
    """Check strategy files and the brand file; every mistake is named with file, line and column."""
    settings = settings_or_stop(strategies=directory, brand=brand)
    rules = rules_or_stop(settings)
    out.print(f"{len(rules.strategies)} strategies are valid")
