"""What the restart benchmark measured, in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple


class Life(NamedTuple):
    """One start of a worker: seconds until it was ready, from the process's start and from its assignment.

    `recovered` is what its log says of reading changelogs: `records`, `seconds`, `per_second`; `progress` is how
    many lines told meanwhile how far it was.
    """

    from_start_s: float
    from_assignment_s: float
    recovered: dict[str, Any]
    progress: int


def markdown(
    customers: int, written: Counter[str], first: Life, again: Sequence[Life], about: dict[str, str]
) -> str:
    """The report: the two figures first, then both kinds of start, and what was there."""
    rate = first.recovered.get("per_second", 0)
    ready = median(life.from_start_s for life in again)
    tables = ", ".join(f"{n:,} {table}" for table, n in written.items() if table != "bytes")
    return "\n".join(
        [
            "# Restart: results",
            "",
            f"**With {customers:,} customers on its disk a worker is ready {ready:.1f} s after its process starts. "
            f"Without the disk it reads {rate:,.0f} records a second from its changelogs.**",
            "",
            "| start | from process start, s | from assignment, s | records read | records/s | progress lines |",
            "|---|---:|---:|---:|---:|---:|",
            _row("from the changelogs", [first]),
            _row(f"on the disk, median of {len(again)}", again),
            "",
            f"Rows: {tables}; {written['bytes'] / 2**20:,.0f} MiB of keys and values. They are copies of 500 "
            "customers who were really folded, each in the middle of a visit with a deadline ahead, written to the "
            "changelogs of a worker with four partitions. Ready is when the worker's log says so; the time from "
            "the assignment is the log's, the group's offsets already asked for. After the first start the rows "
            "on disk are counted. The operating system's file cache is warm. History is left out: its rows are "
            "recovered like the others.",
            "Written by `python -m benchmarks.restart`.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )


def _row(name: str, lives: Sequence[Life]) -> str:
    start = median(life.from_start_s for life in lives)
    assigned = median(life.from_assignment_s for life in lives)
    records = median(life.recovered.get("records", 0) for life in lives)
    rate = median(life.recovered.get("per_second", 0) for life in lives)
    lines = median(life.progress for life in lives)
    return f"| {name} | {start:.1f} | {assigned:.2f} | {records:,.0f} | {rate:,.0f} | {lines:.0f} |"
