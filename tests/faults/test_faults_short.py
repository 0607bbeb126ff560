"""A short cut of `make faults`: a kill at each step of a commit over one backlog, and workers killed at random."""

from __future__ import annotations

import pytest

from pipeline.local.broker import Broker
from tests.faults.campaign import Fault, Hit, Scene, play
from tests.faults.process_kills import kill_at, kill_at_random
from tests.faults.worker_killed_at import STEPS

pytestmark = pytest.mark.kafka


def kill_at_next_step(scene: Scene) -> Hit:
    return kill_at(STEPS[scene.struck], scene)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("kill -9 at each step", len(STEPS), kill_at_next_step, together=len(STEPS), customers=330),
        Fault("kill -9 at random", 1, kill_at_random),
    ],
    ids=lambda fault: fault.name,
)
def test_nothing_is_lost_and_nothing_repeated(broker: Broker, fault: Fault) -> None:
    told: list[str] = []
    outcome = play(fault, fault.runs, broker, seed=11, tell=told.append)
    assert outcome.problems == [], told
    assert len(outcome.hits) == fault.runs
