"""`throughline broker`: run a Kafka broker on this machine until Ctrl-C."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from pipeline.local.broker import Broker, BrokerError
from pipeline.local.broker_config import port_is_free


def broker(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Loopback port to listen on; a free one if not given."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Directory that keeps the data between runs; temporary if not given."
        ),
    ] = None,
) -> None:
    """Run a Kafka broker on this machine until Ctrl-C; its address goes to standard output."""
    if port and not port_is_free(port):
        typer.echo(
            f"--port {port}: something already listens there; choose another port, or leave it out.", err=True
        )
        raise typer.Exit(2)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as orderly as on Ctrl-C
    try:
        with Broker(data, port, short_lived=False) as running:
            typer.echo(running.bootstrap)
            typer.echo(f"Kafka is ready; data in {running.data}. Ctrl-C stops it.", err=True)
            running.wait()
    except BrokerError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("Kafka has stopped.", err=True)
