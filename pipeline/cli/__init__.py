"""The `throughline` command: what there is to call, and in which module each is."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group


class Place(NamedTuple):
    """Where a command is: an attribute of `pipeline.cli.<module>` by its name, and what it says of itself."""

    module: str
    help: str


COMMANDS = {
    "demo": Place(
        "demo",
        "Play the wrong-size shirt live on a real broker: what happens, what is decided, and how soon.",
    ),
    "broker": Place(
        "broker",
        "Run a Kafka broker on this machine until Ctrl-C; its address goes to standard output.",
    ),
    "topics": Place("topics", "Topics: create those that the pipeline needs."),
    "worker": Place(
        "worker",
        "Run one worker: identity, sessions and decisions, exactly once, until Ctrl-C or SIGTERM.",
    ),
    "produce": Place(
        "produce",
        "Publish a channel service's payloads as interactions; what cannot be read goes to dead-letters.",
    ),
    "customers": Place("produce", "Customers: publish their profiles from the system of record."),
    "customer": Place("customer", "Customer: see everything about one, undo a merge, or forget one."),
    "intents": Place("intents", "Intents: what customers want, read from their words; train, try and run."),
    "strategies": Place("strategies", "Strategies: what is done for a customer, and when."),
}


def load(name: str) -> Any:
    """The command or group of commands of this name, imported from its module."""
    found = getattr(import_module(f"pipeline.cli.{COMMANDS[name].module}"), name)
    if isinstance(found, typer.Typer):
        return get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return get_command(alone)


class LazyGroup(TyperGroup):
    """Imports a command's module when that command is used: no other has to wait for Kafka, Faust or CEL."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {name: TyperCommand(name, help=place.help) for name, place in COMMANDS.items()}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` begins with, and the arguments left; a usage error when there is none."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name else command, rest


cli = typer.Typer(
    name="throughline",
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.callback()
def _describe() -> None:
    """An interaction-aware omnichannel pipeline on Kafka: it decides while the interaction is going on."""


def main() -> None:
    """Entry point of the `throughline` command."""
    cli(prog_name="throughline")
