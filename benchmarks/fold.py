"""`python -m benchmarks.fold`: one worker of each system on the same work; writes RESULTS.md and fold.svg."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks.measure import BenchmarkError, create_topics, measure
from benchmarks.plots import bars
from benchmarks.records import Expected, produce_input
from benchmarks.report import Measured, machine, markdown
from benchmarks.systems import OURS, SYSTEMS, Ready, System
from pipeline.domain.failures import Failure
from pipeline.local.broker import Broker, BrokerError

RESULTS = Path(__file__).with_name("RESULTS.md")
PLOT = Path(__file__).with_name("fold.svg")
_LEAST_EVENTS = 1_000

_err = Console(stderr=True, highlight=False)


def compare(
    bootstrap: str, workers: dict[System, Ready], sizes: dict[System, int], customers: int, runs: int
) -> dict[System, Measured]:
    """Measure every system `runs` times, in turns, each on an input of its own size; smaller ones are prefixes.

    Raises BenchmarkError when a run fails or does other work than the workload.
    """
    inputs = {
        events: _input(bootstrap, events, customers) for events in sorted({sizes[one] for one in workers})
    }
    seconds: dict[System, list[float]] = {system: [] for system in workers}
    for number in range(1, runs + 1):
        for system, worker in workers.items():
            given = inputs[sizes[system]]
            with _progress(f"{system.name}, run {number} of {runs}: actions", given.actions.total()) as told:
                seconds[system].append(measure(bootstrap, system, worker.command, number, given, told))
            rate = given.events / seconds[system][-1]
            _err.print(f"{system.name}, run {number} of {runs}: {rate:,.0f} events/s")
    return {system: Measured(sizes[system], tuple(seconds[system])) for system in workers}


def _input(bootstrap: str, events: int, customers: int) -> Expected:
    prefix = f"input-{events}."
    create_topics(bootstrap, prefix, "interactions.web")
    with _progress("Writing the input: events", events) as told:
        written = produce_input(bootstrap, f"{prefix}interactions.web", events, customers, told)
    _err.print(f"Input of {events:,} events is written; they cause {written.actions.total():,} actions.")
    return written


@contextmanager
def _progress(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal while something runs; yields the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        task = bar.add_task(title, total=total)
        yield lambda done: bar.update(task, completed=done)


def chosen(names: str) -> list[System]:
    """Ours and the systems of `names`, in the order of the table. Raises typer.BadParameter for an unknown one."""
    slugs = {name.strip().lower() for name in names.split(",")} - {""}
    known = {system.slug: system for system in SYSTEMS}
    if unknown := slugs - known.keys():
        raise typer.BadParameter(
            f"{', '.join(sorted(unknown))}: choose from {', '.join(known)}", param_hint="--systems"
        )
    return [system for system in SYSTEMS if system is OURS or system.slug in slugs]


def main(
    systems: Annotated[
        str, typer.Option(help="Those to measure, separated by commas; Throughline always is.")
    ] = ",".join(system.slug for system in SYSTEMS),
    events: Annotated[
        int, typer.Option(min=_LEAST_EVENTS, help="Events of one run of Throughline; slower ones get fewer.")
    ] = 300_000,
    customers: Annotated[int, typer.Option(min=1, help="Customers who cause them.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each system; the median counts.")] = 5,
) -> None:
    """Measure one worker of Throughline and of each of its peers on the same work, in turns."""
    wanted = chosen(systems)
    sizes = {system: max(events // system.share, _LEAST_EVENTS) for system in wanted}
    with tempfile.TemporaryDirectory(prefix="fold-workers-") as scratch:
        ready = {system: _prepare(system, Path(scratch)) for system in wanted}
        workers = {system: one for system, one in ready.items() if isinstance(one, Ready)}
        try:
            _err.print("Starting a Kafka broker ...")
            with Broker(short_lived=False) as broker:
                measured = compare(broker.bootstrap, workers, sizes, customers, runs)
        except (BenchmarkError, BrokerError, KafkaException) as error:
            _err.print(str(error), markup=False)
            raise typer.Exit(1) from error
    versions = {system.name: one.versions for system, one in workers.items()}
    failures = {system: one for system, one in ready.items() if isinstance(one, Failure)}
    text = markdown({**measured, **failures}, customers, machine() | versions)
    RESULTS.write_text(text, encoding="utf-8")
    spread = {system.name: (one.rate, min(one.rates), max(one.rates)) for system, one in measured.items()}
    bars(PLOT, "Fold workload, one worker each: median, lowest and highest run", "events/s", spread)
    typer.echo(text)


def _prepare(system: System, scratch: Path) -> Ready | Failure:
    directory = scratch / system.slug
    directory.mkdir()
    ready = system.ready(directory)
    if isinstance(ready, Failure):
        _err.print(f"{system.name} is not measured: {ready.message}", markup=False)
    return ready


if __name__ == "__main__":
    typer.run(main)
