"""`throughline produce` and `throughline customers import`: payloads from files onto their topics."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from pipeline.channels import customers as customer_files
from pipeline.channels.registry import ADAPTERS, adapt
from pipeline.cli.common import AsJson, Bootstrap, err, out, settings_or_stop, stop
from pipeline.cli.kafka import broker_or_stop, publishing
from pipeline.domain.failures import Failure
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.wire.dead_letters import Source, dead_letter

customers = typer.Typer(
    no_args_is_help=True, help="Customers: publish their profiles from the system of record."
)


def produce(
    channel: Annotated[str, typer.Argument(help=f"One of {', '.join(sorted(ADAPTERS))}.")],
    file: Annotated[
        Path, typer.Argument(help="JSON payload, or one a line (.jsonl); - reads standard input.")
    ],
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Publish a channel service's payloads as interactions; what cannot be read goes to dead-letters."""
    if channel not in ADAPTERS:
        stop(f"unknown channel '{channel}': choose one of {', '.join(sorted(ADAPTERS))}")
    payloads = _payloads(file)
    settings = settings_or_stop(bootstrap=bootstrap)
    broker_or_stop(settings)
    published, refused = 0, 0
    with publishing(settings, f"throughline/{channel}") as publisher:
        for row, payload in enumerate(track(payloads, "Publishing", console=err, disable=as_json), 1):
            for value in adapt(channel, payload, wall_clock()):
                if isinstance(value, Failure):
                    refused += 1
                    _set_aside(publisher, value, Source(str(file), -1, row), payload, as_json)
                else:
                    published += 1
                    publisher.send(value)
    _report(published, refused, as_json, "interactions")


@customers.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV, JSON or JSON lines (.jsonl) of the system of record.")],
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Publish customer profiles; rows that cannot be read are named and go to dead-letters."""
    media_types = customer_files.MEDIA_TYPES
    if file.suffix not in media_types:
        stop(f"{file}: the name must end in {', '.join(media_types)}")
    data = _read(file)
    settings = settings_or_stop(bootstrap=bootstrap)
    broker_or_stop(settings)
    published, refused = 0, 0
    with publishing(settings, "throughline/customers") as publisher:
        for value in customer_files.read(data, media_types[file.suffix], wall_clock()):
            if isinstance(value, Failure):
                refused += 1
                _set_aside(publisher, value, Source(str(file)), data, as_json)
            else:
                published += 1
                publisher.send(value)
    _report(published, refused, as_json, "customers")


def _set_aside(publisher: Publisher, failure: Failure, source: Source, raw: bytes, as_json: bool) -> None:
    if not as_json:
        err.print(f"{source.name}, row {source.offset}: {failure.code}: {failure.message}", markup=False)
    publisher.send(dead_letter("channel", failure, source, raw, failed_at=wall_clock()))


def _report(published: int, refused: int, as_json: bool, what: str) -> None:
    if as_json:
        out.print(json.dumps({"published": published, "refused": refused}), markup=False)
    else:
        out.print(
            f"{published} {what} published, {refused} refused" + (" (see dead-letters)" if refused else "")
        )


def _payloads(file: Path) -> list[bytes]:
    data = sys.stdin.buffer.read() if str(file) == "-" else _read(file)
    if file.suffix == ".jsonl":
        return [line for line in data.splitlines() if line.strip()]
    return [data]


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        stop(f"{file}: {error.strerror}; name a file that can be read")
