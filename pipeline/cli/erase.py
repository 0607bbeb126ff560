"""`throughline customer erase`: forget a customer, and show that they are forgotten."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Iterable
from typing import Annotated

import msgspec
import typer
from rich.progress import track
from rich.table import Table

from pipeline.cli.common import FAILED, AsJson, Bootstrap, err, out, settings_or_stop, stop
from pipeline.cli.kafka import broker_or_stop, publishing, topics_or_stop
from pipeline.domain.ids import is_provisional
from pipeline.domain.requests import EraseRequested
from pipeline.domain.traces import KEPT, MARKS, Traces, Trees
from pipeline.observe.clock import wall_clock
from pipeline.runtime.reading import Change, Changelogs
from pipeline.runtime.topics import DAY_MS, all_topics
from pipeline.settings import Settings

_POLL_S = 0.2
_NOT_ABOUT_CUSTOMERS = ("adviser.states",)


class Proof(msgspec.Struct):
    """What was kept of a customer before and is after, by table; `marks` are the hashes that remain.

    `until_retention` has the topics that may hold messages about the customer, and for how many days.
    """

    ids: list[str]
    erased_at: int
    before: dict[str, int]
    after: dict[str, int]
    marks: list[str]
    until_retention: dict[str, int]


def erase(
    customer_id: Annotated[
        str, typer.Argument(metavar="ID", help="Id of the customer, or one merged into them.")
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it without asking: it cannot be undone.")] = False,
    by: Annotated[str | None, typer.Option(help="Who asks for it; your user name if not given.")] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the workers.")] = 60.0,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Forget a customer in all tables, wait until the workers have done it, and prove it from the changelogs.

    Exit code 0 when nothing is left, 1 when the workers have not done it in time; they will when they run.
    """
    if not yes:
        if not sys.stdin.isatty():
            stop(f"this deletes all that is known of {customer_id}, for good: say --yes to do it")
        typer.confirm(f"Delete all that is known of {customer_id}, for good?", abort=True, err=True)
    settings = settings_or_stop(bootstrap=bootstrap)
    broker_or_stop(settings)
    topics_or_stop(settings)
    changelogs = Changelogs(settings.kafka(), settings.topic_prefix, settings.partitions)
    traces = _found(changelogs, customer_id, settings.erasure_key.get_secret_value().encode(), as_json)
    before = {table: len(keys) for table, keys in traces.left.items()}
    asked = EraseRequested(customer_id=customer_id, by=by or getpass.getuser(), requested_at=wall_clock())
    _publish(settings, asked, traces.ids)
    give_up = time.monotonic() + timeout
    with err.status("Waiting for the workers"):
        while not traces.forgotten(asked.requested_at) and time.monotonic() < give_up:
            time.sleep(_POLL_S)
            for table, key, raw in changelogs.read((*KEPT, MARKS)):
                traces.see_after(table, key, raw, asked.requested_at)
    after = {table: len(keys) for table, keys in traces.left.items()}
    marks = [mark for mark, at in traces.marks().items() if at >= asked.requested_at]
    proof = Proof(traces.ids, asked.requested_at, before, after, marks, _until_retention(settings))
    _print(proof, as_json)
    if not traces.forgotten(asked.requested_at):
        stop(
            f"not done after {timeout:.0f} s: the request stays, and workers carry it out when they run",
            FAILED,
        )


def _found(changelogs: Changelogs, customer_id: str, secret: bytes, as_json: bool) -> Traces:
    """Read every change of the tables, to know what is kept."""

    def changes(*tables: str) -> Iterable[Change]:
        what = f"Reading {', '.join(tables)}"
        return track(changelogs.read(tables, again=True), what, console=err, transient=True, disable=as_json)

    trees = Trees()
    for _, key, raw in changes("sessions"):
        trees.see(key, raw)
    traces = Traces(trees.all_of(customer_id), secret)
    for table, key, raw in changes(*KEPT, MARKS):
        traces.see(table, key, raw)
    return traces


def _publish(settings: Settings, asked: EraseRequested, ids: list[str]) -> None:
    with publishing(settings, "throughline/customer") as publisher:
        publisher.send(asked)
        for one in ids:
            if not is_provisional(one):
                publisher.take_out("customers", one)


def _until_retention(settings: Settings) -> dict[str, int]:
    specs = all_topics("", settings.partitions, settings.replication)
    return {
        spec.name: int(spec.config["retention.ms"]) // DAY_MS
        for spec in specs
        if spec.cleanup == "delete" and spec.name not in _NOT_ABOUT_CUSTOMERS
    }


def _print(proof: Proof, as_json: bool) -> None:
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(proof)), markup=False)
        return
    out.print(f"Customer {', also '.join(proof.ids)}", markup=False)
    table = Table("table", "kept before", "kept now", box=None)
    for name, kept in proof.before.items():
        table.add_row(name, str(kept), str(proof.after[name]))
    out.print(table)
    out.print(f"{len(proof.marks)} marks remain, so that a replay brings nothing back:")
    for mark in proof.marks:
        out.print(f"  {mark}")
    out.print(
        "Older values leave the changelogs and `customers` with compaction. What cannot be deleted by key leaves"
    )
    out.print("with the retention of its topic:")
    for days in sorted(set(proof.until_retention.values())):
        names = ", ".join(name for name, kept in proof.until_retention.items() if kept == days)
        out.print(f"  {days} days: {names}")
