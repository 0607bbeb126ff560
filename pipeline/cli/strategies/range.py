"""A time range of the topics of interactions, as it is named on the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from pipeline.cli.common import stop
from pipeline.domain.strategies.fields import duration_ms
from pipeline.observe.clock import wall_clock

_TIME = "a time like 2026-03-02T18:00:00Z, or how long ago: 2h"
Since = Annotated[
    str | None,
    typer.Option("--from", metavar="TIME", help=f"Events from this time of their arrival: {_TIME}."),
]
Until = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help=f"Events before this time of their arrival: {_TIME}."),
]


def time_or_stop(option: str, text: str | None) -> int | None:
    """The time that was written, epoch milliseconds; None when nothing was; exit 2 when it is none."""
    if text is None:
        return None
    try:
        return wall_clock() - int(duration_ms(text))
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        stop(f"{option} {text}: is no time; write {_TIME}")
    if at.tzinfo is None:
        stop(f"{option} {text}: has no zone; add Z for UTC, or an offset such as +01:00")
    return round(at.timestamp() * 1_000)
