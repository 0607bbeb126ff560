"""`throughline strategies publish`: files become versions that workers run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from pipeline.cli.common import AsJson, Bootstrap, settings_or_stop, stop
from pipeline.cli.rules import rules_or_stop, stop_for
from pipeline.cli.strategies.changing import report, tell
from pipeline.cli.strategies.checking import accepted_or_stop, harmless_or_stop
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.cli.strategies.live import register_or_stop
from pipeline.cli.strategies.options import TIMEOUT_S, Author, Reason, Timeout, change_by, progress
from pipeline.domain.failures import Failure
from pipeline.domain.releases import Stage, StrategyRecord, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.problems import Problem, one_of
from pipeline.domain.strategies.register import Register, publication
from pipeline.domain.strategies.rollout import Change
from pipeline.domain.templates import Brand

CANARY_PERCENT = 10
STAGES: tuple[Stage, ...] = ("validated", "shadow", "canary", "active")


class Draft(NamedTuple):
    """A version that is in a file, as it is to be released, and compiled."""

    file: str
    release: StrategyRelease
    strategy: Strategy


def publish(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="Strategy files; a directory is all those in it.")
    ],
    stage: Annotated[
        str,
        typer.Option(
            metavar="|".join(STAGES),
            help="validated: nothing runs yet. shadow: decides beside what runs, sends nothing. canary: runs for"
            " some customers. active: runs for all.",
        ),
    ] = "active",
    percent: Annotated[
        int | None,
        typer.Option(help="With --stage canary: percent of customers, 10 if not given."),
    ] = None,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Publish strategy files: all workers run them from now on, without a restart.

    The files are checked as workers check them, against their brand (THROUGHLINE_BRAND). If anything is wrong,
    nothing is published and what runs goes on. A version is for ever: count `version` up with every change. What
    ran before is kept, and `throughline strategies rollback` goes back to it. Publishing the same again changes
    nothing.

    Waits until every worker has applied it. Exit code 1 when one refuses it or needs longer than --timeout.
    """
    chosen = _stage_or_stop(stage, percent)
    settings = settings_or_stop(bootstrap=bootstrap)
    texts = texts_or_stop(files)
    base = rules_or_stop(settings)
    change = change_by(author, reason)
    drafts = _drafts_or_stop(texts, base.brand, change, as_json)
    register = register_or_stop(settings)
    share = (CANARY_PERCENT if percent is None else percent) if chosen == "canary" else 0
    records, unchanged = _records_or_stop(register, drafts, change, chosen, share)
    if records:
        accepted_or_stop(base, register, records)
        harmless_or_stop(base, register, {one.file: one.strategy for one in drafts}, as_json)
    told = tell(settings, register, records, timeout)
    told.unchanged = unchanged
    report(told, as_json)


def _stage_or_stop(stage: str, percent: int | None) -> Stage:
    chosen = next((one for one in STAGES if one == stage), None)
    if chosen is None:
        stop(f"--stage: there is no stage {stage!r}; {one_of(stage, STAGES)}")
    if percent is not None and chosen != "canary":
        stop("--percent: goes with --stage canary; the other stages are for all customers or none")
    return chosen


def _drafts_or_stop(texts: dict[str, str], brand: Brand, change: Change, as_json: bool) -> list[Draft]:
    """The drafts in files, by strategy; exit 2 with a line for every mistake in any of them."""
    problems: list[Problem] = []
    drafts: dict[str, Draft] = {}
    for file, text in progress(texts.items(), "Checking", as_json):
        strategy = compile_strategy(text, file, brand)
        if isinstance(strategy, list):
            problems += strategy
        elif strategy.id in drafts:
            message = f"strategy {strategy.id} is in {drafts[strategy.id].file} too"
            problems.append(Problem(file, 1, 1, message, "give each strategy its own name"))
        else:
            release = StrategyRelease(
                strategy_id=strategy.id,
                version=strategy.version,
                title=strategy.title,
                author=change.by,
                released_at=change.at,
                definition=text,
            )
            drafts[strategy.id] = Draft(file, release, strategy)
    if problems:
        stop_for(problems)
    return [drafts[strategy_id] for strategy_id in sorted(drafts)]


def _records_or_stop(
    register: Register, drafts: list[Draft], change: Change, stage: Stage, percent: int
) -> tuple[list[StrategyRecord], list[StrategyRollout]]:
    """What has to be told, and the roll-outs of drafts that stand as they are; exit 2 with a line for every draft
    that cannot be published.
    """
    records: list[StrategyRecord] = []
    unchanged: list[StrategyRollout] = []
    problems: list[Problem] = []
    for file, release, strategy in drafts:
        told = publication(
            register, release, change, stage=stage, percent=percent, in_flight=strategy.in_flight
        )
        if isinstance(told, Failure):
            what, _, remedy = told.message.partition("; ")
            problems.append(Problem(file, 0, 0, what, remedy))
        elif told:
            records += told
        elif (held := register.rollout(release.strategy_id)) is not None:
            unchanged.append(held)
    if problems:
        stop_for(problems)
    return records, unchanged
