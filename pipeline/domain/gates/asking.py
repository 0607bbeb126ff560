"""What a gate is asked about, and what it can answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from pipeline.domain.actions import ActionBody, Lane
from pipeline.domain.messages import Reason
from pipeline.domain.state import Attempt
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.moment import Moment


class Wish(msgspec.Struct, frozen=True):
    """An action that a strategy wants; `channel` is the one that it would reach the customer on, if any."""

    body: ActionBody
    lane: Lane
    channel: str | None = None

    @property
    def kind(self) -> str:
        """The kind of action."""
        return str(self.body.__struct_config__.tag)


TIME, CALL = "time", "call"
"""What holds a wish: nothing but the time, or a call that goes on."""


class Asked(NamedTuple):
    """One wish of a strategy, in an attempt, at a moment."""

    wish: Wish
    strategy: Strategy
    attempt: Attempt
    moment: Moment


class Hold(NamedTuple):
    """Not at this time: to be asked again at `until` (epoch milliseconds) and when something happens; None when
    only an event can change it. `by` tells what must be over before it is worth to ask, where that is known.
    """

    reason: Reason
    until: int | None
    by: str = ""


Answer = Reason | Hold | None
"""None lets the wish pass, a Reason stops it for good."""

Gate = Callable[[Asked], Answer]
