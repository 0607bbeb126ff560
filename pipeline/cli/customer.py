"""`throughline customer`: one customer, as the running workers know them."""

from __future__ import annotations

import getpass
import json
from typing import Annotated, Any

import typer

from pipeline.api.client import MAX_HISTORY
from pipeline.channels.native import IDENTIFIER_TYPES
from pipeline.cli.asking import AskedWorker, answer_or_stop, asked_worker
from pipeline.cli.card import print_card
from pipeline.cli.common import AsJson, Bootstrap, out, settings_or_stop, stop
from pipeline.cli.erase import erase
from pipeline.cli.kafka import broker_or_stop, publishing, topics_or_stop
from pipeline.domain.requests import UnmergeRequested
from pipeline.observe.clock import wall_clock

customer = typer.Typer(
    no_args_is_help=True, help="Customer: see everything about one, undo a merge, or forget one."
)
customer.command()(erase)


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
    worker: AskedWorker = None,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer: what they are doing now, sessions, threads, history, identity; any worker may be asked."""
    settings = settings_or_stop(bootstrap=bootstrap)
    kind, colon, _ = who.partition(":")
    path = "identifiers" if colon and kind in IDENTIFIER_TYPES else "customers"
    with asked_worker(settings, worker) as client:
        card = answer_or_stop(client.ask(path, who, redact=int(redact)))
        rows: list[Any] = []
        if history:
            customer_id = card["customer"]["customer_id"]
            found = client.ask("customers", customer_id, "history", limit=history, redact=int(redact))
            rows = answer_or_stop(found)["rows"]
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
