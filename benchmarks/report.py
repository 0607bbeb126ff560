"""What was measured, in figures and in Markdown."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from statistics import median
from typing import NamedTuple

import confluent_kafka
import psutil

from benchmarks.workload import EVERY
from pipeline.local.kafka_files import kafka_version, locked_jars


class Measured(NamedTuple):
    """One system's runs: `seconds` each took to fold `events` events."""

    name: str
    guarantee: str
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
        "cores": f"{os.cpu_count()} ({platform.machine()}, {platform.system()})",
        "memory": f"{memory:.0f} GiB",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Kafka": f"{kafka_version(locked_jars())}, one broker on the same machine",
        "librdkafka": confluent_kafka.libversion()[0],
        "Faust": f"{version('faust-streaming')} with aiokafka {version('aiokafka')}",
        "RocksDB": f"by rocksdict {version('rocksdict')}, both systems",
    }


def markdown(ours: Measured, peer: Measured, customers: int, about: dict[str, str]) -> str:
    """The report: the ratio first, then the runs, the machine, and what the figures mean."""
    rows = [
        f"| {one.name} | {one.guarantee} | {one.events:,} | {one.rate:,.0f} | "
        f"{', '.join(f'{rate:,.0f}' for rate in one.rates)} | {ratio(one, peer):.1f} |"
        for one in (ours, peer)
    ]
    return "\n".join(
        [
            "# Fold benchmark: results",
            "",
            f"**One {ours.name} worker folds {ratio(ours, peer):.1f} times as many events per second as one plain "
            f"{peer.name} worker: {ours.guarantee} against {peer.guarantee}.**",
            "",
            f"| system | guarantee | events a run | events/s, median of {len(ours.seconds)} "
            f"| events/s, each run | times {peer.name} |",
            "|---|---|---:|---:|---|---:|",
            *rows,
            "",
            f"{customers:,} customers; one action on every {EVERY}th event of a customer. In every run the actions "
            "and the final states equalled those of the fold in memory.",
            "What is measured and how: [README.md](README.md). Written by `make bench`.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )
