"""`throughline circumstances change` and `end`."""

from __future__ import annotations

import getpass
import json
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from pipeline.cli.circumstances.live import (
    Told,
    declared_or_stop,
    report,
    standing_or_stop,
    sure_or_stop,
    tell,
    time_or_stop,
)
from pipeline.cli.circumstances.options import Author, From, Scope, Tell, Title, Until, Yes
from pipeline.cli.common import AsJson, Bootstrap, settings_or_stop, stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.options import TIMEOUT_S, Timeout
from pipeline.domain.circumstances import load_circumstances
from pipeline.domain.declarations import declared, ended, for_everybody
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.observe.clock import wall_clock

CircumstanceId = Annotated[str, typer.Argument(metavar="ID", help="The circumstance's name.")]


def change(
    circumstance_id: CircumstanceId,
    title: Title = None,
    scope: Scope = None,
    from_: From = None,
    until: Until = None,
    words: Tell = None,
    author: Author = None,
    yes: Yes = False,
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Change a circumstance that is not over: whom it concerns, from when, until when, what to tell.

    What is not given stays as it is. Who was told already is not told again; who is told when it is over, is told
    then. Waits until every worker has applied it.
    """
    now = wall_clock()
    settings = settings_or_stop(bootstrap=bootstrap)
    given = {
        "title": title,
        "scope": scope,
        "from": None if from_ is None else time_or_stop("--from", from_, now),
        "until": None if until is None else time_or_stop("--until", until, now),
        "tell": words,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        stop(f"nothing to change; give one of {', '.join(f'--{name}' for name in given)}")
    standing = standing_or_stop(settings)
    current = declared_or_stop(standing, circumstance_id)
    if current.over(now):
        stop(f"{circumstance_id} is over; declare another with `throughline circumstances declare`")
    found = load_circumstances(json.dumps({"circumstances": [_written(current) | changes]}), "options")
    if isinstance(found, list):
        stop_for([msgspec.structs.replace(one, line=0) for one in found])
    record = declared(found[0], author or getpass.getuser(), now)
    if record.over(now):
        stop(f"{circumstance_id}: it would be over already; end it with `throughline circumstances end`")
    sure_or_stop(yes or scope is None, [circumstance_id] if for_everybody(found[0].scope) else [])
    report(tell(settings, standing, [record], timeout), standing, as_json)


def _written(one: DeclaredCircumstance) -> dict[str, str]:
    """The circumstance as a file has it."""
    written = {"id": one.circumstance_id, "title": one.title, "scope": one.scope, "tell": one.tell}
    times = {"from": one.from_at, "until": one.until_at}
    return written | {
        name: datetime.fromtimestamp(at / 1_000, UTC).isoformat()
        for name, at in times.items()
        if at is not None
    }


def end(
    circumstance_ids: Annotated[list[str], typer.Argument(metavar="ID", help="Names of circumstances.")],
    author: Author = None,
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """End circumstances now; those who were told of them can be told that they are over.

    One that has not begun is called off. Waits until every worker has applied it.
    """
    now = wall_clock()
    settings = settings_or_stop(bootstrap=bootstrap)
    standing = standing_or_stop(settings)
    current = [declared_or_stop(standing, name) for name in dict.fromkeys(circumstance_ids)]
    after = [ended(one, author or getpass.getuser(), now) for one in current]
    records = [one for one, before in zip(after, current, strict=True) if one is not before]
    told = tell(settings, standing, records, timeout) if records else Told()
    told.unchanged = [one for one in current if one.over(now)]
    report(told, standing, as_json)
