"""`throughline strategies promote`, `pause`, `resume`, `rollback`, `retire`: one strategy, one step."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import typer

from pipeline.cli.common import AsJson, Bootstrap, settings_or_stop, stop
from pipeline.cli.rules import rules_or_stop
from pipeline.cli.strategies.changing import Told, report, tell
from pipeline.cli.strategies.checking import accepted_or_stop
from pipeline.cli.strategies.live import register_or_stop, release_or_stop, rollout_or_stop
from pipeline.cli.strategies.options import TIMEOUT_S, Author, Reason, StrategyId, Timeout, change_by
from pipeline.cli.strategies.publish import CANARY_PERCENT
from pipeline.domain.failures import Failure
from pipeline.domain.releases import StrategyRollout
from pipeline.domain.strategies import rollout as rollouts
from pipeline.domain.strategies.register import Register
from pipeline.domain.strategies.rollout import Change
from pipeline.settings import Settings


class Standing(NamedTuple):
    """What holds of a strategy before it is changed."""

    settings: Settings
    register: Register
    rollout: StrategyRollout


def promote(
    strategy_id: StrategyId,
    percent: Annotated[
        int | None,
        typer.Option(help="Canary for so many percent of customers, more or fewer."),
    ] = None,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Take a version that is tried to its next stage: validated, shadow, canary, active.

    A canary begins with 10 percent of customers; --percent sets another share, and a customer who has the version
    keeps it when the share grows. From canary without --percent it becomes active, for all.
    """
    change = change_by(author, reason)
    standing = _standing_or_stop(strategy_id, bootstrap)
    after = _promoted(standing.rollout, percent, change)
    _change(standing, after, timeout, as_json, check=True)


def _promoted(current: StrategyRollout, percent: int | None, change: Change) -> StrategyRollout | Failure:
    if percent is not None:
        return rollouts.canary(current, percent, change)
    if current.stage == "validated":
        return rollouts.shadow(current, change)
    if current.stage == "shadow":
        return rollouts.canary(current, CANARY_PERCENT, change)
    if current.stage == "canary":
        return rollouts.activate(current, change)
    message = (
        f"version {current.version} is {current.stage}, there is no next stage; publish a higher version"
    )
    return Failure("wrong_stage", f"{current.strategy_id}: {message}")


def pause(
    strategy_id: StrategyId,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Pause a strategy: nothing of it begins or is carried out until it is resumed."""
    change = change_by(author, reason)
    standing = _standing_or_stop(strategy_id, bootstrap)
    current = standing.rollout
    _change(standing, current if current.paused else rollouts.pause(current, change), timeout, as_json)


def resume(
    strategy_id: StrategyId,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Resume a paused strategy; what it would have done meanwhile is not made up for."""
    change = change_by(author, reason)
    standing = _standing_or_stop(strategy_id, bootstrap)
    current = standing.rollout
    _change(standing, rollouts.resume(current, change) if current.paused else current, timeout, as_json)


def rollback(
    strategy_id: StrategyId,
    to: Annotated[
        int | None, typer.Option(help="Version to go back to; the one that ran before if not given.")
    ] = None,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Go back to the version that ran before, in one step; attempts in flight go on with it.

    A version that is only tried (validated, shadow, canary) is given up. `throughline strategies show ID` lists the
    versions that --to can name.
    """
    change = change_by(author, reason)
    standing = _standing_or_stop(strategy_id, bootstrap)
    if to is not None:
        release_or_stop(standing.register, strategy_id, to)
    after = rollouts.rollback(standing.rollout, change, to=to)
    _change(standing, after, timeout, as_json, check=True)


def retire(
    strategy_id: StrategyId,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", help="End its attempts in flight; they go on to their end if not given."),
    ] = False,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Retire a strategy: nothing of it begins any more; its versions are kept and can be published again."""
    change = change_by(author, reason)
    standing = _standing_or_stop(strategy_id, bootstrap)
    after: StrategyRollout | Failure = standing.rollout
    if standing.rollout.stage != "retired":
        after = rollouts.retire(standing.rollout, change, in_flight="cancel" if cancel else "keep")
    _change(standing, after, timeout, as_json)


def _standing_or_stop(strategy_id: str, bootstrap: str | None) -> Standing:
    settings = settings_or_stop(bootstrap=bootstrap)
    register = register_or_stop(settings)
    return Standing(settings, register, rollout_or_stop(register, strategy_id))


def _change(
    standing: Standing,
    after: StrategyRollout | Failure,
    timeout: float,
    as_json: bool,
    check: bool = False,
) -> None:
    """Tell the workers what holds from now on, and print what became of it; exit 2 when it may not be.

    With `check` it is found out first whether workers can run it. What stops a strategy needs no such check.
    """
    settings, register, before = standing
    if isinstance(after, Failure):
        stop(after.message)
    if after is before:
        report(Told(unchanged=[before]), as_json)
        return
    records = [*register.along(after.strategy_id, after.changed_at), after]
    if check:
        accepted_or_stop(rules_or_stop(settings), register, records)
    report(tell(settings, register, records, timeout), as_json)
