"""`throughline strategies diff`: what differs between two versions, in lines and in settings."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop, stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.cli.strategies.live import register_or_stop, release_or_stop, rollout_or_stop
from pipeline.cli.strategies.options import StrategyId
from pipeline.domain.strategies.differences import Difference, differences
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.language import StrategyFile
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.register import Register
from pipeline.domain.strategies.rollout import running
from pipeline.domain.strategies.source import read

_COLOURS = {"added": "green", "removed": "red", "changed": "yellow", "reordered": "yellow"}
_LINES = {"+": "green", "-": "red", "@": "cyan"}


class Side(msgspec.Struct, frozen=True):
    """One of the two that are compared: what it is called, and its text."""

    name: str
    text: str


class Compared(msgspec.Struct, frozen=True):
    """What differs: `settings` by their places, and the `lines` of a unified diff."""

    before: str
    after: str
    settings: list[Difference]
    lines: list[str]


def diff(
    strategy_id: StrategyId,
    first: Annotated[
        str | None,
        typer.Argument(metavar="A", help="Version or file; the version that runs if only one is given."),
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="B", help="Version or file.")] = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two versions of a strategy, or between a file and what runs.

    `diff ID` compares the latest version with the one before, `diff ID FILE` what runs with the file, `diff ID 3 5`
    two versions. First come the settings that differ, steps and templates by their names, then the lines.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    register = register_or_stop(settings)
    before, after = _sides_or_stop(register, strategy_id, first, second)
    lines = difflib.unified_diff(
        before.text.splitlines(), after.text.splitlines(), before.name, after.name, lineterm=""
    )
    found = differences(_values_or_stop(before, strategy_id), _values_or_stop(after, strategy_id))
    compared = Compared(before.name, after.name, found, list(lines))
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(compared)), markup=False)
    else:
        _print(compared)


def _sides_or_stop(
    register: Register, strategy_id: str, first: str | None, second: str | None
) -> tuple[Side, Side]:
    rollout = rollout_or_stop(register, strategy_id)
    if first is not None and second is not None:
        return _side_or_stop(register, strategy_id, first), _side_or_stop(register, strategy_id, second)
    if first is None:
        if rollout.previous is None:
            stop(f"{strategy_id}: nothing ran before version {rollout.version}; name what to compare it with")
        before, after = str(rollout.previous), str(rollout.version)
    else:
        before, after = str(running(rollout) or rollout.version), first
    return _side_or_stop(register, strategy_id, before), _side_or_stop(register, strategy_id, after)


def _side_or_stop(register: Register, strategy_id: str, named: str) -> Side:
    """A version by its number, or a file."""
    if named.isascii() and named.isdigit():
        release = release_or_stop(register, strategy_id, int(named))
        return Side(f"{strategy_id} version {release.version}", release.definition)
    return Side(named, texts_or_stop([Path(named)])[named])


def _values_or_stop(side: Side, strategy_id: str) -> dict[str, Any]:
    """The values of a side's text; exit 2 when it is wrong, or another strategy's."""
    source = read(side.text, side.name)
    if isinstance(source, Problem):
        stop_for([source])
    form = validated(source, StrategyFile)
    if isinstance(form, list):
        stop_for(form)
    if form.strategy != strategy_id:
        stop(f"{side.name}: this is strategy {form.strategy}; name a file of {strategy_id}")
    return dict(source.data)


def _print(compared: Compared) -> None:
    out.print(f"{compared.before} → {compared.after}", style="bold", markup=False)
    if not compared.lines:
        out.print("nothing differs")
        return
    table = Table(box=None, pad_edge=False, show_header=False)
    for one in compared.settings:
        table.add_row(Text(one.kind, _COLOURS[one.kind]), Text(one.place), Text(_values(one)))
    out.print(table if compared.settings else "no setting differs, only how it is written")
    out.print()
    for line in compared.lines:
        out.print(Text(line, _LINES.get(line[:1], "")))


def _values(one: Difference) -> str:
    before, after = _value(one.before), _value(one.after)
    if one.kind in ("changed", "reordered"):
        return f"{before}  →  {after}"
    return after if one.kind == "added" else before


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
