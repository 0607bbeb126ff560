"""The life of a strategy, as the compacted topic `strategies` tells it: what was released, and who has it.

Field names equal those of the Avro records in `schemas/`. Times are epoch milliseconds, UTC. `key` is the Kafka
key: the topic keeps the last record of each.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Stage = Literal["validated", "shadow", "canary", "active", "retired"]
InFlight = Literal["keep", "migrate", "cancel"]

KILL_SWITCH = "kill-switch"
"""The key of the only KillSwitch; no strategy's, whose keys have an `@` or stand for a file's id."""


class StrategyRelease(msgspec.Struct, kw_only=True, frozen=True):
    """A version of a strategy, for ever the same: `definition` is its file as the author wrote it (YAML)."""

    strategy_id: str
    version: int
    title: str = ""
    author: str
    released_at: int
    definition: str

    @property
    def key(self) -> str:
        """Strategy and version, `<id>@<version>`."""
        return release_key(self.strategy_id, self.version)


class StrategyRollout(msgspec.Struct, kw_only=True, frozen=True):
    """For whom a version of a strategy is in force.

    `validated`: `version` does nothing, `previous` (None: nothing) runs. `shadow`: `version` is evaluated beside
    `previous` and its decisions recorded, without a command. `canary`: `percent` of customers have `version`, the
    others `previous`. `active`: `version` runs, and `previous` is what a rollback goes back to. `retired`: nothing
    runs. While it is `paused` nothing of the strategy begins or is carried out. `in_flight` says what becomes of
    attempts that began with another version.
    """

    strategy_id: str
    stage: Stage
    version: int
    previous: int | None = None
    percent: int = 0
    paused: bool = False
    in_flight: InFlight = "keep"
    changed_by: str
    changed_at: int
    reason: str = ""

    @property
    def key(self) -> str:
        """The strategy's id."""
        return self.strategy_id


class KillSwitch(msgspec.Struct, kw_only=True, frozen=True):
    """While `stopped`, no strategy sends a command."""

    stopped: bool
    changed_by: str
    changed_at: int
    reason: str = ""

    @property
    def key(self) -> str:
        """The same for all: there is one switch."""
        return KILL_SWITCH


StrategyRecord = StrategyRelease | StrategyRollout | KillSwitch
"""What the topic `strategies` carries."""


def release_key(strategy_id: str, version: int) -> str:
    """The key under which a version of a strategy is released."""
    return f"{strategy_id}@{version}"
