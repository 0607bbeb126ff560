"""An interrupted fault campaign goes on where it was."""

from __future__ import annotations

from pathlib import Path

from tests.faults.campaign import Fault, Hit, Outcome, Scene
from tests.faults.kept import Kept
from tests.faults.oracle import Verdict


def outcome(lost: int = 0, backlog: int = 3) -> Outcome:
    return Outcome("fall", [Hit(7, backlog, 1.5, "fell")], Verdict(9, {"folded": 9}, lost, 0, 0, []))


def play(scene: Scene) -> Hit:
    raise AssertionError("nothing is played here")


FAULT = Fault("fall", 1, play)


def test_what_was_seen_is_there_after_an_interruption_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "outcomes"
    kept = Kept(path, resume=False)
    kept.add(1, outcome())
    kept.add(2, outcome(lost=1))
    kept.add(3, outcome(backlog=0))
    again = Kept(path, resume=True)
    assert again.outcome(FAULT, 1) == outcome()
    assert [again.outcome(FAULT, seed) for seed in (2, 3, 4)] == [None] * 3, (
        "what was not right is played again"
    )
    assert again.outcome(FAULT._replace(name="another"), 1) is None
    assert Kept(path, resume=False).outcome(FAULT, 1) is None
    assert not path.exists()
