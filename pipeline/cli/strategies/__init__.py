"""`throughline strategies`: what managers do with strategies, and in which module each command is."""

from __future__ import annotations

import typer

from pipeline.cli.lazy import LazyGroup, Place

COMMANDS = {
    "validate": Place(
        "strategies.validate",
        "Check strategy files and the brand file; every mistake is named with file, line and column.",
    ),
    "publish": Place(
        "strategies.publish",
        "Publish strategy files: all workers run them from now on, without a restart.",
    ),
    "promote": Place(
        "strategies.change",
        "Take a version that is tried to its next stage: validated, shadow, canary, active.",
    ),
    "pause": Place(
        "strategies.change",
        "Pause a strategy: nothing of it begins or is carried out until it is resumed.",
    ),
    "resume": Place(
        "strategies.change",
        "Resume a paused strategy; what it would have done meanwhile is not made up for.",
    ),
    "rollback": Place(
        "strategies.change",
        "Go back to the version that ran before, in one step; attempts in flight go on with it.",
    ),
    "retire": Place(
        "strategies.change",
        "Retire a strategy: nothing of it begins any more; its versions are kept and can be published again.",
    ),
    "stop-all": Place(
        "strategies.switch",
        "Stop all strategies at once: no worker sends a command of any of them until `start-all`.",
        "stop_all",
    ),
    "start-all": Place(
        "strategies.switch",
        "Let strategies send commands again, after `stop-all`; those that are paused stay paused.",
        "start_all",
    ),
    "list": Place(
        "strategies.overview",
        "List all strategies: which version runs for whom, who changed it last, and where it is applied.",
        "list_strategies",
    ),
    "show": Place(
        "strategies.show",
        "Show a strategy: how it is rolled out, its versions, a definition, and its attempts in flight.",
    ),
    "diff": Place(
        "strategies.diff",
        "Show what differs between two versions of a strategy, or between a file and what runs.",
    ),
    "schema": Place(
        "strategies.schema",
        "Print the JSON Schema of a kind of file, by which an editor completes and checks it.",
    ),
    "test": Place(
        "strategies.test",
        "Play scenario files against strategies, in memory: nothing is published, and no broker is needed.",
    ),
    "simulate": Place(
        "strategies.simulate",
        "Show what drafts would have done on recorded interactions, and how that differs from what is active.",
    ),
    "record": Place(
        "strategies.record",
        "Record the interactions of a time range, as they came in, in a file for `strategies simulate`.",
    ),
}


class _Strategies(LazyGroup):
    places = COMMANDS


strategies = typer.Typer(
    cls=_Strategies, no_args_is_help=True, help="Strategies: what is done for a customer, and when."
)
