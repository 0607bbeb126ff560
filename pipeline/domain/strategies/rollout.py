"""From one roll-out of a strategy to the next.

Every function takes what holds (`current`, None when nothing is known of the strategy) and gives what is to hold,
or a Failure that tells the person who asked why not and what to do instead.
"""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from pipeline.domain.failures import Failure
from pipeline.domain.releases import InFlight, Stage, StrategyRollout

_TRIED: tuple[Stage, ...] = ("validated", "shadow", "canary")
"""The stages in which `previous` is what runs."""


class Change(msgspec.Struct, frozen=True):
    """Who changes something, when (epoch milliseconds), and why."""

    by: str
    at: int
    reason: str = ""


def of_file(strategy_id: str, version: int) -> StrategyRollout:
    """What holds for a strategy of which the topic says nothing: the version in its file is active."""
    return StrategyRollout(
        strategy_id=strategy_id, stage="active", version=version, changed_by="file", changed_at=0
    )


def running(rollout: StrategyRollout | None) -> int | None:
    """The version that runs for those on whom nothing is tried; None when none does."""
    if rollout is None or rollout.stage == "retired":
        return None
    return rollout.previous if rollout.stage in _TRIED else rollout.version


def publish(
    current: StrategyRollout | None,
    strategy_id: str,
    version: int,
    change: Change,
    *,
    stage: Stage = "active",
    percent: int = 0,
    in_flight: InFlight = "keep",
) -> StrategyRollout | Failure:
    """A released version begins its life at `stage`; what runs is where it can go back to. Ends a pause.

    Failures: `not_newer` for a version that runs or is older than the one that does, `bad_stage` for `retired`,
    `bad_percent`.
    """
    runs = running(current)
    if runs is not None and version <= runs:
        what = "runs already" if version == runs else f"is older than version {runs}, which runs"
        remedy = "give the file a higher version; to go back, roll back"
        return Failure("not_newer", f"{strategy_id}: version {version} {what}; {remedy}")
    if stage == "retired":
        return Failure("bad_stage", f"{strategy_id}: a version is not published as retired; retire it later")
    wrong = _wrong_percent(strategy_id, percent) if stage == "canary" else None
    return wrong or StrategyRollout(
        strategy_id=strategy_id,
        stage=stage,
        version=version,
        previous=runs,
        percent=percent if stage == "canary" else 0,
        in_flight=in_flight,
        changed_by=change.by,
        changed_at=change.at,
        reason=change.reason,
    )


def shadow(current: StrategyRollout | None, change: Change) -> StrategyRollout | Failure:
    """The version is evaluated beside what runs, and sends nothing."""
    return _tried(current, change, "shadow", 0)


def canary(current: StrategyRollout | None, percent: int, change: Change) -> StrategyRollout | Failure:
    """The version runs for `percent` (1 to 99) of customers; more later are these and others."""
    if current is not None and (wrong := _wrong_percent(current.strategy_id, percent)):
        return wrong
    return _tried(current, change, "canary", percent)


def activate(current: StrategyRollout | None, change: Change) -> StrategyRollout | Failure:
    """The version runs for everybody; one that was retired runs again."""
    if current is None:
        return _UNKNOWN
    if current.stage == "active":
        return _wrong_stage(current, "is active already")
    return _changed(current, change, stage="active", percent=0)


def pause(current: StrategyRollout | None, change: Change) -> StrategyRollout | Failure:
    """Nothing of the strategy begins or is carried out until it is resumed."""
    if current is None:
        return _UNKNOWN
    if current.stage == "retired":
        return _wrong_stage(current, "is retired: nothing of it runs")
    if current.paused:
        return _wrong_stage(current, f"is paused already, by {current.changed_by}")
    return _changed(current, change, paused=True)


def resume(current: StrategyRollout | None, change: Change) -> StrategyRollout | Failure:
    """The strategy goes on from where it was paused; what it would have done meanwhile is not made up for."""
    if current is None:
        return _UNKNOWN
    if not current.paused:
        return _wrong_stage(current, "is not paused")
    return _changed(current, change, paused=False)


def rollback(
    current: StrategyRollout | None, change: Change, *, to: int | None = None, in_flight: InFlight = "migrate"
) -> StrategyRollout | Failure:
    """The version before (or the older version `to`) runs for everybody, and what is tried is not. Ends a pause."""
    if current is None:
        return _UNKNOWN
    target = to if to is not None else current.previous
    if target is None:
        return _wrong_stage(current, "has nothing to go back to; pause or retire it")
    if target >= current.version:
        return _wrong_stage(current, f"goes back to an older version only, not to {target}")
    return _changed(
        current,
        change,
        stage="active",
        version=target,
        previous=None,
        percent=0,
        paused=False,
        in_flight=in_flight,
    )


def retire(
    current: StrategyRollout | None, change: Change, *, in_flight: InFlight = "keep"
) -> StrategyRollout | Failure:
    """Nothing of the strategy begins any more; attempts in flight go on to their end (`keep`) or are cancelled."""
    if current is None:
        return _UNKNOWN
    if current.stage == "retired":
        return _wrong_stage(current, "is retired already")
    if in_flight == "migrate":
        message = "attempts of a retired strategy have no version to go on with; keep or cancel them"
        return Failure("bad_in_flight", f"{current.strategy_id}: {message}")
    return _changed(current, change, stage="retired", percent=0, paused=False, in_flight=in_flight)


_UNKNOWN = Failure("not_published", "no such strategy is published; publish a version of it first")


def _tried(
    current: StrategyRollout | None, change: Change, stage: Stage, percent: int
) -> StrategyRollout | Failure:
    if current is None:
        return _UNKNOWN
    if current.stage not in _TRIED:
        return _wrong_stage(current, f"is {current.stage}; publish a higher version to try it")
    return _changed(current, change, stage=stage, percent=percent)


def _changed(current: StrategyRollout, change: Change, **fields: object) -> StrategyRollout:
    return replace(current, **fields, changed_by=change.by, changed_at=change.at, reason=change.reason)


def _wrong_stage(current: StrategyRollout, why: str) -> Failure:
    return Failure("wrong_stage", f"{current.strategy_id}: version {current.version} {why}")


def _wrong_percent(strategy_id: str, percent: int) -> Failure | None:
    if 0 < percent < 100:
        return None
    return Failure("bad_percent", f"{strategy_id}: a canary has 1 to 99 percent of customers, not {percent}")
