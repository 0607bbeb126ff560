"""`throughline topics`: the topics of the pipeline."""

from __future__ import annotations

import json

import msgspec
import typer
from confluent_kafka.admin import AdminClient
from rich.table import Table

from pipeline.cli.common import FAILED, AsJson, Bootstrap, out, settings_or_stop
from pipeline.cli.kafka import broker_or_stop
from pipeline.runtime.topics import all_topics
from pipeline.runtime.topics import apply as apply_topics

topics = typer.Typer(no_args_is_help=True, help="Topics: create those that the pipeline needs.")


@topics.command()
def apply(bootstrap: Bootstrap = None, as_json: AsJson = False) -> None:
    """Create every topic that is missing, with its cleanup policy; running it again changes nothing.

    A topic that exists with another number of partitions or another cleanup policy is reported and left alone.
    """
    settings = settings_or_stop(bootstrap=bootstrap)
    broker_or_stop(settings)
    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    changes = apply_topics(AdminClient(dict(settings.kafka())), specs)
    if as_json:
        out.print(json.dumps(msgspec.to_builtins(changes)), markup=False)
    else:
        table = Table("topic", "outcome", "", box=None)
        for change in changes:
            table.add_row(change.topic, change.outcome, change.message)
        out.print(table)
    if any(change.outcome == "problem" for change in changes):
        raise typer.Exit(FAILED)
