"""How many attempts of a strategy are in flight, by version and step."""

from __future__ import annotations

import msgspec

from pipeline.domain.state import CustomerState, decode


class StepTally(msgspec.Struct):
    """Attempts in flight in which the step has been carried out (`done`), and in which it waits or is held."""

    done: int = 0
    waiting: int = 0


class Tally(msgspec.Struct):
    """Attempts in flight that go by one version."""

    attempts: int = 0
    steps: dict[str, StepTally] = msgspec.field(default_factory=dict)

    def step(self, step_id: str) -> StepTally:
        """The tally of a step."""
        return self.steps.setdefault(step_id, StepTally())

    def add(self, other: Tally) -> None:
        """Count what another tally of the same version has counted."""
        self.attempts += other.attempts
        for step_id, counted in other.steps.items():
            step = self.step(step_id)
            step.done += counted.done
            step.waiting += counted.waiting


Tallies = dict[int, Tally]
"""By version."""


def add_all(tallies: Tallies, others: Tallies) -> None:
    """Count in `tallies` what others have counted of the same strategy."""
    for version, tally in others.items():
        tallies.setdefault(version, Tally()).add(tally)


def count(tallies: Tallies, raw: bytes, strategy_id: str, begun_after: int) -> None:
    """Count the attempts of a strategy in a hot record (MessagePack) that are not over and began after a time.

    Most records have none, and are not decoded to find that out. Raises msgspec.DecodeError when `raw` is none.
    """
    if f"{strategy_id}|".encode() in raw:
        _count(tallies, decode(raw), strategy_id, begun_after)


def _count(tallies: Tallies, state: CustomerState, strategy_id: str, begun_after: int) -> None:
    for attempt in state.attempts.values():
        over = attempt.ended_at is not None or attempt.started_at <= begun_after
        if over or attempt.strategy_id != strategy_id:
            continue
        tally = tallies.setdefault(attempt.version, Tally())
        tally.attempts += 1
        for step_id in attempt.done:
            tally.step(step_id).done += 1
        for step_id, wait in attempt.waits.items():
            if wait.held or wait.due is not None:
                tally.step(step_id).waiting += 1
