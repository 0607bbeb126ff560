"""`throughline worker`: fold and decide until told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvloop
from prometheus_client import start_http_server

from pipeline.api.access import problem_of_access
from pipeline.app import run_worker, wire
from pipeline.cli.common import FAILED, Bootstrap, settings_or_stop, stop
from pipeline.cli.kafka import broker_or_stop, topics_or_stop
from pipeline.cli.rules import rules_or_stop
from pipeline.observe.logs import configure_logs


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
    broker_or_stop(settings)
    topics_or_stop(settings)
    configure_logs(settings.log_level, settings.log_format)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    uvloop.install()
    app, _ = wire(settings, rules)
    failure = run_worker(app)
    if failure is not None:
        stop(failure, FAILED)
