"""What several commands share: their options."""

from __future__ import annotations

from typing import Annotated

import typer

from pipeline.cli.circumstances.live import TIME

Title = Annotated[str | None, typer.Option(help="One line for people.")]
Scope = Annotated[
    str | None,
    typer.Option(help="Whom it concerns: a condition over customer, history, thread and session."),
]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help=f"From when it holds: {TIME}.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help=f"Until when it holds: {TIME}.")]
Tell = Annotated[str | None, typer.Option("--tell", help="What to tell the customers concerned.")]
Author = Annotated[str | None, typer.Option(help="Who says so; your user name if not given.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, even if it concerns everybody.")]
