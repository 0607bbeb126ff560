"""`python -m benchmarks.fold`: one worker of ours against plain Faust on the same work; writes RESULTS.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from benchmarks.measure import FAUST, OURS, BenchmarkError, System, create_topics, run
from benchmarks.records import Expected, produce_input
from benchmarks.report import Measured, machine, markdown
from pipeline.local.broker import Broker, BrokerError

RESULTS = Path(__file__).with_name("RESULTS.md")
# So that a run of either takes about as long.
_FAUST_SHARE = 15

_err = Console(stderr=True, highlight=False)


def compare(bootstrap: str, sizes: dict[System, int], customers: int, runs: int) -> dict[System, Measured]:
    """Measure every system `runs` times, in turns, each on an input of its own size; smaller ones are prefixes.

    Raises BenchmarkError when a run fails or does other work than the workload.
    """
    inputs = {events: _input(bootstrap, events, customers) for events in sorted(set(sizes.values()))}
    seconds: dict[System, list[float]] = {system: [] for system in sizes}
    for number in range(1, runs + 1):
        for system, events in sizes.items():
            title = f"{system.name}, run {number} of {runs}: actions"
            with _progress(title, inputs[events].actions.total()) as told:
                seconds[system].append(run(bootstrap, system, number, inputs[events], told))
            _err.print(f"{system.name}, run {number} of {runs}: {events / seconds[system][-1]:,.0f} events/s")
    return {
        system: Measured(system.name, system.guarantee, events, tuple(seconds[system]))
        for system, events in sizes.items()
    }


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


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Events of one run of Throughline.")] = 300_000,
    customers: Annotated[int, typer.Option(min=1, help="Customers who cause them.")] = 20_000,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each system; the median counts.")] = 3,
) -> None:
    """Measure one worker against plain Faust, which gets a fifteenth of the events because it takes longer."""
    sizes = {OURS: events, FAUST: max(events // _FAUST_SHARE, 1_000)}
    try:
        _err.print("Starting a Kafka broker ...")
        with Broker() as broker:
            measured = compare(broker.bootstrap, sizes, customers, runs)
    except (BenchmarkError, BrokerError, KafkaException) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    text = markdown(measured[OURS], measured[FAUST], customers, machine())
    RESULTS.write_text(text, encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
