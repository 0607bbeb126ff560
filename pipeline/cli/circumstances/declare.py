"""`throughline circumstances declare`: circumstances that are in force on all workers from now on."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pipeline.cli.circumstances.live import report, standing_or_stop, sure_or_stop, tell, time_or_stop
from pipeline.cli.circumstances.options import Author, From, Scope, Tell, Title, Until, Yes
from pipeline.cli.common import AsJson, Bootstrap, settings_or_stop, stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.cli.strategies.options import TIMEOUT_S, Timeout
from pipeline.domain.circumstances import Circumstance, load_circumstances
from pipeline.domain.declarations import declared, for_everybody, why_not
from pipeline.observe.clock import wall_clock

_OPTIONS = "options"


def declare(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A file of circumstances, in place of the options."),
    ] = None,
    circumstance_id: Annotated[
        str | None, typer.Option("--id", help="Its name: small letters, digits, - and _.")
    ] = None,
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
    """Declare what is true for many customers for a while; all workers take it into account at once.

    From a file (`throughline strategies schema circumstances` says how it is written), or from the options: --id,
    --title, --scope and --tell are required, it begins now unless --from says other, and without --until it holds
    until it is ended. An id is used once. One that concerns everybody asks first whether that is meant.

    Waits until every worker has applied it. Exit code 1 when one refuses it or needs longer than --timeout.
    """
    now = wall_clock()
    settings = settings_or_stop(bootstrap=bootstrap)
    written = {"id": circumstance_id, "title": title, "scope": scope, "tell": words}
    found = _from_file(file, {**written, "from": from_, "until": until}) if file else ()
    if file is None:
        times = {"from": time_or_stop("--from", from_ or "0s", now)}
        if until is not None:
            times["until"] = time_or_stop("--until", until, now)
        found = _from_options({**written, **times})
    records = [declared(one, author or getpass.getuser(), now) for one in found]
    standing = standing_or_stop(settings)
    for record in records:
        failure = why_not(record, standing.declared.get(record.key))
        if failure is not None:
            stop(failure.message)
    sure_or_stop(yes, [one.id for one in found if for_everybody(one.scope)])
    report(tell(settings, standing, records, timeout), standing, as_json)


def _from_file(file: Path, options: dict[str, str | None]) -> tuple[Circumstance, ...]:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        stop(f"{file} and {', '.join(given)}: name a file or give options, not both")
    found = load_circumstances(texts_or_stop([file])[str(file)], str(file))
    if isinstance(found, list):
        stop_for(found)
    if not found:
        stop(f"{file}: there is no circumstance in it; add one")
    return found


def _from_options(written: dict[str, Any]) -> tuple[Circumstance, ...]:
    missing = [f"--{name}" for name, value in written.items() if value is None]
    if missing:
        stop(f"{', '.join(missing)} missing; give them, or name a file")
    found = load_circumstances(json.dumps({"circumstances": [written]}), _OPTIONS)
    if isinstance(found, list):
        stop_for([msgspec.structs.replace(one, line=0) for one in found])
    return found
