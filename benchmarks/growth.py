"""`python -m benchmarks.growth`: what an event costs as strategies, customers, history and workers grow.

Writes GROWTH.md and its plots.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from benchmarks.growth_points import NOW, Cost, Point, long, many, ordinary
from benchmarks.growth_report import AIMS, Series, markdown, plot
from benchmarks.measure import BenchmarkError
from benchmarks.pipeline import progress
from benchmarks.pipeline_check import check
from benchmarks.pipeline_runs import import_profiles, work_off, write_backlog
from benchmarks.pipeline_site import Site
from benchmarks.pipeline_strategies import write_strategies
from benchmarks.report import machine
from pipeline.local.broker import Broker, BrokerError

RESULTS = Path(__file__).with_name("GROWTH.md")
STRATEGIES = 100
_MARK = "backlog-"
_EVENTS_EACH = 10
_CUSTOMERS = 5_000
_WARM_UP = 8_000

_err = Console(stderr=True, highlight=False)

Make = Callable[[Path, int], Point]


def grow(title: str, sizes: list[int], make: Make, events: int, rounds: int) -> Series:
    """Make a point of each size and measure all in turns, `rounds` times, with `events` new events each time."""
    costs: dict[int, list[Cost]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory(prefix="growth-") as directory:
        points: dict[int, Point] = {}
        with progress(f"Making {title}: points", len(sizes)) as told:
            for done, size in enumerate(sizes, 1):
                points[size] = make(Path(directory) / str(size), size)
                told(done)
        with progress(f"Measuring {title}: rounds", rounds) as told:
            for number in range(1, rounds + 1):
                for size, point in points.items():
                    costs[size].append(point.measure(events))
                told(number)
        for point in points.values():
            point.pipe.close()
    return Series(title, costs)


def in_memory(customers: list[int], history: list[int], events: int, rounds: int) -> list[Series]:
    """All that is measured without Kafka."""

    def others(directory: Path, size: int) -> Point:
        return _warm(ordinary(directory, _CUSTOMERS, size, NOW, common=10), _WARM_UP)

    def mixed(directory: Path, size: int) -> Point:
        return _warm(ordinary(directory, _CUSTOMERS, size, NOW), _WARM_UP)

    def people(directory: Path, size: int) -> Point:
        return _warm(many(directory, size, STRATEGIES, NOW), _WARM_UP)

    def past(directory: Path, size: int) -> Point:
        return _warm(long(directory, size, 1_000, STRATEGIES, NOW), 1_000)

    counts = [10, 30, 100, 300, 1_000]
    return [
        grow("strategies", counts, others, events, rounds),
        grow("strategies, of which more are evaluated", counts, mixed, events, rounds),
        grow("customers", customers, people, events, rounds),
        grow("interactions of each customer", history, past, min(events, 1_000), rounds),
    ]


def _warm(point: Point, events: int) -> Point:
    point.warm_up(events)
    return point


def with_workers(bootstrap: str, workers: int, events: int) -> float:
    """Events a second of so many workers through both hops, on the broker. Raises BenchmarkError when it fails."""
    customers = max(events // _EVENTS_EACH, 100)
    with tempfile.TemporaryDirectory(prefix="growth-") as directory:
        site = Site(bootstrap, Path(directory), f"growth-{workers}.")
        write_strategies(site.strategies, STRATEGIES)
        import_profiles(site, customers, progress)
        sent = write_backlog(site, customers, events, _MARK, progress)
        if workers == 1:
            with site.worker("one") as one:
                rate = work_off([one], events, progress).rate
        else:
            with site.worker("one") as one, site.worker("two") as two:
                rate = work_off([one, two], events, progress).rate
        check(site, {_MARK: events}, sent.contacts)
    return rate


def main(
    customers: Annotated[int, typer.Option(min=1_000, help="The most customers.")] = 1_000_000,
    history: Annotated[int, typer.Option(min=10, help="The most interactions of a customer.")] = 10_000,
    events: Annotated[int, typer.Option(min=100, help="Events of a round.")] = 5_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 5,
    backlog: Annotated[int, typer.Option(min=1_000, help="Events for one and for two workers.")] = 200_000,
) -> None:
    """Measure how the cost of an event grows."""
    try:
        series = in_memory(_tenfold(10_000, customers), _tenfold(10, history), events, rounds)
        _err.print("Starting a Kafka broker ...")
        with Broker(short_lived=False) as broker:
            rates = {number: with_workers(broker.bootstrap, number, backlog) for number in (1, 2)}
    except (BenchmarkError, BrokerError, KafkaException) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    pictures = {one.title: plot(RESULTS.parent, one) for one in series if one.title in AIMS}
    text = markdown(series, rates, backlog, events, pictures, machine())
    RESULTS.write_text(text, encoding="utf-8")
    typer.echo(text)


def _tenfold(least: int, most: int) -> list[int]:
    """Sizes from `least` to `most`, each ten times the one before; `most` alone when it is the smaller."""
    sizes = [min(least, most)]
    while sizes[-1] < most:
        sizes.append(min(10 * sizes[-1], most))
    return sizes


if __name__ == "__main__":
    typer.run(main)
