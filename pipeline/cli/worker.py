"""`throughline worker`: fold and decide until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.api.access import problem_of_access
from pipeline.app import wire
from pipeline.cli.common import Bootstrap, settings_or_stop, stop
from pipeline.cli.rules import rules_or_stop
from pipeline.cli.running import run_or_stop


def worker(
    bootstrap: Bootstrap = None,
    strategies: Annotated[
        Path | None, typer.Option(help="Directory of strategy files; the shipped pack if not given.")
    ] = None,
) -> None:
    """Run one worker: identity, sessions and decisions, exactly once, until Ctrl-C or SIGTERM.

    Start up to as many as there are partitions, each with its own THROUGHLINE_WORKER_ID; they share the work.
    """
    settings = settings_or_stop(bootstrap=bootstrap, strategies=strategies)
    problem = problem_of_access(settings)
    if problem is not None:
        stop(problem)
    rules = rules_or_stop(settings)
    run_or_stop(settings, lambda: wire(settings, rules)[0])
