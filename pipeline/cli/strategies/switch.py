"""`throughline strategies stop-all` and `start-all`: the kill switch."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from pipeline.cli.common import AsJson, Bootstrap, settings_or_stop, stop
from pipeline.cli.strategies.changing import Told, report, tell
from pipeline.cli.strategies.live import register_or_stop
from pipeline.cli.strategies.options import TIMEOUT_S, Author, Reason, Timeout, change_by
from pipeline.domain.releases import KillSwitch

Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


def stop_all(
    yes: Yes = False,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Stop all strategies at once: no worker sends a command of any of them until `start-all`.

    Customers' sessions and histories go on. What would have been sent meanwhile is recorded as suppressed, and it
    is not made up for later.
    """
    _sure_or_stop(yes, "This stops every strategy for every customer.", "stop all strategies")
    _switch(True, author, reason, timeout, bootstrap, as_json)


def start_all(
    yes: Yes = False,
    author: Author = None,
    reason: Reason = "",
    timeout: Timeout = TIMEOUT_S,
    bootstrap: Bootstrap = None,
    as_json: AsJson = False,
) -> None:
    """Let strategies send commands again, after `stop-all`; those that are paused stay paused."""
    _sure_or_stop(yes, "From now on strategies send commands again.", "start all strategies")
    _switch(False, author, reason, timeout, bootstrap, as_json)


def _sure_or_stop(yes: bool, told: str, what: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        stop(f"{told[:-1].lower()}: say --yes to {what}")
    typer.confirm(f"{told} Do it?", abort=True, err=True)


def _switch(
    stopped: bool, author: str | None, reason: str, timeout: float, bootstrap: str | None, as_json: bool
) -> None:
    change = change_by(author, reason)
    settings = settings_or_stop(bootstrap=bootstrap)
    register = register_or_stop(settings, with_files=False)
    if register.switch.stopped == stopped:
        report(Told(unchanged=[register.switch]), as_json)
        return
    switch = KillSwitch(stopped=stopped, changed_by=change.by, changed_at=change.at, reason=change.reason)
    report(tell(settings, register, [switch], timeout), as_json)
