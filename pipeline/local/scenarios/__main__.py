"""`python -m pipeline.local.scenarios`: play every scenario file in memory and on a broker; print the table."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.console import Console
from rich.progress import track

from pipeline.local.broker import Broker, BrokerError
from pipeline.local.scenarios.broker import BrokerDriver
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import load
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.local.scenarios.table import Row, print_results
from pipeline.pack import load_rules

errors = Console(stderr=True)


def main(
    directory: Annotated[Path, typer.Argument(help="Directory with scenario files.")] = Path(
        "tests/scenarios"
    ),
    memory_only: Annotated[bool, typer.Option("--memory-only", help="Do not play them on a broker.")] = False,
    bootstrap: Annotated[
        str | None, typer.Option(help="A broker that runs; one is started if not given.")
    ] = None,
) -> None:
    """Play every scenario file in memory and on a real broker, and print a table.

    Exit code 0 when all pass both ways, 1 when one does not, 2 when a file is wrong.
    """
    rules = load_rules()
    loaded = [load(path) for path in sorted(directory.glob("*.yaml"))]
    problems = [problem for one in (rules, *loaded) if isinstance(one, list) for problem in one]
    scenarios = [one for one in loaded if not isinstance(one, list)]
    if not loaded:
        errors.print(f"{directory}: holds no scenario (*.yaml); name the directory that does", markup=False)
    for problem in problems:
        errors.print(str(problem), markup=False)
    if problems or not loaded or isinstance(rules, list):
        raise typer.Exit(2)
    rows = [Row(scenario, check(scenario, MemoryDriver(), rules), None) for scenario in scenarios]
    if not memory_only:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
        with ExitStack() as stack:
            bootstrap = bootstrap or stack.enter_context(Broker()).bootstrap
            for row in track(rows, "Playing on the broker", console=errors, transient=True):
                driver = BrokerDriver(bootstrap, f"scenario-{uuid.uuid4().hex[:8]}.")
                row.on_broker = check(row.scenario, driver, rules)
    raise typer.Exit(0 if print_results(rows, Console()) else 1)


if __name__ == "__main__":
    try:
        typer.run(main)
    except BrokerError as error:
        errors.print(str(error), markup=False)
        raise SystemExit(1) from error
