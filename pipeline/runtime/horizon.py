"""Up to when time has passed for a worker: what waits for an event's absence must not look past a backlog."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from pipeline.runtime.batch import TP

# What is folded so long after it had arrived is a backlog, and its end is believed only so much later: what it
# leads to has still to come by way of the second hop.
LAG_MS = 1_000
SECOND_HOP_S = 2.0


class Horizon:
    """Knows of every input whether it is read to its end, or else when what was folded last had arrived.

    Args:
        clock: the wall clock, epoch milliseconds.
        monotonic: seconds that never go back, for waiting.
    """

    def __init__(self, clock: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._behind: dict[TP, int] = {}
        self._lagged_to = 0
        self._lagged_until = 0.0

    def begin(self, inputs: Iterable[TP]) -> None:
        """These are read from now on, or read again: nothing is known of what they hold."""
        self._behind |= dict.fromkeys(inputs, 0)
        self._lag(0)

    def keep(self, partitions: set[int]) -> None:
        """Only these partitions are still read."""
        self._behind = {tp: at for tp, at in self._behind.items() if tp.partition in partitions}

    def folded(self, tp: TP, arrived: int) -> None:
        """What had arrived at `arrived` (epoch milliseconds) is folded; there may be more."""
        self._behind[tp] = arrived
        if self._clock() - arrived > LAG_MS:
            self._lag(arrived)

    def at_end(self, tp: TP) -> None:
        """This input is read to its end."""
        self._behind.pop(tp, None)

    def now(self) -> int:
        """The present while nothing is left to read, else the time up to which everything is folded (epoch ms)."""
        now = self._clock()
        if self._behind:
            return min(now, *self._behind.values())
        return min(now, self._lagged_to) if self._monotonic() < self._lagged_until else now

    def _lag(self, arrived: int) -> None:
        self._lagged_to, self._lagged_until = arrived, self._monotonic() + SECOND_HOP_S
