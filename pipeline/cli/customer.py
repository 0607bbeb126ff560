"""`throughline customer`: one customer, as the running workers know them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from pipeline.api.access import known_token
from pipeline.api.client import MAX_HISTORY, Client
from pipeline.channels.native import IDENTIFIER_TYPES
from pipeline.cli.card import print_card
from pipeline.cli.common import FAILED, WRONG_USE, AsJson, Bootstrap, out, settings_or_stop, stop
from pipeline.cli.erase import erase
from pipeline.cli.kafka import broker_or_stop, publishing, topics_or_stop
from pipeline.domain.failures import Failure
from pipeline.domain.requests import UnmergeRequested
from pipeline.observe.clock import wall_clock
from pipeline.runtime.codec import make_codec
from pipeline.runtime.workers import read_workers
from pipeline.settings import Settings

customer = typer.Typer(
    no_args_is_help=True, help="Customer: see everything about one, undo a merge, or forget one."
)
customer.command()(erase)

_PATIENCE_S = 10.0
_HOW_TO_ASK = (
    "set THROUGHLINE_API_TOKEN as the workers have it, or run this on a worker's machine, as its user and with its"
    " THROUGHLINE_STATE_DIR and THROUGHLINE_GROUP"
)
# What is wrong with the question, not with the workers.
_WRONG_USE = ("bad_request", "bad_identifier", "shared")


@customer.command()
def show(
    who: Annotated[
        str,
        typer.Argument(
            metavar="ID_OR_IDENTIFIER",
            help="Customer id, or an identifier as type:value, like email:a@example.com or phone:+442079460018.",
        ),
    ],
    redact: Annotated[bool, typer.Option("--redact", help="Mask what tells who the customer is.")] = False,
    history: Annotated[int, typer.Option(min=0, max=MAX_HISTORY, help="Rows of the history to show.")] = 10,
    worker: Annotated[
        str | None, typer.Option(help="URL of a worker, http://host:port; any that runs if not given.")
    ] = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer: what they are doing now, sessions, threads, history, identity; any worker may be asked."""
    settings = settings_or_stop(bootstrap=bootstrap)
    kind, colon, _ = who.partition(":")
    path = "identifiers" if colon and kind in IDENTIFIER_TYPES else "customers"
    with _worker(settings, worker) as client:
        card = _answer(client.ask(path, who, redact=int(redact)))
        rows: list[Any] = []
        if history:
            customer_id = card["customer"]["customer_id"]
            found = client.ask("customers", customer_id, "history", limit=history, redact=int(redact))
            rows = _answer(found)["rows"]
    if as_json:
        out.print(json.dumps(card | {"rows": rows}), markup=False)
    else:
        print_card(out, card, rows, wall_clock())


@customer.command()
def unmerge(
    loser: Annotated[str, typer.Argument(help="Id of the customer who went away.")],
    winner: Annotated[str, typer.Argument(help="Id of the customer who took them in.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do it: no other command takes it back.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Ask the workers to undo a merge: LOSER gets back what they brought, and is not merged into WINNER again."""
    if not yes:
        stop(
            f"this takes out of {winner} what {loser} brought, and they are not merged again: say --yes to do it"
        )
    settings = settings_or_stop(bootstrap=bootstrap)
    broker_or_stop(settings)
    topics_or_stop(settings)
    asked = UnmergeRequested(
        loser=loser,
        winner=winner,
        rule="asked_for",
        by=getpass.getuser(),
        requested_at=wall_clock(),
    )
    with publishing(settings, "throughline/customer") as publisher:
        publisher.send(asked)
    out.print(
        f"Asked for. See what became of it: `throughline customer show {loser}`; it is on identity.changes too.",
        markup=False,
    )


@contextmanager
def _worker(settings: Settings, url: str | None) -> Iterator[Client]:
    """The worker to ask: the one at `url`, or the first that answers of all that run."""
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


def _answer(found: dict[str, Any] | Failure) -> dict[str, Any]:
    if isinstance(found, Failure):
        stop(_in_words(found), WRONG_USE if found.code in _WRONG_USE else FAILED)
    return found


def _in_words(failure: Failure) -> str:
    return (
        f"the worker refuses this token: {_HOW_TO_ASK}" if failure.code == "unauthorised" else failure.message
    )
