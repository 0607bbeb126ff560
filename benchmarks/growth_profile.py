"""`python -m benchmarks.growth_profile`: where a worker's time goes for one event, Kafka left out.

Prints the processor time of an event and the functions that it is spent in (cProfile, which makes calls look dearer
than they are).
"""

from __future__ import annotations

import cProfile
import pstats
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.growth_points import NOW, Point, ordinary

_FUNCTIONS = 40


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Events that are folded.")] = 20_000,
    customers: Annotated[int, typer.Option(min=100, help="Customers who cause them.")] = 4_000,
    strategies: Annotated[int, typer.Option(min=1, help="Strategies that are active.")] = 100,
    by: Annotated[str, typer.Option(help="Sort by: tottime (own time) or cumtime.")] = "tottime",
) -> None:
    """Profile the agents on events in memory."""
    with tempfile.TemporaryDirectory(prefix="growth-") as directory:
        point: Point = ordinary(Path(directory), customers, strategies, NOW)
        point.measure(events // 4)
        typer.echo(f"{point.measure(events // 4).cpu_us:,.0f} µs of processor time an event, not profiled")
        profile = cProfile.Profile()
        messages = point.next_messages(events // 2)
        profile.runcall(point.pipe.fold, messages)
        point.pipe.close()
    pstats.Stats(profile).sort_stats(by).print_stats(_FUNCTIONS)


if __name__ == "__main__":
    typer.run(main)
