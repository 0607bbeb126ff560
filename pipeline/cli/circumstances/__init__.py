"""`throughline circumstances`: what managers declare, and in which module each command is."""

from __future__ import annotations

import typer

from pipeline.cli.lazy import LazyGroup, Place

COMMANDS = {
    "declare": Place(
        "circumstances.declare",
        "Declare what is true for many customers for a while; all workers take it into account at once.",
    ),
    "change": Place(
        "circumstances.change",
        "Change a circumstance that is not over: whom it concerns, from when, until when, what to tell.",
    ),
    "end": Place(
        "circumstances.change",
        "End circumstances now; those who were told of them can be told that they are over.",
    ),
    "list": Place(
        "circumstances.overview",
        "List the circumstances: which are in force, for whom, until when, and where they are applied.",
        "list_circumstances",
    ),
}


class _Circumstances(LazyGroup):
    places = COMMANDS


circumstances = typer.Typer(
    cls=_Circumstances,
    no_args_is_help=True,
    help="Circumstances: what is true for many customers for a while.",
)
