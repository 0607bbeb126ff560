"""What several commands share: their options, and how they tell that something takes a while."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Iterable
from typing import Annotated, TypeVar

import typer
from rich.progress import track

from pipeline.cli.common import err
from pipeline.domain.strategies.rollout import Change
from pipeline.observe.clock import wall_clock

StrategyId = Annotated[str, typer.Argument(metavar="ID", help="The strategy's name, as in its file.")]
Author = Annotated[str | None, typer.Option(help="Who changes it; your user name if not given.")]
Reason = Annotated[str, typer.Option(help="Why, for those who look at it later.")]
Timeout = Annotated[float, typer.Option(min=0.1, help="Seconds to wait for the workers.")]
TIMEOUT_S = 10.0

T = TypeVar("T")


def progress(items: Collection[T], what: str, quiet: bool) -> Iterable[T]:
    """The items, with a bar that tells how far they are, for people who wait for them."""
    return track(items, what, console=err, transient=True, disable=quiet or not err.is_terminal)


def change_by(author: str | None, reason: str) -> Change:
    """A change of this moment."""
    return Change(author or getpass.getuser(), wall_clock(), reason)
