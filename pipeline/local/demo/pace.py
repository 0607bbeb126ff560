"""From a scenario's clock to the demo's: minutes become seconds, the order of events stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from pipeline.local.scenarios.form import Scenario


@dataclass(frozen=True)
class Pace:
    """How a gap between two events is shortened: divided, then kept between two bounds (milliseconds).

    `lead_ms` goes before the first event and `hold_ms` follows the last one. When the pace `waits`, the next
    event is held back until the last one has taken effect: at a speed that no person has, the order of things
    is what counts.
    """

    divisor: int
    shortest_ms: int
    longest_ms: int
    lead_ms: int
    hold_ms: int
    waits: bool

    def shortened(self, gap_ms: int) -> int:
        """The gap as it is played; none stays none."""
        return min(max(gap_ms // self.divisor, self.shortest_ms), self.longest_ms) if gap_ms else 0


PERSON = Pace(divisor=12, shortest_ms=4_000, longest_ms=10_000, lead_ms=2_000, hold_ms=3_000, waits=False)
FAST = Pace(divisor=600, shortest_ms=250, longest_ms=400, lead_ms=300, hold_ms=0, waits=True)


def played(scenario: Scenario, pace: Pace, start: datetime) -> Scenario:
    """The same scenario from `start` on, with the gaps of its story shortened; what came before keeps its
    distance from the start.
    """
    times = sorted({delivery.at for delivery in scenario.when})
    shortened = {times[0]: 0}
    for earlier, later in pairwise(times):
        shortened[later] = shortened[earlier] + pace.shortened(later - earlier)
    when = [delivery.model_copy(update={"at": shortened[delivery.at]}) for delivery in scenario.when]
    until = shortened[times[-1]] + pace.hold_ms
    given = scenario.given.model_copy(update={"start": start})
    return scenario.model_copy(update={"given": given, "when": when, "until": until})


def on_story_clock(at_ms: int, knots: Sequence[tuple[int, int]]) -> int:
    """A wall-clock time as the story's, epoch milliseconds both.

    `knots` are the events so far, each as (when the story has it, when it really was). After an event the
    clocks run alike, but the story's stands still before an event that was held back, so that what came
    before that event stays before it.
    """
    shown = at_ms
    for position, (planned, actual) in enumerate(knots):
        if actual > at_ms:
            break
        shown = planned + at_ms - actual
        if position + 1 < len(knots):
            shown = min(shown, knots[position + 1][0] - 1)
    return shown
