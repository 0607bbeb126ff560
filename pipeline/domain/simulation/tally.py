"""What strategies did in a trial, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.strategies.language import ENTRY


@dataclass
class Tally:
    """What one strategy did.

    `attempts` began; `steps` were carried out, by step; `commands` were sent, by kind; `suppressed` and `errors`
    are decisions that went so, by the rule that stopped them.
    """

    attempts: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    suppressed: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Tallies(dict[str, Tally]):
    """Tallies by strategy; one that has done nothing is there when asked for."""

    def __missing__(self, strategy_id: str) -> Tally:
        """An empty tally, kept."""
        self[strategy_id] = tally = Tally()
        return tally

    def count(self, commands: Iterable[ActionCommand], decisions: Iterable[Decision]) -> None:
        """Add what came out."""
        for command in commands:
            self[command.strategy_id].commands[command.kind] += 1
        for decision in decisions:
            tally = self[decision.strategy_id]
            if decision.outcome == "fired":
                if decision.step == ENTRY:
                    tally.attempts += 1
                else:
                    tally.steps[decision.step] += 1
            elif decision.outcome in ("suppressed", "error"):
                counter = tally.errors if decision.outcome == "error" else tally.suppressed
                counter[_stopped_by(decision)] += 1


def _stopped_by(decision: Decision) -> str:
    return next((reason.rule for reason in reversed(decision.reasons) if not reason.held), "")
