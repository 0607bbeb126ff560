"""What the growth benchmark measured, in Markdown and as plots."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.growth_points import Cost
from benchmarks.plots import lines

AIMS = {
    "strategies": 1.3,
    "strategies, of which more are evaluated": None,
    "customers": 1.5,
    "interactions of each customer": 1.1,
}
"""How many times the first point's cost the last one's is to be at most; None where the work itself grows."""


class Series(NamedTuple):
    """What grows, and the costs of an event at each size, one for each round."""

    title: str
    costs: dict[int, list[Cost]]

    def wall_us(self, size: int) -> float:
        """The median time of an event in microseconds."""
        return median(cost.wall_us for cost in self.costs[size])

    def cpu_us(self, size: int) -> float:
        """The median processor time of an event in microseconds."""
        return median(cost.cpu_us for cost in self.costs[size])

    def cpu_ratio(self, size: int) -> float:
        """How many times the processor time of the smallest size, by the medians."""
        return self.cpu_us(size) / self.cpu_us(min(self.costs))

    def wall_ratio(self, size: int) -> float:
        """How many times the time of the smallest size, by the medians."""
        return self.wall_us(size) / self.wall_us(min(self.costs))


def plot(directory: Path, series: Series) -> str:
    """Write the plot of a series into `directory`; returns its file name."""
    name = f"growth-{series.title.replace(',', '').replace(' ', '-')}.svg"
    shown = {
        "processor": [(math.log10(size), series.cpu_us(size)) for size in series.costs],
        "clock": [(math.log10(size), series.wall_us(size)) for size in series.costs],
    }
    title = f"Time of an event against {series.title}"
    lines(directory / name, title, f"{series.title} (powers of ten)", "µs", shown)
    return name


def markdown(
    series: list[Series],
    rates: dict[int, float],
    backlog: int,
    events: int,
    pictures: dict[str, str],
    about: dict[str, str],
) -> str:
    """The report: a line for each aim, then every point, the workers and the machine."""
    parts = [
        "# Growth: results",
        "",
        "What an event costs a worker as things grow, as a multiple of its cost at the smallest size.",
        "",
        "| what grows | from → to | times the processor time | times the clock's | aim |",
        "|---|---|---:|---:|---:|",
        *(_line(one) for one in series),
        f"| workers | 1 → 2 | {rates[2] / rates[1]:.2f} times the events/s | | |",
        "",
        _METHOD.format(rounds=max(len(costs) for costs in series[0].costs.values()), events=events),
    ]
    for one in series:
        parts += [*_table(one), "", f"![{one.title}]({pictures[one.title]})", ""]
    return "\n".join(
        [
            *parts,
            "## Workers",
            "",
            f"A backlog of {backlog:,} events through both hops, on a broker that shares the cores with the "
            "workers, from when every worker has committed something; checked as "
            "`python -m benchmarks.pipeline` does.",
            "",
            "| workers | events/s |",
            "|---:|---:|",
            *(f"| {number} | {rate:,.0f} |" for number, rate in rates.items()),
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )


def _line(series: Series) -> str:
    least, most = min(series.costs), max(series.costs)
    aim = AIMS[series.title]
    wanted = "" if aim is None else f"≤ {aim}"
    times = f"{series.cpu_ratio(most):.2f} | {series.wall_ratio(most):.2f}"
    return f"| {series.title} | {least:,} → {most:,} | {times} | {wanted} |"


def _table(series: Series) -> list[str]:
    return [
        f"## {series.title.capitalize()}",
        "",
        f"| {series.title} | processor µs an event | times | each round | clock µs | times |",
        "|---:|---:|---:|---|---:|---:|",
        *(
            f"| {size:,} | {series.cpu_us(size):,.0f} | {series.cpu_ratio(size):.2f} "
            f"| {', '.join(f'{cost.cpu_us:,.0f}' for cost in costs)} "
            f"| {series.wall_us(size):,.0f} | {series.wall_ratio(size):.2f} |"
            for size, costs in series.costs.items()
        ),
    ]


_METHOD = """All but the workers are measured in one process, without Kafka: the worker's own agents, codec, rules
and tables over RocksDB on disk, one partition, batches of 1,000 records handed over by hand, each with its
checkpoint. An event is decoded, identified, encoded, decoded again, folded and decided upon; what comes of
it is encoded with its headers, and states are written. Fetching, producing and transactions are left out.
The points of a series take turns; the median of {rounds} rounds of {events:,} new events each counts (at
most 1,000 where history grows). Processor time includes RocksDB's own threads; the clock's includes waiting
for the disk.

- *Strategies*: those beyond the first ten wait for events that do not happen here.
- *Strategies, of which more are evaluated*: the mix of the whole pipeline's benchmark; more of them meet
  each event, and more decisions are explained.
- *Customers*: all are on disk, in the middle of a visit. Caches are as large as in any worker, and full
  when the clock starts.
- *Interactions of each customer*: 1,000 customers who had so many, one a minute; all are rows of the
  history table.

Written by `python -m benchmarks.growth`.
"""
