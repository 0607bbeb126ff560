"""A deadline at which deciding raises is set aside; the other customers' deadlines are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.agents import decisions as module
from pipeline.agents.customers import Marks
from pipeline.agents.decisions import Decisions, PoisonedDeadline
from pipeline.agents.outlet import Outlet
from pipeline.domain.state import CustomerState
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.horizon import Horizon
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.dead_letters import DeadLetter

DUE = 1_000


class Table:
    def __init__(self, path: Path, value_type: Any) -> None:
        encode: Any = bytes if value_type is bytes else msgspec.msgpack.encode
        decode: Any = bytes if value_type is bytes else msgspec.msgpack.Decoder(value_type).decode
        self.partitions = {3: TablePartition("changelog", 3, Store(path), encode, decode, 100)}

    def partition(self, number: int) -> TablePartition[Any]:
        return self.partitions[number]


class App:
    """As much of an app, and of its consumer, as deciding needs."""

    def __init__(self, directory: Path) -> None:
        self.horizon = Horizon(lambda: DUE, lambda: 0.0)
        self.settings = Settings()
        self._directory = directory
        self.tables: list[Table] = []
        self.consumer = self
        self.checkpoint = Checkpoint()

    def Table(self, name: str, value_type: Any, **_: Any) -> Table:
        self.tables.append(Table(self._directory / name, value_type))
        return self.tables[-1]

    def on_rolled_back(self, call: Any) -> None:
        self.rolled_back = call

    def undo(self) -> None:
        self.checkpoint = Checkpoint()
        for table in self.tables:
            table.partition(3).forget()
        self.rolled_back()


@pytest.fixture
def app(tmp_path: Path) -> App:
    return App(tmp_path)


@pytest.fixture
def decisions(app: App, monkeypatch: pytest.MonkeyPatch) -> Decisions:
    def fire(state: CustomerState, *_: Any) -> list[Any]:
        state.next_due = None
        if state.customer_id == "bad":
            raise ValueError("cannot decide")
        if state.customer_id == "no disk":
            raise Unavailable("disk full")
        return []

    monkeypatch.setattr(module, "fire", fire)
    found: Any = app
    return Decisions(found, Outlet(Codec(), "p.", "sessions", lambda: DUE), found, Marks(found, b""), 0)


def waiting(app: App, decisions: Decisions, *customers: str) -> None:
    """Commit customers who have something due."""
    of = decisions.customers(3)
    for customer_id in customers:
        of.states.put(customer_id, CustomerState(customer_id, next_due=DUE))
        of.deadlines.move(customer_id, None, DUE)
    for table in app.tables:
        partition = table.partition(3)
        partition.store.write(partition.swap(), 1)
        partition.settle()


def test_it_becomes_a_dead_letter_and_the_others_are_decided(app: App, decisions: Decisions) -> None:
    waiting(app, decisions, "a", "bad", "z")
    with pytest.raises(PoisonedDeadline) as poisoned:
        decisions.fire_due()
    assert poisoned.value.args == (3, "bad", DUE, "ValueError: cannot decide")
    decisions.set_aside(*poisoned.value.args)
    app.undo()
    assert decisions.fire_due() == 3
    [output] = app.checkpoint.outputs
    letter = Codec().decode(output.value or b"")
    assert isinstance(letter, DeadLetter)
    assert (output.topic, output.key) == ("p.dead-letters", b"bad")
    assert (letter.code, letter.message) == ("internal_error", "ValueError: cannot decide")
    assert (letter.source, letter.partition, letter.key) == ("deadlines", 3, b"bad")
    assert decisions.next_due() is None
    assert decisions.fire_due() == 0


def test_what_is_set_aside_is_remembered_until_its_dead_letter_is_committed(
    app: App, decisions: Decisions
) -> None:
    waiting(app, decisions, "bad")
    decisions.set_aside(3, "bad", DUE, "cannot decide")
    for _ in range(2):
        assert decisions.fire_due() == 1
        app.undo()
    assert list(decisions._set_aside) == [("bad", DUE)]
    assert decisions.fire_due() == 1
    waiting(app, decisions)
    app.undo()
    assert decisions._set_aside == {}


def test_a_crowd_that_is_due_at_once_fires_in_portions(
    app: App, decisions: Decisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PORTION", 2)
    waiting(app, decisions, "a", "b", "c", "d", "e")
    assert [decisions.fire_due() for _ in range(4)] == [2, 2, 1, 0]


def test_no_customer_is_blamed_for_a_disk(app: App, decisions: Decisions) -> None:
    waiting(app, decisions, "no disk")
    with pytest.raises(Unavailable):
        decisions.fire_due()
