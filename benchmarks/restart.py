"""`python -m benchmarks.restart`: how soon a worker with many customers is ready; writes RESTART.md."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline import progress
from benchmarks.pipeline_site import Site
from benchmarks.pipeline_strategies import write_strategies
from benchmarks.report import machine
from benchmarks.restart_report import Life, markdown
from benchmarks.restart_state import TABLES, write_changelogs
from benchmarks.workload import PARTITIONS
from pipeline.local.broker import Broker, BrokerError
from pipeline.runtime.store import Store

RESULTS = Path(__file__).with_name("RESTART.md")
STRATEGIES = 100
_LIMIT_S = 240
_LOOK_S = 0.02

_err = Console(stderr=True, highlight=False)


def start(site: Site) -> Life:
    """Start the site's worker, wait until it is ready, stop it. Raises BenchmarkError when it is not soon."""
    began = time.monotonic()
    with site.worker(log_format="json") as worker:
        while True:
            worker.demand_running()
            lines = _events(worker.told())
            ready = [line for line in lines if line["event"] == "partitions_ready"]
            if sum(len(line["partitions"]) for line in ready) == PARTITIONS:
                break
            if time.monotonic() - began > _LIMIT_S:
                raise BenchmarkError(f"the worker is not ready after {_LIMIT_S} s:\n{worker.told()[-2000:]}")
            time.sleep(_LOOK_S)
        took = time.monotonic() - began
    return Life(
        from_start_s=took,
        from_assignment_s=max(line["seconds"] for line in ready),
        recovered=next((line for line in lines if line["event"] == "tables_recovered"), {}),
        progress=sum(line["event"] == "tables_recovering" for line in lines),
    )


def _events(log: str) -> list[dict[str, Any]]:
    """The whole lines of a worker's log."""
    return [json.loads(line) for line in log.splitlines(keepends=True) if line.endswith("}\n")]


def rows_on_disk(site: Site) -> Counter[str]:
    """The rows in the stores of the site's worker, by table."""
    found: Counter[str] = Counter()
    for table in TABLES:
        for number in range(PARTITIONS):
            store = Store(site.state / table / str(number))
            found[table] += sum(1 for _ in store.scan())
            store.close()
    return found


def measure(site: Site, customers: int, times: int) -> tuple[Counter[str], Life, list[Life]]:
    """Write the changelogs; a first life that reads them, then `times` on what it has on disk."""
    write_strategies(site.strategies, STRATEGIES)
    with progress("Writing changelogs: customers", customers) as told:
        written = write_changelogs(site, customers, STRATEGIES, told)
    first = start(site)
    _err.print(f"From the changelogs: {first}")
    found = rows_on_disk(site)
    wrong = {table: found[table] for table in TABLES if found[table] != written[table]}
    if wrong:
        raise BenchmarkError(f"on disk are {wrong} rows, written were {written}")
    again = []
    for _ in range(times):
        again.append(start(site))
        _err.print(f"From the disk: {again[-1]}")
    return written, first, again


def main(
    customers: Annotated[int, typer.Option(min=1_000, help="Customers that the worker knows.")] = 1_000_000,
    times: Annotated[int, typer.Option(min=1, help="Restarts on the disk; the median counts.")] = 5,
) -> None:
    """Measure a worker's restart on its disk, and its recovery from the changelogs alone."""
    try:
        _err.print("Starting a Kafka broker ...")
        with Broker(short_lived=False) as broker, tempfile.TemporaryDirectory(prefix="restart-") as directory:
            site = Site(broker.bootstrap, Path(directory), "restart.")
            written, first, again = measure(site, customers, times)
    except (BenchmarkError, BrokerError, KafkaException) as error:
        _err.print(str(error), markup=False)
        raise typer.Exit(1) from error
    text = markdown(customers, written, first, again, machine())
    RESULTS.write_text(text, encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
