"""The commit path, simulated over thousands of seeds with crashes at every step. Broker and disk are fakes.

What Kafka and RocksDB really do is tested in tests/integration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from simulated_kafka import Disk
from simulated_worker import Worker, World, Wrong

from pipeline.runtime.checkpoint import Prepared
from pipeline.runtime.partition import TablePartition

SEEDS = 2_000


def test_states_and_outputs_are_those_of_one_undisturbed_fold() -> None:
    crashes = aborts = rollbacks = 0
    for seed in range(SEEDS):
        world = World(seed)
        try:
            world.run()
        except Exception as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        crashes += world.faults.crashes
        aborts += world.faults.aborts
        rollbacks += world.rollbacks
    # Otherwise the seeds would have tried nothing.
    assert min(crashes, aborts, rollbacks) > SEEDS


def disk_before_commit(self: Prepared, transactions: Any, group: Any, fence: Any) -> None:
    for table, changes in self.changed:
        table.store.write(changes, table.changelog_offset)
    commit(self, transactions, group, fence)


def offsets_outside(self: Prepared, transactions: Any, group: Any, fence: Any) -> None:
    offsets, self.checkpoint.offsets = self.checkpoint.offsets, {}
    commit(self, transactions, group, fence)
    transactions._faults.may_crash()
    transactions._broker.offsets |= offsets
    self.checkpoint.offsets = offsets


def changes_lost(self: Prepared, transactions: Any, group: Any, fence: Any) -> None:
    changed, self.changed = self.changed, []
    commit(self, transactions, group, fence)
    self.changed = changed


def drop_anything(self: TablePartition[Any]) -> None:
    while len(self._cache) > self.cache_entries:
        key = next(iter(self._cache))
        del self._cache[key]
        self._dirty.discard(key)


def keep_states(self: TablePartition[Any]) -> None:
    """A rollback that forgets to forget."""
    self._committing = {}


def keep_bytes_only(self: TablePartition[Any]) -> None:
    """A settle that drops nothing clean, and everything that is being changed."""
    self._committing = {}
    self._dirty.clear()


commit = Prepared.commit


@pytest.mark.parametrize(
    ("owner", "step", "broken"),
    [
        pytest.param(Prepared, "commit", disk_before_commit, id="disk written before the commit"),
        pytest.param(Prepared, "commit", offsets_outside, id="offsets not in the transaction"),
        pytest.param(Prepared, "commit", changes_lost, id="changes neither in changelog nor on disk"),
        pytest.param(Disk, "write", lambda *_: None, id="disk never written"),
        pytest.param(TablePartition, "trim", drop_anything, id="eviction drops dirty states"),
        pytest.param(TablePartition, "forget", keep_states, id="rollback keeps states"),
        pytest.param(TablePartition, "settle", keep_bytes_only, id="settling forgets the next checkpoint"),
        pytest.param(Worker, "_recover", lambda *_: None, id="no recovery"),
    ],
)
def test_the_simulation_notices_a_broken_step(
    monkeypatch: pytest.MonkeyPatch, owner: type, step: str, broken: Callable[..., None]
) -> None:
    monkeypatch.setattr(owner, step, broken)

    def wrong(seed: int) -> bool:
        try:
            World(seed).run()
        except Wrong:
            return True
        return False

    assert any(wrong(seed) for seed in range(200))
