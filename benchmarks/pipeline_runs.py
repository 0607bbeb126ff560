"""The measured parts of the whole-pipeline benchmark: a backlog as fast as it goes, then a steady rate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

from benchmarks.pipeline_events import SEED, known
from benchmarks.pipeline_feed import Told
from benchmarks.pipeline_site import Site, Worker, await_settled

Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class Throughput(NamedTuple):
    """A backlog worked off: `events` in `seconds` from the first commit seen to the last.

    `cpu` is processor seconds by process.
    """

    events: int
    seconds: float
    commits: float
    commit_seconds: float
    cpu: dict[str, float]
    produced: dict[str, int]

    @property
    def rate(self) -> float:
        """Events a second through both hops."""
        return self.events / self.seconds


def import_profiles(site: Site, customers: int, progress: Progress) -> None:
    """Let a worker take in what the system of record knows, which is no part of any measurement."""
    number = sum(map(known, range(customers)))
    with progress("Writing customers", number) as told:
        site.feed(customers, "profiles", told=told)
    with progress("Importing customers", number) as told, site.worker() as worker:
        await_settled([worker], 0, number, told)


def write_backlog(site: Site, customers: int, events: int, mark: str, progress: Progress) -> Told:
    """Write events of which none is read yet."""
    with progress("Writing events", events) as told:
        return site.feed(customers, "events", str(SEED), mark, str(events), "0", told=told)


def work_off(workers: list[Worker], events: int, progress: Progress) -> Throughput:
    """Measure workers, just started, on the backlog that is waiting for them."""
    with progress("Folding events", events) as told:
        began, ended = await_settled(workers, events, 0, told)
    first, last = began.figures, ended.figures
    return Throughput(
        events=last.events - first.events,
        seconds=(ended.at_ns - began.at_ns) / 1e9,
        commits=last.commits - first.commits,
        commit_seconds=last.commit_seconds - first.commit_seconds,
        cpu={name: spent - began.cpu[name] for name, spent in ended.cpu.items()},
        produced={topic: n - first.produced[topic] for topic, n in last.produced.items()},
    )
