"""What a strategy may do to one customer, beside its conditions: how often, when, before whom, and to how many.

The values are those of a strategy file or, for the lane `proactive`, of the brand file. `gates` and
`arbitration` read them; a strategy that says nothing has `Policy()`, which asks for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.domain.strategies.cel.program import Program

DAY_MIN = 1_440

LONGEST_CAP_MS = 365 * 86_400_000
"""The longest `per_ms` of a cap: what was sent is remembered for so long."""


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `times` commands to one customer in any `per_ms` milliseconds; on `channel` alone where one is
    given.
    """

    times: int
    per_ms: int
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start_min` up to but without `end_min`, minutes of the customer's local day, each 0 to 1,440.

    A window whose end is not after its start goes on past midnight; equal ends are the whole day. `hold` keeps
    what is wanted until the window is over; otherwise it is dropped.
    """

    start_min: int
    end_min: int
    hold: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """The policy of a strategy. The larger `priority` (0 to 100), then the larger `score`, goes first in a lane.

    `exclusive` names a group of strategies, of which a customer is in one at a time; `control` is the percentage
    of customers who get nothing, to compare with (0 to 99).
    """

    priority: int = 50
    score: Program | float = 0.0
    caps: tuple[Cap, ...] = ()
    quiet_hours: QuietHours | None = None
    exclusive: str | None = None
    control: int = 0
