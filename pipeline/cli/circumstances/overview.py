"""`throughline circumstances list`: every circumstance on a line."""

from __future__ import annotations

import json
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.circumstances.live import Standing, standing_or_stop
from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop
from pipeline.cli.strategies.words import day_and_time
from pipeline.cli.waiting import Applied, applied, with_circumstances
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.observe.clock import wall_clock
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import Roster, read_workers

_PATIENCE_S = 10.0
_WIDEST = 1_000
_STYLES = {"in force": "green", "to come": "cyan", "over": "dim"}


class Row(msgspec.Struct, frozen=True):
    """A circumstance in the list; `applied` are workers that go by it as it stands."""

    circumstance: DeclaredCircumstance
    state: str
    applied: Applied


def list_circumstances(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """List the circumstances: which are in force, for whom, until when, and where they are applied."""
    settings = settings_or_stop(bootstrap=bootstrap)
    standing = standing_or_stop(settings)
    roster = read_workers(settings, make_codec(settings), _PATIENCE_S)
    now = wall_clock()
    rows = [_row(standing, roster, name, now) for name in sorted(standing.declared)]
    rows = [row for row in rows if everything or row.state != "over"]
    if as_json:
        told = {"workers": len(roster.statuses), "circumstances": rows}
        out.print(json.dumps(msgspec.to_builtins(told)), markup=False)
    elif rows:
        _print(rows)
    else:
        out.print("no circumstance is declared", markup=False)


def _row(standing: Standing, roster: Roster, name: str, now: int) -> Row:
    one = standing.declared[name]
    state = "over" if one.over(now) else "to come" if one.from_at > now else "in force"
    return Row(one, state, applied(roster, with_circumstances, standing.ends[name], {name}, 0))


def _print(rows: list[Row]) -> None:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("circumstance", "state", "from", "until", "scope", "by", "applied"):
        table.add_column(name, no_wrap=name != "scope")
    for row in rows:
        one, workers = row.circumstance, row.applied
        total = len(workers.applied) + len(workers.waiting) + len(workers.refused)
        cells = (
            one.circumstance_id,
            row.state,
            day_and_time(one.from_at),
            "" if one.until_at is None else day_and_time(one.until_at),
            one.scope,
            one.declared_by,
            f"{len(workers.applied)} of {total}" if total else "no worker runs",
        )
        table.add_row(*(Text(cell, "red" if workers.refused else _STYLES[row.state]) for cell in cells))
    if not out.is_terminal:  # a row stays a line in a file or a pipe
        table.width = out.measure(table, options=out.options.update(max_width=_WIDEST)).maximum
    out.print(table)
