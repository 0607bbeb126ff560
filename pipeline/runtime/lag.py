"""How many records of every input are not committed yet, for the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pipeline.observe.metrics import RUNTIME
from pipeline.runtime.batch import TP


class _End(NamedTuple):
    """Nothing but transaction markers and aborted records lies from offset `start` to offset `end`."""

    start: int
    end: int


class Lag:
    """Tells the metrics of this worker's inputs, and of no others."""

    def __init__(self) -> None:
        self._ends: dict[TP, _End] = {}
        self._shown: set[TP] = set()

    def at_end(self, tp: TP, folded_to: int, end: int) -> None:
        """An input was read to its `end`, where `folded_to` is what follows its last record."""
        self._ends[tp] = _End(folded_to, end)

    def show(self, committed: Mapping[TP, int], high: Mapping[TP, int]) -> None:
        """Set the metrics: `committed` are the next offsets to read, `high` the high watermarks."""
        for tp in committed.keys() & high.keys():
            RUNTIME.lag.labels(tp.topic, tp.partition).set(self._behind(tp, committed[tp], high[tp]))
            self._shown.add(tp)

    def keep(self, partitions: set[int]) -> None:
        """Only these partitions are still read: of the others nothing is shown."""
        for tp in [tp for tp in self._shown if tp.partition not in partitions]:
            RUNTIME.lag.remove(tp.topic, tp.partition)
            self._shown.remove(tp)
        self._ends = {tp: end for tp, end in self._ends.items() if tp.partition in partitions}

    def _behind(self, tp: TP, committed: int, high: int) -> int:
        nothing = self._ends.get(tp)
        if nothing is not None and committed >= nothing.start:
            committed = max(committed, nothing.end)
        return max(0, high - committed)
