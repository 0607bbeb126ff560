"""`throughline strategies show`: one strategy, from its definition to its attempts in flight."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

import msgspec
import typer
from rich.syntax import Syntax
from rich.table import Table

from pipeline.cli.asking import AskedWorker, asked_worker
from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop
from pipeline.cli.strategies.attempts import attempts_or_stop
from pipeline.cli.strategies.live import register_or_stop, release_or_stop, rollout_or_stop
from pipeline.cli.strategies.options import StrategyId
from pipeline.cli.strategies.words import in_words, moment, signed
from pipeline.domain.releases import StrategyRelease, StrategyRollout
from pipeline.domain.tallies import Tallies, Tally


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """A strategy as it is shown; `attempts` by version, where they were asked for."""

    rollout: StrategyRollout
    versions: list[StrategyRelease]
    definition: str
    attempts: Tallies | None = None


def show(
    strategy_id: StrategyId,
    version: Annotated[
        int | None, typer.Option(help="Version whose definition is shown; the latest if not given.")
    ] = None,
    attempts: Annotated[
        bool, typer.Option("--attempts", help="Ask the workers how many attempts are in flight.")
    ] = False,
    worker: AskedWorker = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Show a strategy: how it is rolled out, its versions, a definition, and its attempts in flight.

    --attempts counts them over all customers, by version: how many there are, and how many of them have carried out
    each step or wait in it. It goes on beside the workers' work, and takes a while where customers are many.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    register = register_or_stop(settings)
    rollout = rollout_or_stop(register, strategy_id)
    release = release_or_stop(register, strategy_id, rollout.version if version is None else version)
    versions = register.versions(strategy_id)
    tallies = None
    if attempts:
        with asked_worker(settings, worker) as client:
            tallies = attempts_or_stop(client, settings.partitions, versions, as_json)
    shown = Shown(rollout, [*versions.values()], release.definition, tallies)
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(shown, str_keys=True)), markup=False)
    else:
        _print(shown, release)


def _print(shown: Shown, release: StrategyRelease) -> None:
    rollout = shown.rollout
    out.print(f"{rollout.strategy_id}: {release.title}", style="bold", markup=False)
    told = signed(rollout.changed_by, rollout.changed_at, rollout.reason)
    out.print(f"{in_words(rollout)}{told or ', from the file of the workers'}", markup=False)
    out.print("\nVersions")
    table = Table(box=None, pad_edge=False)
    for name in ("version", "by", "released", "title"):
        table.add_column(name)
    for one in shown.versions:
        released = moment(one.released_at) if one.released_at else ""
        table.add_row(str(one.version), one.author, released, one.title)
    out.print(table)
    if shown.attempts is not None:
        _print_attempts(shown.attempts)
    out.print(f"\nVersion {release.version}")
    text = release.definition.rstrip("\n")
    if out.is_terminal:
        out.print(Syntax(text, "yaml", background_color="default", word_wrap=True))
    else:  # a line stays a line in a file or a pipe
        out.print(text, markup=False)


def _print_attempts(attempts: Mapping[int, Tally]) -> None:
    out.print("\nAttempts in flight")
    if not attempts:
        out.print("none")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("version", "attempts", "step", "done in", "waiting in"):
        table.add_column(name, justify="left" if name == "step" else "right")
    for version, tally in sorted(attempts.items()):
        table.add_row(str(version), str(tally.attempts))
        for step_id, step in sorted(tally.steps.items()):
            table.add_row("", "", step_id, str(step.done), str(step.waiting))
    out.print(table)
