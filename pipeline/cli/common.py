"""What all commands share: settings from the environment, errors in one line, output for people or machines."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer
from rich.console import Console

from pipeline.app import rules_of
from pipeline.domain.failures import Failure
from pipeline.domain.strategies.compiled import Rules
from pipeline.runtime.publisher import reachable
from pipeline.settings import Settings, load_settings

WRONG_USE = 2
FAILED = 1

Bootstrap = Annotated[
    str | None,
    typer.Option(help="Kafka bootstrap servers, host:port; otherwise THROUGHLINE_BOOTSTRAP."),
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


def broker_or_stop(settings: Settings) -> None:
    """Exit 1 with what to do when no broker answers."""
    problem = reachable(settings)
    if problem is not None:
        stop(problem, FAILED)


def rules_or_stop(settings: Settings) -> Rules:
    """The strategies and the brand, or exit 2 with a line for every mistake in them."""
    rules = rules_of(settings)
    if isinstance(rules, Rules):
        return rules
    for problem in rules:
        err.print(str(problem), markup=False)
    raise typer.Exit(WRONG_USE)
