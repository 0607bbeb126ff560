"""`throughline strategies list`: every strategy on a line."""

from __future__ import annotations

import json

import msgspec
from rich.table import Table
from rich.text import Text

from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop
from pipeline.cli.strategies.live import register_or_stop
from pipeline.cli.strategies.words import day_and_time, signed, switch_in_words
from pipeline.cli.waiting import Applied, applied, with_strategies
from pipeline.domain.releases import StrategyRelease, StrategyRollout
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.register import Register
from pipeline.domain.strategies.source import read
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import Roster, read_workers

_PATIENCE_S = 10.0
_WIDEST = 1_000
_COLOURS = {"active": "green", "canary": "yellow", "shadow": "cyan", "validated": "blue", "retired": "dim"}


class Row(msgspec.Struct, frozen=True):
    """A strategy in the list; `applied` are workers that run it like this, of so many `workers`."""

    rollout: StrategyRollout
    title: str
    lane: str
    applied: Applied


def list_strategies(bootstrap: Bootstrap = None, as_json: AsJson = False) -> None:
    """List all strategies: which version runs for whom, who changed it last, and where it is applied.

    In brackets behind a version is the one before, to which a rollback goes back. Strategies that nobody has
    published or changed run from the workers' files. --json tells all there is.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    register = register_or_stop(settings)
    roster = read_workers(settings, make_codec(settings), _PATIENCE_S)
    rows = [row for one in register.ids() if (row := _row(register, roster, one)) is not None]
    if as_json:
        told = {"switch": register.switch, "workers": len(roster.statuses), "strategies": rows}
        out.print(json.dumps(msgspec.to_builtins(told)), markup=False)
    else:
        _print(register, rows)


def _row(register: Register, roster: Roster, strategy_id: str) -> Row | None:
    rollout, told = register.rollout(strategy_id), register.told(strategy_id)
    if rollout is None:
        return None
    versions = register.versions(strategy_id)
    release = versions.get(rollout.version)
    keys = {strategy_id, *(one.key for one in versions.values())}
    end = 0 if told is None else told.offset + 1
    return Row(
        rollout,
        "" if release is None else release.title,
        "" if release is None else _lane(release),
        applied(roster, with_strategies, end, keys, 0),
    )


def _lane(release: StrategyRelease) -> str:
    source = read(release.definition, release.key)
    return "" if isinstance(source, Problem) else str(source.data.get("lane", ""))


def _print(register: Register, rows: list[Row]) -> None:
    switch = register.switch
    if switch.stopped:
        told = signed(switch.changed_by, switch.changed_at, switch.reason)
        out.print(f"Stopped: {switch_in_words(switch)}{told}", style="bold red", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("strategy", "stage", "version", "%", "lane", "by", "when", "applied"):
        right = name in ("version", "%")
        table.add_column(name, justify="right" if right else "left", no_wrap=name != "stage")
    for row in rows:
        table.add_row(*(Text(cell, _style(row)) for cell in _cells(row)))
    if not out.is_terminal:  # a row stays a line in a file or a pipe
        table.width = out.measure(table, options=out.options.update(max_width=_WIDEST)).maximum
    out.print(table)
    refused = {
        key: why for row in rows for worker in row.applied.refused.values() for key, why in worker.items()
    }
    for key, why in refused.items():
        out.print(f"refused: {key}: {why}", style="red", markup=False)


def _cells(row: Row) -> list[str]:
    rollout, workers = row.rollout, row.applied
    percent = {"canary": str(rollout.percent), "active": "100"}.get(rollout.stage, "0")
    total = len(workers.applied) + len(workers.waiting) + len(workers.refused)
    return [
        rollout.strategy_id,
        f"{rollout.stage}, paused" if rollout.paused else rollout.stage,
        str(rollout.version) if rollout.previous is None else f"{rollout.version} ({rollout.previous})",
        percent,
        row.lane,
        rollout.changed_by,
        day_and_time(rollout.changed_at) if rollout.changed_at else "",
        f"{len(workers.applied)} of {total}" if total else "no worker runs",
    ]


def _style(row: Row) -> str:
    return "red" if row.applied.refused else "magenta" if row.rollout.paused else _COLOURS[row.rollout.stage]
