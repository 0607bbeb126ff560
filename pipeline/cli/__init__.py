"""The `throughline` command."""

from __future__ import annotations

import typer

from pipeline.cli.broker import broker
from pipeline.cli.produce import customers, produce
from pipeline.cli.strategies import strategies
from pipeline.cli.topics import topics
from pipeline.cli.worker import worker

cli = typer.Typer(
    name="throughline",
    help="An interaction-aware omnichannel pipeline on Kafka: it decides while the interaction is going on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli.command()(broker)
cli.command()(worker)
cli.command()(produce)
cli.add_typer(topics, name="topics")
cli.add_typer(customers, name="customers")
cli.add_typer(strategies, name="strategies")


def main() -> None:
    """Entry point of the `throughline` command."""
    cli()
