"""`throughline demo`: watch it decide."""

from __future__ import annotations

import json
import signal
from typing import Annotated

import typer
from rich.console import Console

from pipeline.cli.common import FAILED, AsJson, settings_or_stop, stop
from pipeline.local.broker import BrokerError
from pipeline.local.demo.crowd import LARGEST, Traffic
from pipeline.local.demo.feed import FeedError
from pipeline.local.demo.line import NotSettled
from pipeline.local.demo.run import Wanted, run
from pipeline.local.demo.stage import StageError
from pipeline.runtime.publisher import PublishError

INTERRUPTED = 130
RATE = 200.0


def demo(
    bootstrap: Annotated[
        str | None, typer.Option(help="Kafka to use, host:port; a broker is started if not given.")
    ] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="Start no worker: one runs already on --bootstrap.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Seconds instead of minutes; the order stays.")
    ] = False,
    customers: Annotated[
        int | None,
        typer.Option(min=1, max=LARGEST, help="Play so many synthetic customers instead of the scenarios."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=1, max=10_000, help=f"With --customers: events a second, {RATE:.0f} if not given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play the wrong-size shirt live on a real broker: what happens, what is decided, and how soon.

    Exit code 0 when everything came out that the scenarios demand, 1 when not.
    """
    if no_worker and bootstrap is None:
        stop("--no-worker: name the broker of the worker that runs with --bootstrap HOST:PORT")
    if rate is not None and customers is None:
        stop("--rate: goes with --customers N; the scenarios have their own pace")
    if fast and customers is not None:
        stop("--fast: goes without --customers; use --rate to play a crowd faster")
    settings_or_stop(bootstrap=bootstrap)
    console = Console(stderr=as_json, highlight=False)
    console.soft_wrap = not console.is_terminal  # a line stays a line in a file or a pipe
    crowd = None if customers is None else Traffic(customers, rate or RATE)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _interrupt)
    try:
        verdict = run(Wanted(bootstrap, not no_worker, fast, crowd), console)
    except KeyboardInterrupt:
        stop("The demo was stopped; nothing of it runs any more.", INTERRUPTED)
    except (StageError, BrokerError, FeedError, NotSettled, PublishError) as error:
        stop(str(error), FAILED)
    if as_json:
        typer.echo(json.dumps(verdict.figures))
    if not verdict.passed:
        raise typer.Exit(FAILED)


def _interrupt(_number: int, _frame: object) -> None:
    """End orderly on the first Ctrl-C; a second one must not interrupt the end."""
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt
