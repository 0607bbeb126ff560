"""Running a Faust app until it is told to stop: the same for every process of the pipeline."""

from __future__ import annotations

from collections.abc import Callable

import uvloop
from prometheus_client import start_http_server

from pipeline.app import run_worker
from pipeline.cli.common import FAILED, stop
from pipeline.cli.kafka import broker_or_stop, topics_or_stop
from pipeline.observe.logs import configure_logs
from pipeline.runtime.app import App
from pipeline.settings import Settings


def run_or_stop(settings: Settings, wired: Callable[[], App]) -> None:
    """Run the app that `wired` makes; exit 1 with what to do when the broker or a topic is missing, or it fails."""
    broker_or_stop(settings)
    topics_or_stop(settings)
    configure_logs(settings.log_level, settings.log_format)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    uvloop.install()
    failure = run_worker(wired())
    if failure is not None:
        stop(failure, FAILED)
