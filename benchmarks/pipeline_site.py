"""What a whole-pipeline benchmark runs on: topics, strategies, workers as users start them, and feeds."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

import msgspec
import psutil
from confluent_kafka.admin import AdminClient
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_feed import Told
from benchmarks.systems import ROOT
from benchmarks.workload import PARTITIONS
from pipeline.local.broker_config import free_port
from pipeline.local.supervised import Supervised
from pipeline.runtime.topics import all_topics, apply

WORKER = "benchmark"
LOOPS = ("identity.links", "interactions.identified")
"""Topics that workers both write and read: everything is folded when as much is read of them as was written."""

_STOP_S = 60
_STALL_S = 120


class Figures(NamedTuple):
    """What workers have committed since they started: records by topic (without its prefix), checkpoints."""

    folded: Counter[str]
    produced: Counter[str]
    commits: float = 0
    commit_seconds: float = 0
    aborts: float = 0

    @property
    def events(self) -> int:
        """Interactions that the first hop has folded."""
        return sum(n for topic, n in self.folded.items() if _is_input(topic))

    def settled(self, events: int, profiles: int = 0) -> bool:
        """Whether so much input, and everything that came of it, is folded and committed."""
        done = self.events >= events and self.folded["customers"] >= profiles
        return done and all(self.folded[topic] == self.produced[topic] for topic in LOOPS)


class Sample(NamedTuple):
    """Figures at a time (monotonic ns), with the processor seconds used until then."""

    at_ns: int
    figures: Figures
    cpu: dict[str, float]


class Site:
    """Topics and strategies under one prefix on a broker; `directory` holds state, logs and strategies."""

    def __init__(self, bootstrap: str, directory: Path, prefix: str = "pipeline.") -> None:
        self.bootstrap = bootstrap
        self.directory = directory
        self.prefix = prefix
        self.group = prefix.rstrip(".")
        self.strategies = directory / "strategies"
        self._logs = 0
        for change in apply(AdminClient({"bootstrap.servers": bootstrap}), all_topics(prefix, PARTITIONS, 1)):
            if change.outcome != "created":
                raise BenchmarkError(f"topic {change.topic} {change.message or 'is there already'}")

    @property
    def state(self) -> Path:
        """Where a worker without a name of its own keeps its tables."""
        return self.directory / "state" / self.group / WORKER

    @contextmanager
    def worker(self, name: str = WORKER, log_format: str = "console") -> Iterator[Worker]:
        """A worker of this site, as users run it; stopped in order at the end."""
        worker = Worker(self, name, self._log(name), log_format)
        try:
            yield worker
            worker.process.stop(_STOP_S)
        except BaseException:
            worker.process.kill()
            raise

    def feed(self, customers: int, *arguments: str, told: Callable[[int], None]) -> Told:
        """Publish with `benchmarks.pipeline_feed` and wait for its end."""
        with self.feeding(customers, *arguments) as feed:
            while not (now := feed.told()).done:
                told(now.sent)
                time.sleep(0.2)
            return now

    @contextmanager
    def feeding(self, customers: int, *arguments: str) -> Iterator[Feed]:
        """A feed that publishes while the block runs."""
        log = self._log("feed")
        command = [sys.executable, "-m", "benchmarks.pipeline_feed", self.bootstrap, self.prefix]
        with log.open("wb") as output:
            process = Supervised([*command, str(customers), *arguments], ROOT, output)
        try:
            yield Feed(process, log)
        finally:
            process.kill()

    def _log(self, name: str) -> Path:
        self._logs += 1
        return self.directory / f"{name}-{self._logs}.log"


class Feed(NamedTuple):
    """A running feed and what it tells."""

    process: Supervised
    log: Path

    def told(self) -> Told:
        """What it told last. Raises BenchmarkError when it has ended before its end."""
        running = self.process.running
        lines = self.log.read_bytes().splitlines(keepends=True)
        whole = [line for line in lines if line.startswith(b"{") and line.endswith(b"\n")]
        told = msgspec.json.decode(whole[-1], type=Told) if whole else Told(0)
        if not running and not told.done:
            raise BenchmarkError(f"the feed ended:\n{b''.join(lines)[-2000:].decode(errors='replace')}")
        return told


class Worker:
    """A `throughline worker` with the settings of any worker, and its metrics."""

    def __init__(self, site: Site, name: str, log: Path, log_format: str) -> None:
        self.log = log
        self._site = site
        self._port = free_port()
        chosen = {
            "bootstrap": site.bootstrap,
            "topic_prefix": site.prefix,
            "partitions": PARTITIONS,
            "group": site.group,
            "worker_id": name,
            "state_dir": site.directory / "state",
            "strategies": site.strategies,
            "metrics_port": self._port,
            "log_format": log_format,
        }
        environment = [f"THROUGHLINE_{setting.upper()}={value}" for setting, value in chosen.items()]
        command = ["/usr/bin/env", *environment, sys.executable, "-m", "pipeline.cli", "worker"]
        with log.open("wb") as output:
            self.process = Supervised(command, ROOT, output)

    def demand_running(self) -> None:
        """Raise BenchmarkError when it has ended."""
        if not self.process.running:
            raise BenchmarkError(f"the worker ended; its log ends:\n{self.told()[-2000:]}")

    def figures(self) -> Figures:
        """What it has committed so far; nothing while it starts. Raises BenchmarkError when it has ended."""
        self.demand_running()
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
                text = answer.read().decode()
        except (URLError, ConnectionError):
            return Figures(Counter(), Counter())
        return _read(text, self._site.prefix)

    def told(self) -> str:
        """Its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")


def _is_input(topic: str) -> bool:
    return topic.startswith("interactions.") and topic not in LOOPS


def _read(text: str, prefix: str) -> Figures:
    folded: Counter[str] = Counter()
    produced: Counter[str] = Counter()
    single: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            topic = sample.labels.get("topic", "").removeprefix(prefix)
            if sample.name == "throughline_records_folded_total":
                folded[topic] = int(sample.value)
            elif sample.name == "throughline_records_produced_total":
                produced[topic] = int(sample.value)
            else:
                single[sample.name] = sample.value
    return Figures(
        folded,
        produced,
        single.get("throughline_commits_total", 0),
        single.get("throughline_commit_seconds_sum", 0),
        single.get("throughline_transaction_aborts_total", 0),
    )


def together(figures: Iterable[Figures]) -> Figures:
    """What several workers have committed."""
    total = Figures(Counter(), Counter())
    for one in figures:
        total = Figures(
            total.folded + one.folded,
            total.produced + one.produced,
            *(mine + theirs for mine, theirs in zip(total[2:], one[2:], strict=True)),
        )
    return total


def await_settled(
    workers: list[Worker], events: int, profiles: int, told: Callable[[int], None]
) -> tuple[Sample, Sample]:
    """Wait until so much input is folded; the figures when all have committed something, and at the end.

    Raises BenchmarkError when nothing more is folded for two minutes.
    """
    first: Sample | None = None
    last, moved = Figures(Counter(), Counter()), time.monotonic_ns()
    while True:
        each = [worker.figures() for worker in workers]
        found, at = together(each), time.monotonic_ns()
        if found.commits > last.commits:
            last, moved = found, at
            if first is None and all(one.commits for one in each):
                first = Sample(at, found, cpu_seconds())
            told(found.events + found.folded["customers"])
        if found.settled(events, profiles):
            end = Sample(at, found, cpu_seconds())
            return first or end, end
        if at - moved > _STALL_S * 1e9:
            raise BenchmarkError(f"{_STALL_S} s without a commit, after {last.events} of {events} events")
        time.sleep(0.2 if found.events < 0.95 * events else 0.05)


def cpu_seconds() -> dict[str, float]:
    """Processor time of this benchmark's workers and broker so far, in seconds."""
    marks = {"worker": "pipeline.cli", "broker": "kafka.Kafka"}
    used = dict.fromkeys(marks, 0.0)
    for child in psutil.Process().children(recursive=True):
        try:
            command, times = child.cmdline(), child.cpu_times()
        except psutil.Error:
            continue
        for name, mark in marks.items():
            if mark in command and not command[0].endswith("sh"):
                used[name] += times.user + times.system
    return used
