"""What was measured, in figures and in Markdown."""

from __future__ import annotations

import os
import platform
from statistics import median
from typing import NamedTuple

import psutil

from benchmarks.systems import OURS, System
from benchmarks.workload import EVERY
from pipeline.domain.failures import Failure
from pipeline.local.kafka_files import kafka_version, locked_jars


class Measured(NamedTuple):
    """One system's runs: `seconds` each took to fold `events` events."""

    events: int
    seconds: tuple[float, ...]

    @property
    def rates(self) -> list[float]:
        """Events per second of each run, in the order of the runs."""
        return [self.events / taken for taken in self.seconds]

    @property
    def rate(self) -> float:
        """The median of the runs' events per second."""
        return median(self.rates)


def ratio(one: Measured, other: Measured) -> float:
    """How many times as many events per second `one` folds as `other`, by their medians."""
    return one.rate / other.rate


def machine() -> dict[str, str]:
    """What the measurement ran on: name → value."""
    memory = psutil.virtual_memory().total / 2**30
    return {
        "cores": f"{os.cpu_count()} ({platform.machine()}, {platform.system()}), shared with the broker",
        "memory": f"{memory:.0f} GiB",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Kafka": f"{kafka_version(locked_jars())}, one broker on the same machine",
    }


def markdown(results: dict[System, Measured | Failure], customers: int, about: dict[str, str]) -> str:
    """The report: the ratios first, then every system, and what it ran on.

    `results` has ours, measured, and of each peer what was measured or why it was not.
    """
    ours = results[OURS]
    if isinstance(ours, Failure):
        raise ValueError("nothing can be compared with what was not measured")
    peers = {
        system: ratio(ours, one)
        for system, one in results.items()
        if system is not OURS and isinstance(one, Measured)
    }
    headline = "".join(f", {times:.1f} times {system.name}" for system, times in peers.items())
    rows = [
        _row(system, one, peers) if isinstance(one, Measured) else _absent(system, one)
        for system, one in results.items()
    ]
    return "\n".join(
        [
            "# Fold benchmark: results",
            "",
            f"**One {OURS.name} worker folds {ours.rate:,.0f} events a second{headline}.**",
            "",
            f"| system | guarantee | events a run | events/s, median of {len(ours.seconds)} "
            f"| events/s, each run | {OURS.name} is so many times as fast | aim |",
            "|---|---|---:|---:|---|---:|---|",
            *rows,
            "",
            "![Events per second of each system](fold.svg)",
            "",
            f"{customers:,} customers; one action on every {EVERY}th event of a customer. In every run the actions "
            "and the final states equalled those of the fold in memory.",
            "What is measured and how: [README.md](README.md). Written by `make bench`.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )


def _row(system: System, one: Measured, peers: dict[System, float]) -> str:
    times = peers.get(system)
    return (
        f"| {system.name} | {system.guarantee} | {one.events:,} | {one.rate:,.0f} | "
        f"{', '.join(f'{rate:,.0f}' for rate in one.rates)} | "
        f"{'' if times is None else f'{times:.1f}'} | {_verdict(system.aim, times)} |"
    )


def _absent(system: System, failure: Failure) -> str:
    reason = f"not measured: {failure.message}"
    return f"| {system.name} | {system.guarantee} | | {reason} | | | {_verdict(system.aim)} |"


def _verdict(aim: int | None, times: float | None = None) -> str:
    if aim is None:
        return ""
    if times is None:
        return f"≥ {aim}"
    return f"≥ {aim}: {'met' if times >= aim else 'not met'}"
