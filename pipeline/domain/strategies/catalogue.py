"""What is live, folded from files and from the records of the topic `strategies`.

Records may come in any order of their keys, and more than once: a roll-out waits for its releases. What is wrong
is refused, and what is live stays live.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pipeline.domain.circumstances import Circumstance
from pipeline.domain.failures import Failure
from pipeline.domain.releases import (
    KILL_SWITCH,
    KillSwitch,
    StrategyRecord,
    StrategyRelease,
    StrategyRollout,
    release_key,
)
from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.rollout import of_file

_AT = "@"
"""Only in the keys of releases."""


class Catalogue:
    """Every release, every roll-out and the kill switch. The strategies of `base` are active until the topic tells
    of them.

    Only what a roll-out needs is compiled, and that once; `rules` is cheap where little has changed.
    """

    def __init__(self, base: Rules) -> None:
        self.releases: dict[str, StrategyRelease] = {}
        self.switch: KillSwitch | None = None
        self._base = base
        self._compiled: dict[str, Strategy | Problem] = {}
        self._wanted: dict[str, StrategyRollout] = {}
        self._applied: dict[str, StrategyRollout] = {}
        self._standing: dict[str, list[Strategy]] = {id_: [one] for id_, one in base.strategies.items()}
        self._refused: dict[str, Problem] = {}
        self._waiting: dict[str, Problem] = {}

    def copy(self) -> Catalogue:
        """Another catalogue with the same in it, for trying what a record would do."""
        other = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict):
                setattr(other, name, value.copy())
        return other

    @property
    def rollouts(self) -> Mapping[str, StrategyRollout]:
        """How every strategy is rolled out, by id; one in a file alone is active."""
        files = {id_: of_file(id_, one.version) for id_, one in self._base.strategies.items()}
        return files | self._applied

    @property
    def refused(self) -> Mapping[str, Problem]:
        """What is wrong under which key, and roll-outs whose version is not there."""
        return self._refused | self._waiting

    def rules(self, declared: Iterable[Circumstance] = ()) -> Rules:
        """What is live; circumstances that are `declared` stand before those of files with the same id."""
        switch = self.switch
        stopped = None
        if switch is not None and switch.stopped:
            stopped = switch.reason or f"stopped by {switch.changed_by}"
        return Rules(
            [strategy for standing in self._standing.values() for strategy in standing],
            self._base.brand,
            tuple({one.id: one for one in (*self._base.circumstances, *declared)}.values()),
            rollouts=self._applied.copy(),
            stopped=stopped,
            earlier=self.strategy,
        )

    def strategy(self, strategy_id: str, version: int) -> Strategy | None:
        """A version, compiled; None for one that is not there or is wrong. May be asked from any thread."""
        found = self._version(strategy_id, version)
        return found if isinstance(found, Strategy) else None

    def take(self, key: str, record: StrategyRecord | Failure | None) -> Problem | None:
        """Fold in the record of a key (None: it was deleted; a Failure: it cannot be read).

        Returns what is wrong when it is refused, or when a roll-out that waits for it finds it wrong.
        """
        if record is None:
            return self._forget(key)
        if isinstance(record, Failure):
            return self._refuse(key, record.message, "publish it again")
        if record.key != key:
            return self._refuse(key, f"is the record of {record.key}", "publish it under its own key")
        match record:
            case StrategyRelease():
                problem = self._take_release(record)
            case StrategyRollout():
                problem = self._take_rollout(record)
            case KillSwitch():
                self.switch, problem = record, None
        if problem is None:
            self._refused.pop(key, None)
        return problem

    def _take_release(self, release: StrategyRelease) -> Problem | None:
        key = release.key
        known = self.releases.get(key)
        if known is not None and known.definition != release.definition:
            return self._refuse(
                key, "has another definition than before; a version never changes", "publish a higher version"
            )
        self.releases[key] = release
        self._refused.pop(key, None)
        self._apply(release.strategy_id)
        return self._refused.get(key)

    def _take_rollout(self, rollout: StrategyRollout) -> Problem | None:
        strategy_id = rollout.strategy_id
        if _AT in strategy_id or strategy_id == KILL_SWITCH:
            return self._refuse(strategy_id, "is no strategy's name", "take it off the topic")
        if rollout.stage == "canary" and not 0 < rollout.percent < 100:
            message = f"a canary has 1 to 99 percent of customers, not {rollout.percent}"
            return self._refuse(strategy_id, message, "roll it out again")
        if rollout.previous == rollout.version:
            return self._refuse(
                strategy_id, f"version {rollout.version} is to follow itself", "roll it out again"
            )
        self._wanted[strategy_id] = rollout
        return self._apply(strategy_id)

    def _apply(self, strategy_id: str) -> Problem | None:
        """Let the roll-out hold that was taken last, once every version that it needs is there."""
        rollout = self._wanted.get(strategy_id)
        if rollout is None:
            return None
        found: dict[int, Strategy] = {}
        for version in _needed(rollout):
            strategy = self._version(strategy_id, version)
            if not isinstance(strategy, Strategy):
                return self._wait(strategy_id, release_key(strategy_id, version), strategy)
            found[version] = strategy
        self._waiting.pop(strategy_id, None)
        self._applied[strategy_id] = rollout
        self._standing[strategy_id] = _standing(rollout, found)
        return None

    def _wait(self, strategy_id: str, key: str, problem: Problem | None) -> Problem | None:
        """Note that a roll-out does not hold yet because this release is missing, or has a problem."""
        if problem is None:
            self._waiting[strategy_id] = Problem(strategy_id, 0, 0, f"{key} is not there", "release it")
        else:
            self._refused[key] = problem
            self._waiting[strategy_id] = Problem(strategy_id, 0, 0, f"{key} is refused", "roll out another")
        return problem

    def _version(self, strategy_id: str, version: int) -> Strategy | Problem | None:
        key = release_key(strategy_id, version)
        release = self.releases.get(key)
        if release is None:
            base = self._base.strategies.get(strategy_id)
            return base if base is not None and base.version == version else None
        if key not in self._compiled:
            self._compiled[key] = _compiled(release, self._base)
        return self._compiled[key]

    def _forget(self, key: str) -> Problem | None:
        if key == KILL_SWITCH:
            self.switch = None
        elif _AT in key:
            strategy_id = key.partition(_AT)[0]
            rollout = self._applied.get(strategy_id)
            if rollout and key in [release_key(strategy_id, version) for version in _needed(rollout)]:
                return self._refuse(
                    key, "is deleted, but in force", "roll out another version, or release it again"
                )
            self.releases.pop(key, None)
            self._compiled.pop(key, None)
        else:
            for rollouts in (self._wanted, self._applied, self._waiting):
                rollouts.pop(key, None)
            self._standing.pop(key, None)
            if key in self._base.strategies:
                self._standing[key] = [self._base.strategies[key]]
        self._refused.pop(key, None)
        return None

    def _refuse(self, key: str, message: str, remedy: str) -> Problem:
        problem = self._refused[key] = Problem(key, 0, 0, message, remedy)
        return problem


def _compiled(release: StrategyRelease, base: Rules) -> Strategy | Problem:
    strategy = compile_strategy(release.definition, release.key, base.brand)
    if isinstance(strategy, list):
        return strategy[0]
    if (strategy.id, strategy.version) != (release.strategy_id, release.version):
        what = f"is the definition of {release_key(strategy.id, strategy.version)}"
        return Problem(release.key, 0, 0, what, "publish it under its own name and version")
    return strategy


def _needed(rollout: StrategyRollout) -> list[int]:
    """The versions that run, for some customers or beside others."""
    before = [] if rollout.previous is None else [rollout.previous]
    match rollout.stage:
        case "retired":
            return []
        case "validated":
            return before
        case "shadow" | "canary":
            return [rollout.version, *before]
        case "active":
            return [rollout.version]


def _standing(rollout: StrategyRollout, found: Mapping[int, Strategy]) -> list[Strategy]:
    """The versions that run, with the customers whose attempts begin with them."""
    percent = rollout.percent
    standing: list[Strategy] = []
    for version in _needed(rollout):
        strategy = replace(found[version], paused=rollout.paused)
        tried = version == rollout.version
        if rollout.stage == "shadow" and tried:
            strategy = replace(strategy, shadow=True)
        elif rollout.stage == "canary":
            strategy = replace(strategy, share=(0, percent) if tried else (percent, 100))
        standing.append(strategy)
    return standing
