"""What is known of every strategy outside of the workers: what the topic `strategies` says, and the files.

It takes what managers have asked for; whether a worker can run it is for `catalogue.py` to say.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pipeline.domain.failures import Failure
from pipeline.domain.releases import (
    KILL_SWITCH,
    InFlight,
    KillSwitch,
    Stage,
    StrategyRecord,
    StrategyRelease,
    StrategyRollout,
    release_key,
)
from pipeline.domain.strategies.rollout import Change, of_file, publish

FILE = "file"
"""The author of a version that workers have from its file."""


class Entry(msgspec.Struct, frozen=True):
    """A record of the topic; `value` is None for a tombstone, a Failure where it cannot be read."""

    offset: int
    key: str
    value: StrategyRecord | Failure | None


class Register:
    """`entries` has the last record of every key, `end` is the offset behind the last of all, `files` what workers
    have without the topic, by strategy.
    """

    def __init__(self, files: Mapping[str, StrategyRelease]) -> None:
        self.files = files
        self.entries: dict[str, Entry] = {}
        self.end = 0
        self._told: dict[str, dict[int, StrategyRelease]] = {}

    def take(self, entry: Entry) -> None:
        """Note the next record of the topic."""
        self.entries[entry.key] = entry
        self.end = entry.offset + 1
        if isinstance(entry.value, StrategyRelease):
            self._told.setdefault(entry.value.strategy_id, {})[entry.value.version] = entry.value

    @property
    def switch(self) -> KillSwitch:
        """The kill switch; off when nobody has ever touched it."""
        entry = self.entries.get(KILL_SWITCH)
        if entry is not None and isinstance(entry.value, KillSwitch):
            return entry.value
        return KillSwitch(stopped=False, changed_by=FILE, changed_at=0)

    def ids(self) -> list[str]:
        """Every strategy that somebody runs or tries, by name."""
        values = (entry.value for entry in self.entries.values())
        return sorted({one.strategy_id for one in values if isinstance(one, StrategyRollout)} | {*self.files})

    def told(self, strategy_id: str) -> Entry | None:
        """What the topic says of how the strategy is rolled out; None when nothing."""
        entry = self.entries.get(strategy_id)
        return entry if entry is not None and isinstance(entry.value, StrategyRollout) else None

    def rollout(self, strategy_id: str) -> StrategyRollout | None:
        """How the strategy is rolled out; None when there is none of this name."""
        told = self.told(strategy_id)
        if told is not None and isinstance(told.value, StrategyRollout):
            return told.value
        file = self.files.get(strategy_id)
        return None if file is None else of_file(strategy_id, file.version)

    def versions(self, strategy_id: str) -> dict[int, StrategyRelease]:
        """The versions of the strategy, from the first; what is released goes before a file of the same version."""
        file = self.files.get(strategy_id)
        own = {} if file is None else {file.version: file}
        return dict(sorted((own | self._told.get(strategy_id, {})).items()))

    def along(self, strategy_id: str, at: int) -> list[StrategyRecord]:
        """What has to go before the first roll-out of a strategy that only the files know: the version that they
        have, released `at`, so that it can be run whatever files a worker has.
        """
        file = self.files.get(strategy_id)
        if file is None or release_key(strategy_id, file.version) in self.entries:
            return []
        return [msgspec.structs.replace(file, released_at=at)]


def publication(
    register: Register,
    draft: StrategyRelease,
    change: Change,
    *,
    stage: Stage = "active",
    percent: int = 0,
    in_flight: InFlight = "keep",
) -> list[StrategyRecord] | Failure:
    """What has to be told, in this order, so that a draft begins its life at `stage`; nothing when it is there.

    Failures: `immutable` where its version is known with another definition, and those of `rollout.publish`.
    """
    known = register.versions(draft.strategy_id).get(draft.version)
    if known is not None and known.definition != draft.definition:
        return Failure("immutable", f"{_known(known)} with another definition; count version up")
    current = register.rollout(draft.strategy_id)
    if current is not None and _stands(current) == (draft.version, stage, percent):
        return []
    rollout = publish(
        current, draft.strategy_id, draft.version, change, stage=stage, percent=percent, in_flight=in_flight
    )
    if isinstance(rollout, Failure):
        return rollout
    release: list[StrategyRecord] = [] if draft.key in register.entries else [draft]
    return [*register.along(draft.strategy_id, change.at), *release, rollout]


def _stands(rollout: StrategyRollout) -> tuple[int, Stage, int]:
    return rollout.version, rollout.stage, rollout.percent


def _known(release: StrategyRelease) -> str:
    by = "in the workers' files" if release.author == FILE else f"published by {release.author}"
    return f"{release.strategy_id}: version {release.version} is {by},"
