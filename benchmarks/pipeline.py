"""`python -m benchmarks.pipeline`: one worker, channel topics to actions; writes PIPELINE.md."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_check import check
from benchmarks.pipeline_events import SEED, interactions
from benchmarks.pipeline_latency import MARK as PACED
from benchmarks.pipeline_latency import steady
from benchmarks.pipeline_report import Measured, markdown, plot
from benchmarks.pipeline_runs import import_profiles, work_off, write_backlog
from benchmarks.pipeline_site import Site
from benchmarks.pipeline_strategies import write_strategies
from benchmarks.report import machine
from pipeline.domain.strategies.compiled import Rules
from pipeline.local.broker import Broker, BrokerError
from pipeline.pack import load_rules

RESULTS = Path(__file__).with_name("PIPELINE.md")
PICTURE = Path(__file__).with_name("pipeline-latency.svg")
MARK = "backlog-"
_LOOKED_AT = 10_000

_err = Console(stderr=True, highlight=False)


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, one line where there is none; yields the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    if not _err.is_terminal:
        _err.print(f"{title}: {total:,} ...")
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def evaluated(strategies: Path, customers: int) -> float:
    """How many strategies could care about an event, on average over the first of the backlog."""
    rules = load_rules(strategies)
    if not isinstance(rules, Rules):
        raise BenchmarkError("\n".join(map(str, rules)))
    first = list(islice(interactions(customers, SEED, "", lambda: 0), _LOOKED_AT))
    return sum(len(rules.index.get((event.channel, event.kind), ())) for event in first) / len(first)


def measure(
    site: Site, events: int, customers: int, strategies: int, rate: float | None, seconds: int
) -> Measured:
    """Run all of the benchmark on a new site. Raises BenchmarkError when a run fails or did other work."""
    write_strategies(site.strategies, strategies)
    met = evaluated(site.strategies, customers)
    import_profiles(site, customers, progress)
    sent = write_backlog(site, customers, events, MARK, progress)
    with site.worker() as worker:
        through = work_off([worker], events, progress)
        _err.print(f"Backlog: {through.rate:,.0f} events/s")
        late = steady(site, worker, customers, rate or through.rate / 2, seconds, progress)
        _err.print(
            f"Steady: {late.percentile(0.5):,.0f} ms at the median, {late.percentile(0.99):,.0f} ms at p99"
        )
    _err.print("Checking ...")
    found = check(site, {MARK: events, PACED: late.events}, sent.contacts + late.contacts)
    return Measured(customers, strategies, met, through, late, found)


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Events of the backlog.")] = 1_000_000,
    customers: Annotated[int, typer.Option(min=100, help="Customers who cause them.")] = 100_000,
    strategies: Annotated[int, typer.Option(min=1, help="Strategies that are active.")] = 100,
    rate: Annotated[
        float | None,
        typer.Option(min=1, help="Events a second when latency is measured; half of what was reached."),
    ] = None,
    seconds: Annotated[int, typer.Option(min=1, help="How long latency is measured.")] = 60,
) -> None:
    """Measure one worker from the channel topics to the actions: its throughput, then its latency."""
    try:
        _err.print("Starting a Kafka broker ...")
        with (
            Broker(short_lived=False) as broker,
            tempfile.TemporaryDirectory(prefix="pipeline-") as directory,
        ):
            site = Site(broker.bootstrap, Path(directory))
            measured = measure(site, events, customers, strategies, rate, seconds)
    except (BenchmarkError, BrokerError, KafkaException) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    plot(PICTURE, measured.latency)
    text = markdown(measured, machine(), PICTURE.name)
    RESULTS.write_text(text, encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
