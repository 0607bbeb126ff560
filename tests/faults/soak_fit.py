"""Whether memory grows: a straight line through what was sampled, and how sure its slope is."""

from __future__ import annotations

from statistics import fmean, linear_regression
from typing import NamedTuple

# Samples that follow each other are not independent; means of so long are, nearly.
BLOCK_S = 15.0
# More than this share of the memory a minute, and surely more than nothing, is growth.
BOUND_SHARE = 0.01


class Fit(NamedTuple):
    """A line: its slope and that one's standard error, in y a minute; the mean of y; how many block means."""

    slope: float
    error: float
    mean: float
    blocks: int

    @property
    def low(self) -> float:
        """The slope's lower limit, two standard errors below."""
        return self.slope - 2 * self.error

    @property
    def high(self) -> float:
        """The slope's upper limit, two standard errors above."""
        return self.slope + 2 * self.error

    @property
    def grows(self) -> bool:
        """Whether it is more than the bound, and more than chance."""
        return self.slope > BOUND_SHARE * self.mean and self.low > 0


def fit(points: list[tuple[float, float]]) -> Fit:
    """The line through (seconds, y), by the means of blocks. Raises ValueError below four whole blocks."""
    blocks: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        blocks.setdefault(int(point[0] // BLOCK_S), []).append(point)
    means = [(fmean(x for x, _ in block) / 60, fmean(y for _, y in block)) for block in blocks.values()]
    if len(means) < 4:
        raise ValueError(f"{len(means)} blocks of {BLOCK_S:.0f} s are too few for a line")
    minutes, values = [x for x, _ in means], [y for _, y in means]
    slope, offset = linear_regression(minutes, values)
    residual = sum((y - offset - slope * x) ** 2 for x, y in means) / (len(means) - 2)
    spread = sum((x - fmean(minutes)) ** 2 for x in minutes)
    return Fit(slope, (residual / spread) ** 0.5, fmean(values), len(means))
