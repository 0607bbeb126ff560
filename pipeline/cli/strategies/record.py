"""`throughline strategies record`: what customers did, as files in which drafts can be tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop
from pipeline.cli.strategies.brokers import recorded_or_stop
from pipeline.cli.strategies.range import Since, Until, time_or_stop


def record(
    file: Annotated[Path, typer.Argument(help="Avro file to write.")],
    since: Since = None,
    until: Until = None,
    customers: Annotated[
        Path | None, typer.Option(help="Avro file to write the customers' profiles to; none if not given.")
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Record the interactions of a time range, as they came in, in a file for `strategies simulate`.

    Times are those of their arrival at the brokers. Without a range it is all that the topics still hold.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    span = time_or_stop("--from", since), time_or_stop("--to", until)
    recorded = recorded_or_stop(settings, file, span, customers, quiet=as_json)
    if as_json:
        typer.echo(json.dumps(recorded._asdict()))
        return
    out.print(f"{recorded.events:,} events recorded in {file}", markup=False)
    if customers is not None:
        out.print(f"{recorded.customers:,} customers recorded in {customers}", markup=False)
    if recorded.unreadable:
        out.print(f"{recorded.unreadable:,} records cannot be read and were passed over (see dead-letters)")
