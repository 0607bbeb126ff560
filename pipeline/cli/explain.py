"""`throughline explain`: why something was done for a customer, or was not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from confluent_kafka import KafkaException
from rich.table import Table
from rich.text import Text

from pipeline.cli.common import FAILED, AsJson, Bootstrap, err, out, settings_or_stop, stop
from pipeline.cli.strategies.live import register_or_stop
from pipeline.cli.strategies.range import time_or_stop
from pipeline.cli.strategies.words import moment
from pipeline.domain.explaining.account import Account
from pipeline.domain.explaining.definition import Definition, definition_of
from pipeline.domain.explaining.explanation import Explanation
from pipeline.domain.explaining.explanation import explain as explained
from pipeline.domain.explaining.masking import masked
from pipeline.domain.explaining.sentences import headline, sentences
from pipeline.domain.messages import Decision
from pipeline.domain.strategies.register import Register
from pipeline.runtime.codec import make_codec
from pipeline.runtime.trail import Trail
from pipeline.settings import Settings


def explain(
    action_id: Annotated[
        str | None, typer.Argument(metavar="ACTION_ID", help="Action, by its id as on the topic `actions`.")
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option(
            help="Customer id: explains what was decided about them; with an ACTION_ID finds it sooner."
        ),
    ] = None,
    since: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="How far to look back: 2h, 7d, or a time like 2026-03-02T18:00:00Z."
        ),
    ] = "1d",
    all_: Annotated[
        bool,
        typer.Option(
            "--all", help="Of a customer every decision, also repeated refusals, beginnings and shadows."
        ),
    ] = False,
    redact: Annotated[bool, typer.Option("--redact", help="Mask what tells who the customer is.")] = False,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Explain in words why an action was sent, or what was decided about a customer and why.

    Give an ACTION_ID, or --customer. Of a customer it tells what was done, and of each step that was not done the
    last reason why not. It reads the topics and asks no worker.
    """
    if action_id is None and customer is None:
        stop("name what to explain: an ACTION_ID, or --customer ID")
    if action_id is not None and all_:
        stop("--all is for all decisions about a customer; leave it out, or the ACTION_ID")
    settings = settings_or_stop(bootstrap=bootstrap)
    at = time_or_stop("--since", since) or 0
    register = register_or_stop(settings)
    if action_id is not None:
        account, decision = _of_action(settings, action_id, customer, (at, since), as_json)
        decisions = [decision]
    else:
        assert customer is not None
        with _reading(settings, as_json) as trail:
            account = trail.account(customer, at)
        decisions = account.decisions if all_ else account.last_words()
    found = [_explained(one, account, register, redact) for one in decisions]
    if as_json:
        told = [msgspec.to_builtins(one) | {"words": _words(one)} for one in found]
        answer: Any = (
            told[0]
            if action_id is not None
            else {"customer_id": customer, "others": account.others, "decisions": told}
        )
        typer.echo(json.dumps(answer))
        return
    for one in found:
        _print(one, with_beside=action_id is not None)
    if not found:
        out.print(
            f"Nothing was decided about {customer} since {since}: look further back with --since 7d.",
            markup=False,
        )
    if action_id is None:
        for other in account.others:
            out.print(f"They were also {other}: see `throughline explain --customer {other}`.", markup=False)


def _of_action(
    settings: Settings, action_id: str, customer: str | None, since: tuple[int, str], quiet: bool
) -> tuple[Account, Decision]:
    at, written = since
    with _reading(settings, quiet) as trail:
        found = trail.whose(action_id, at, customer)
        account = None if found is None else trail.account(*found)
    decision = account.decision_on(action_id) if account else None
    if account is None or decision is None:
        of = f" of {customer}" if customer else ""
        stop(
            f"there is no action {action_id}{of} since {written}: look further back with --since 7d, or see the ids"
            " of a customer's actions with `throughline customer show ID`"
        )
    return account, decision


@contextmanager
def _reading(settings: Settings, quiet: bool) -> Iterator[Trail]:
    """What reads the topics, and tells people how far it is; exit 1 when the brokers do not tell."""
    try:
        with err.status("Reading ...") as status:
            trail = Trail(settings, make_codec(settings))
            if not quiet:
                trail.told = lambda done: status.update(f"Reading: {done:,} records ...")
            yield trail
    except KafkaException as error:
        remedy = "is the broker up, and THROUGHLINE_BOOTSTRAP right?"
        stop(f"{settings.bootstrap}: {error.args[0].str()}; {remedy}", FAILED)
    if trail.unreadable:
        err.print(f"{trail.unreadable:,} records about the customer cannot be read and were passed over")


def _explained(decision: Decision, account: Account, register: Register, redact: bool) -> Explanation:
    found = explained(
        decision, account, _definition(register, decision.strategy_id, decision.strategy_version)
    )
    return masked(found) if redact else found


def _definition(register: Register, strategy_id: str, version: int) -> Definition | None:
    release = register.versions(strategy_id).get(version)
    return None if release is None else definition_of(release.definition)


def _words(one: Explanation) -> list[str]:
    return [headline(one), *(f"{label}: {text}" for label, text in sentences(one, moment))]


def _print(one: Explanation, with_beside: bool) -> None:
    out.print(Text(headline(one), style="bold"))
    table = Table(box=None, padding=(0, 2, 0, 2), show_header=False)
    for label, text in sentences(one, moment):
        if with_beside or label != "beside":
            table.add_row(Text(label, style="dim"), Text(text, overflow="fold"))
    out.print(table)
    out.print()
