"""Groups of commands whose modules are imported when a command of theirs is used."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


class Place(NamedTuple):
    """Where a command is: an attribute of `pipeline.cli.<module>`, by its own name unless `attribute` says other,
    and what it says of itself.
    """

    module: str
    help: str
    attribute: str = ""


def loaded(name: str, place: Place) -> Any:
    """The command or group of commands of this name, imported from its module."""
    found = getattr(import_module(f"pipeline.cli.{place.module}"), place.attribute or name)
    if isinstance(found, typer.Typer):
        return get_group(found)
    alone = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    alone.command(name)(found)
    return get_command(alone)


class LazyGroup(TyperGroup):
    """A group that knows of its commands only `places`: none waits for what another one imports."""

    places: ClassVar[Mapping[str, Place]]

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=place.help) for name, place in self.places.items()}

    def load(self, name: str) -> Any:
        """The command of this name, imported."""
        return loaded(name, self.places[name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` begins with, and the arguments left; a usage error when there is none."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self.load(name) if name else command, rest
