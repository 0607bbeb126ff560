"""The campaign's table, on the terminal and in Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median

import confluent_kafka
import psutil
from rich.table import Table

from pipeline.local.kafka_files import kafka_version, locked_jars
from tests.faults.campaign import Outcome

COLUMNS = ("fault", "runs", "events", "lost", "repeated", "differing", "recovery, median", "slowest")


def rows(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """One row for each fault, in the order in which they were played."""
    return [
        _row(name, [one for one in outcomes if one.fault == name])
        for name in dict.fromkeys(one.fault for one in outcomes)
    ]


def _row(name: str, outcomes: list[Outcome]) -> tuple[str, ...]:
    verdicts = [one.verdict for one in outcomes]
    times = [hit.recovery_s for one in outcomes for hit in one.hits if hit.recovery_s is not None]
    seconds = (f"{median(times):.1f} s", f"{max(times):.1f} s") if times else ("-", "-")
    counts = (
        sum(len(one.hits) for one in outcomes),
        sum(verdict.events for verdict in verdicts),
        sum(verdict.lost for verdict in verdicts),
        sum(verdict.repeated for verdict in verdicts),
        sum(verdict.differing for verdict in verdicts),
    )
    return (name, *(f"{count:,}" for count in counts), *seconds)


def table(outcomes: Sequence[Outcome]) -> Table:
    """The rows for a terminal."""
    found = Table(COLUMNS[0], box=None)
    for column in COLUMNS[1:]:
        found.add_column(column, justify="right")
    for row in rows(outcomes):
        found.add_row(*row)
    return found


def markdown(outcomes: Sequence[Outcome], command: str, seed: int) -> str:
    """The report: what was promised, the table, what the faults met, and the machine."""
    fates = {
        fate: sum(one.verdict.fates.get(fate, 0) for one in outcomes)
        for fate in ("folded", "duplicate", "late", "dead-letter")
    }
    hits = [hit for one in outcomes for hit in one.hits]
    lines = [
        "# Fault campaign: results",
        "",
        "Every acknowledged event ends as exactly one of folded, duplicate, late (history only) or dead-letter; "
        "actions, decisions, sessions, identities, history and deadlines equal those of a single-threaded fold "
        "of the input "
        "topics; and each action is there once for a reader of committed records.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows(outcomes)),
        "",
        f"The events in all: {', '.join(f'{count:,} {fate}' for fate, count in fates.items())}.",
        f"Every one of the {len(hits)} strikes met a backlog, of {min(hit.backlog for hit in hits):,} events at "
        f"least, after work that was committed, {min(hit.done for hit in hits):,} events at least.",
        "*lost* and *repeated* count actions, decisions, history entries and dead letters that are missing or "
        "there more than once; *differing* counts rows and per-customer lists that are not the oracle's. "
        "*recovery* runs from the restart, or the end of the fault, to the first commit after it; where a worker "
        "is gone or asleep, until the others have caught up.",
        "",
        *(f"- {name}: {value}" for name, value in _about(command, seed).items()),
        "",
    ]
    return "\n".join(lines)


def _about(command: str, seed: int) -> dict[str, str]:
    memory = psutil.virtual_memory().total / 2**30
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": f"`{command}`, seed {seed}",
        "machine": f"{os.cpu_count()} cores ({platform.machine()}, {platform.system()}), {memory:.0f} GiB",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Kafka": f"{kafka_version(locked_jars())}, one broker on the same machine",
        "librdkafka": f"{confluent_kafka.libversion()[0]}",
        "Faust": version("faust-streaming"),
        "RocksDB": f"by rocksdict {version('rocksdict')}",
    }
