"""The `throughline` command: what there is to call, and in which module each is."""

from __future__ import annotations

from typing import Any

import typer

from pipeline.cli.lazy import LazyGroup, Place, loaded

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
    "explain": Place(
        "explain",
        "Explain in words why an action was sent, or what was decided about a customer and why.",
    ),
    "intents": Place("intents", "Intents: what customers want, read from their words; train, try and run."),
    "strategies": Place("strategies", "Strategies: what is done for a customer, and when."),
    "circumstances": Place("circumstances", "Circumstances: what is true for many customers for a while."),
}


def load(name: str) -> Any:
    """The command or group of commands of this name, imported from its module."""
    return loaded(name, COMMANDS[name])


class _Throughline(LazyGroup):
    places = COMMANDS


cli = typer.Typer(
    name="throughline",
    cls=_Throughline,
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
