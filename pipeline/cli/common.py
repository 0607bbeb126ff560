"""What all commands share: settings from the environment, errors in one line, output for people or machines."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer
from rich.console import Console

from pipeline.domain.failures import Failure
from pipeline.settings import Settings, load_settings

WRONG_USE = 2
FAILED = 1

Bootstrap = Annotated[
    str | None,
    typer.Option(
        help="Kafka bootstrap servers, host:port; if not given THROUGHLINE_BOOTSTRAP, else 127.0.0.1:9092."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def stop(message: str, code: int = WRONG_USE) -> NoReturn:
    """End the command with one line that says what is wrong and what to do."""
    err.print(message, markup=False)
    raise typer.Exit(code)


def settings_or_stop(**overrides: object) -> Settings:
    """The settings, or exit 2 naming the one that is wrong."""
    settings = load_settings(**overrides)
    if isinstance(settings, Failure):
        stop(settings.message)
    return settings
