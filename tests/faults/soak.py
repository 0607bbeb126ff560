"""`python -m tests.faults.soak`: does a worker's memory stay flat under steady load? Writes SOAK.md.

A real worker first shows its capacity: what it folds of more than it can, while the producer shares its machine.
Another then has a share of that, from customers who come and go: first to fill its caches, which are small, and its
write buffers, then for the minutes that count. The line through its resident memory in these decides: exit status 1
when it rises, or when the worker could not bear the load.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import psutil
import typer
from confluent_kafka import KafkaException
from rich.console import Console

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_events import SEED
from benchmarks.pipeline_runs import import_profiles
from benchmarks.pipeline_site import Feed, Site, Worker
from benchmarks.pipeline_strategies import write_strategies
from benchmarks.plots import lines
from benchmarks.report import machine
from pipeline.local.broker import Broker, BrokerError
from tests.faults.soak_fit import BOUND_SHARE, Fit, fit

REPORT = Path(__file__).with_name("SOAK.md")
STRATEGIES = 100
CACHE_ENTRIES = 1_000
BLOCK_CACHE_MB = 16
_WARM_UP_S, _CAPACITY_S = 30.0, 20.0
_MORE_THAN_IT_CAN = 1_000_000
_EVERY_S = 1.0
# A worker that is further behind in the end, in seconds of its load, was overloaded: that is another question.
_BEHIND_S = 10.0

_err = Console(stderr=True, highlight=False)


class Sample(NamedTuple):
    """Seconds of load so far, resident memory, events sent and not yet committed, checkpoints committed."""

    at_s: float
    rss_mb: float
    lag: int
    commits: float


class Soaked(NamedTuple):
    """What was done and seen."""

    capacity: float
    rate: float
    customers: int
    warm_s: float
    samples: list[Sample]
    events: int
    aborts: float

    @property
    def memory(self) -> Fit:
        """The line through the memory after the warm-up."""
        return fit([(one.at_s, one.rss_mb) for one in self.samples if one.at_s >= self.warm_s])

    @property
    def kept_up(self) -> bool:
        """Whether the worker could bear the load."""
        return self.samples[-1].lag < _BEHIND_S * self.rate


@contextmanager
def progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """One line when something begins; its progress is not told."""
    _err.print(f"{title}: {total:,} ...")
    yield lambda done: None


def capacity(site: Site, customers: int) -> float:
    """Events a second that a worker folds while more are being produced beside it."""
    with (
        site.worker() as worker,
        site.feeding(customers, "events", str(SEED), "capacity-", str(_MORE_THAN_IT_CAN), "0"),
    ):
        time.sleep(_WARM_UP_S)
        before, began = worker.figures().events, time.monotonic()
        time.sleep(_CAPACITY_S)
        return (worker.figures().events - before) / (time.monotonic() - began)


def soak(site: Site, minutes: float, warm_up: float, share: float, customers: int) -> Soaked:
    """Load a worker and watch it. Raises BenchmarkError when it, or what loads it, ends before its time."""
    write_strategies(site.strategies, STRATEGIES)
    import_profiles(site, customers, progress)
    can = capacity(site, customers)
    rate = share * can
    seconds = (warm_up + minutes) * 60
    events = int(seconds * rate)
    _err.print(f"Capacity {can:,.0f} events/s; {warm_up:g} + {minutes:g} minutes at {rate:,.0f} events/s ...")
    with site.worker() as worker:
        while not worker.figures().commits:
            with site.feeding(customers, "events", str(SEED + 1), "wake-", "10", "0"):
                time.sleep(_EVERY_S)
        began = worker.figures()
        with site.feeding(customers, "events", str(SEED + 2), "soak-", str(2 * events), str(rate)) as feed:
            samples = list(_watch(worker, feed, seconds))
        ended = worker.figures()
    return Soaked(
        can,
        rate,
        customers,
        warm_up * 60,
        samples,
        ended.events - began.events,
        ended.aborts - began.aborts,
    )


def _watch(worker: Worker, feed: Feed, seconds: float) -> Iterator[Sample]:
    process = _python()
    before = worker.figures()
    began = time.monotonic()
    while (at := time.monotonic() - began) < seconds:
        sent, found = feed.told().sent, worker.figures()
        lag = max(0, sent - (found.events - before.events))
        yield Sample(at, process.memory_info().rss / 1e6, lag, found.commits - before.commits)
        time.sleep(max(0.0, _EVERY_S - (time.monotonic() - began - at)))


def _python() -> psutil.Process:
    """The worker's own process, below the shell that watches it."""
    for child in psutil.Process().children(recursive=True):
        command = child.cmdline()
        if "pipeline.cli" in command and not command[0].endswith("sh"):
            return child
    raise BenchmarkError("the worker has no process")


def markdown(soaked: Soaked, about: dict[str, str]) -> str:
    """The report: the verdict first."""
    memory, last = soaked.memory, soaked.samples[-1]
    bound = BOUND_SHARE * memory.mean
    lags = sorted(one.lag for one in soaked.samples if one.at_s >= soaked.warm_s)
    return "\n".join(
        [
            "# Soak",
            "",
            f"Written by `python -m tests.faults.soak`: one worker, "
            f"{(last.at_s - soaked.warm_s) / 60:.1f} minutes at "
            f"{soaked.rate:,.0f} events/s, {soaked.rate / soaked.capacity:.0%} of what it folds while more "
            "is produced beside it.",
            "",
            f"**Its memory {'grows' if memory.grows else 'stays flat'}**: {memory.slope:+.2f} MB a minute "
            f"({memory.low:+.2f} to {memory.high:+.2f}, two standard errors) at {memory.mean:,.0f} MB, after a "
            f"warm-up of {soaked.warm_s / 60:.1f} minutes. More than {bound:.1f} MB a minute "
            f"({BOUND_SHARE:.0%}), and surely more than none, would fail.",
            "",
            *([] if soaked.kept_up else ["**It did not keep up with the load**: use a smaller share.", ""]),
            "![Resident memory](soak-memory.svg)",
            "",
            "![Lag](soak-lag.svg)",
            "",
            "| | |",
            "|---|---|",
            f"| events folded and committed | {soaked.events:,} |",
            f"| customers | {soaked.customers:,} |",
            f"| states cached; blocks cached | {CACHE_ENTRIES:,}; {BLOCK_CACHE_MB} MB |",
            f"| checkpoints | {last.commits:,.0f}, {soaked.aborts:.0f} aborted |",
            f"| events sent and not yet committed | median {lags[len(lags) // 2]:,}, most {lags[-1]:,} |",
            *(f"| {name} | {value} |" for name, value in about.items()),
            "",
        ]
    )


def main(
    minutes: Annotated[float, typer.Option(min=1.0, help="How long memory is watched.")] = 10.0,
    warm_up: Annotated[float, typer.Option(min=0.5, help="Minutes of the same load before that.")] = 6.0,
    share: Annotated[float, typer.Option(min=0.05, max=1.0, help="Load as a share of the capacity.")] = 0.7,
    customers: Annotated[int, typer.Option(min=1_000, help="Customers who cause it.")] = 20_000,
) -> None:
    """Load one worker steadily and see whether its memory grows."""
    # For the worker, which inherits them.
    os.environ["THROUGHLINE_TABLE_CACHE_ENTRIES"] = str(CACHE_ENTRIES)
    os.environ["THROUGHLINE_BLOCK_CACHE_MB"] = str(BLOCK_CACHE_MB)
    try:
        _err.print("Starting a Kafka broker ...")
        with Broker(short_lived=False) as broker, tempfile.TemporaryDirectory(prefix="soak-") as directory:
            soaked = soak(Site(broker.bootstrap, Path(directory)), minutes, warm_up, share, customers)
    except (BenchmarkError, BrokerError, KafkaException) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    text = markdown(soaked, machine())
    REPORT.write_text(text, encoding="utf-8")
    memory = {"resident memory": [(one.at_s / 60, one.rss_mb) for one in soaked.samples]}
    lines(
        REPORT.with_name("soak-memory.svg"), "Memory of a worker under steady load", "minutes", "MB", memory
    )
    lag = {"events": [(one.at_s / 60, float(one.lag)) for one in soaked.samples]}
    lines(REPORT.with_name("soak-lag.svg"), "Events sent and not yet committed", "minutes", "events", lag)
    typer.echo(text)
    raise typer.Exit(int(soaked.memory.grows or not soaked.kept_up))


if __name__ == "__main__":
    typer.run(main)
