"""Asking a worker that runs, for the commands that show what workers know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from pipeline.api.access import known_token
from pipeline.api.client import Client
from pipeline.cli.common import FAILED, WRONG_USE, stop
from pipeline.cli.kafka import broker_or_stop, topics_or_stop
from pipeline.domain.failures import Failure
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import read_workers
from pipeline.settings import Settings

AskedWorker = Annotated[
    str | None, typer.Option(help="URL of a worker, http://host:port; any that runs if not given.")
]

_PATIENCE_S = 10.0
_HOW_TO_ASK = (
    "set THROUGHLINE_API_TOKEN as the workers have it, or run this on a worker's machine, as its user and with its"
    " THROUGHLINE_STATE_DIR and THROUGHLINE_GROUP"
)
# What is wrong with the question, not with the workers.
_WRONG_USE = ("bad_request", "bad_identifier", "shared")


@contextmanager
def asked_worker(settings: Settings, url: str | None) -> Iterator[Client]:
    """The worker to ask: the one at `url`, or the first that answers of all that run; exit 1 when none does."""
    running = [("the worker", url)] if url else _running(settings)
    if not running:
        stop("no worker runs: start one with `throughline worker`", FAILED)
    token = known_token(settings)
    if token is None:
        stop(f"there is no token to ask a worker with: {_HOW_TO_ASK}", FAILED)
    for name, address in running:
        with Client(address if "://" in address else f"http://{address}", token) as client:
            found = client.ask("workers")
            if isinstance(found, Failure) and found.code == "unreachable":
                continue
            if isinstance(found, Failure):
                stop(f"{name} at {address}: {_in_words(found)}", FAILED)
            yield client
            return
    told = ", ".join(f"{name} at {address}" for name, address in running)
    stop(
        f"{told}: no answer; start a worker, or name one that can be reached from here with --worker", FAILED
    )


def _running(settings: Settings) -> list[tuple[str, str]]:
    broker_or_stop(settings)
    topics_or_stop(settings)
    roster = read_workers(settings, make_codec(settings), _PATIENCE_S)
    return [(f"worker {one.worker_id}", one.address) for one in roster.workers()]


def answer_or_stop(found: dict[str, Any] | Failure) -> dict[str, Any]:
    """The answer of a worker; exit 2 when the question is wrong, 1 when the worker cannot tell."""
    if isinstance(found, Failure):
        stop(_in_words(found), WRONG_USE if found.code in _WRONG_USE else FAILED)
    return found


def _in_words(failure: Failure) -> str:
    return (
        f"the worker refuses this token: {_HOW_TO_ASK}" if failure.code == "unauthorised" else failure.message
    )
