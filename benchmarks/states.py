"""The final states that a system keeps, wherever it keeps them: key → MessagePack, as `workload.encode_state`."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from benchmarks.records import read_all
from benchmarks.workload import State, encode_state


class Run(msgspec.Struct, frozen=True):
    """One run of one system: the broker's address, its input topic, and what is the run's own.

    `prefix` ends with a dot and begins the names of its topics; in `directory` its worker keeps its files.
    """

    bootstrap: str
    topic: str
    prefix: str
    directory: Path

    @property
    def group(self) -> str:
        """The consumer group, or whatever a system calls its application."""
        return self.prefix.rstrip(".")


States = Callable[[Run], dict[bytes, bytes]]


def of_throughline(run: Run) -> dict[bytes, bytes]:
    """Of our changelog."""
    return _last_values(run, f"{run.prefix}changelog.sessions")


def of_faust(run: Run) -> dict[bytes, bytes]:
    """Of Faust's changelog."""
    return _last_values(run, f"{run.group}-sessions-changelog")


def of_quix(run: Run) -> dict[bytes, bytes]:
    """Of Quix Streams' changelog, whose keys are a customer's key, a bar, and a name in that customer's state."""
    found = _last_values(run, f"changelog__{run.group}--{run.topic}--default")
    return {key.rpartition(b"|")[0]: value for key, value in found.items()}


def of_kafka_streams(run: Run) -> dict[bytes, bytes]:
    """Of Kafka Streams' changelog, which holds JSON."""
    found = _last_values(run, f"{run.group}-sessions-changelog")
    return {key: encode_state(msgspec.json.decode(value, type=State)) for key, value in found.items()}


def of_bytewax(run: Run) -> dict[bytes, bytes]:
    """Of Bytewax's recovery store: SQLite with a pickle of every state that changed before a snapshot."""
    (file,) = (run.directory / "state").glob("*.sqlite3")
    query = "SELECT state_key, ser_change FROM snaps WHERE step_id = 'fold.fold' ORDER BY snap_epoch"
    with closing(sqlite3.connect(file)) as store:
        # The worker that wrote the file is this program's own.
        return {key.encode(): encode_state(pickle.loads(state)) for key, state in store.execute(query)}  # noqa: S301


def _last_values(run: Run, topic: str) -> dict[bytes, bytes]:
    return {record.key(): record.value() for record in read_all(run.bootstrap, topic)}
