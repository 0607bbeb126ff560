"""One run of one system: a worker of its own, the clock around its work, and the check of what it did.

The clock starts when the worker hands its first record to the fold (it tells by `started.Started`), so starting
Python or Java, joining the group and opening tables are outside. It stops when an outside reader of committed
records has the last action. Neither stopping nor the check is timed.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from benchmarks.records import Expected, group_offsets, observer, read_all, written
from benchmarks.states import Run
from benchmarks.systems import ROOT, System
from benchmarks.workload import PARTITIONS
from pipeline.local.supervised import Supervised
from pipeline.runtime.topics import all_topics, apply

_STALL_S = 120
_STOP_S = 60
_POLL_S = 0.05
_LAST_LOOK_S = 2

Progress = Callable[[int], None]


class BenchmarkError(Exception):
    """A run failed or did other work than the workload; the message says what happened."""


def create_topics(bootstrap: str, prefix: str, *names: str) -> None:
    """Create these of the pipeline's topics, set as in production. Raises BenchmarkError when that fails."""
    wanted = {prefix + name for name in names}
    specs = [spec for spec in all_topics(prefix, PARTITIONS, 1) if spec.name in wanted]
    for change in apply(_admin(bootstrap), specs):
        if change.outcome != "created":
            raise BenchmarkError(f"topic {change.topic} {change.message or 'is there already'}")


def measure(
    bootstrap: str, system: System, command: list[str], number: int, expected: Expected, progress: Progress
) -> float:
    """Seconds that one new worker of `system` takes to fold the input of `expected` and have its actions out.

    `command` starts the worker; `number` tells runs of a system apart; `progress` is called with the actions
    seen so far. Afterwards every action and every final state is compared with what the fold gives in memory.
    Raises BenchmarkError when the worker fails, stands still for two minutes, or did anything else than that.
    """
    prefix = f"{system.slug}-{number}."
    create_topics(bootstrap, prefix, "actions", "dead-letters", "changelog.sessions")
    try:
        with tempfile.TemporaryDirectory(prefix="fold-") as name:
            run = Run(bootstrap, expected.topic, prefix, Path(name))
            ended = _work(run, system, command, expected, progress)
            started = int((run.directory / "started").read_text(encoding="ascii"))
            _check(run, system, expected)
    finally:
        _remove_topics(bootstrap, prefix.rstrip("."))
    return (ended - started) / 1e9


def _work(run: Run, system: System, command: list[str], expected: Expected, progress: Progress) -> int:
    """Run a worker until it has done all its work; the time (ns, monotonic) at which its last action was there."""
    told = run.directory / "worker.log"
    with observer(run.bootstrap) as reader, told.open("wb") as log:
        reader.assign([TopicPartition(f"{run.prefix}actions", n, 0) for n in range(PARTITIONS)])
        arguments = [run.bootstrap, run.topic, run.prefix, str(run.directory)]
        worker = Supervised([*command, *arguments], ROOT, log)
        try:
            ended = _await_actions(reader, expected, worker, progress)
            if system.ends:
                _await_end(worker)
            else:
                _await_offsets(run, expected, worker)
            worker.stop(_STOP_S)
        except BenchmarkError as error:
            worker.kill()
            text = told.read_text(encoding="utf-8", errors="replace")
            raise BenchmarkError(f"{system.name}: {error}; its log ends:\n{text[-2000:]}") from error
        except BaseException:
            worker.kill()
            raise
    return ended


def _await_actions(reader: Consumer, expected: Expected, worker: Supervised, progress: Progress) -> int:
    """The time (ns, monotonic) at which the last expected action was readable."""
    total, seen, last = expected.actions.total(), 0, time.monotonic_ns()
    while seen < total:
        # What a worker has written before it ended can still be on its way here.
        running = worker.running
        first = reader.poll(_POLL_S if running else _LAST_LOOK_S)
        if first is not None:
            records = (first, *reader.consume(10_000, 0))
            last = time.monotonic_ns()
            seen += sum(record.error() is None for record in records)
            progress(seen)
        elif not running:
            raise BenchmarkError(f"the worker ended after {seen} of {total} actions")
        elif time.monotonic_ns() - last > _STALL_S * 1e9:
            raise BenchmarkError(f"{_STALL_S} s without an action, after {seen} of {total}")
    return last


def _await_end(worker: Supervised) -> None:
    if not worker.wait(_STALL_S):
        raise BenchmarkError("the worker did not end with its input")


def _await_offsets(run: Run, expected: Expected, worker: Supervised) -> None:
    """Wait until the group has committed all of the input: what follows the last action is folded too."""
    deadline = time.monotonic() + _STALL_S
    while not _reached(run, expected):
        if not worker.running or time.monotonic() > deadline:
            raise BenchmarkError("the worker did not commit the end of its input")
        time.sleep(_POLL_S)


def _reached(run: Run, expected: Expected) -> bool:
    return group_offsets(run.bootstrap, run.group, list(expected.ends)) == list(expected.ends.values())


def _check(run: Run, system: System, expected: Expected) -> None:
    made = Counter(map(written, read_all(run.bootstrap, f"{run.prefix}actions")))
    if made != expected.actions:
        missing, surplus = (expected.actions - made).total(), (made - expected.actions).total()
        raise BenchmarkError(f"{system.name}: {missing} actions are missing or wrong, {surplus} are too many")
    states = system.states(run)
    if states != expected.states:
        wrong = sum(states.get(key) != state for key, state in expected.states.items())
        raise BenchmarkError(f"{system.name}: {wrong} of {len(expected.states)} states are wrong")


def _remove_topics(bootstrap: str, group: str) -> None:
    """So that the broker's cleaning of one run's topics takes nothing from the next run."""
    admin = _admin(bootstrap)
    own = (f"{group}.", f"{group}-")
    left = [name for name in admin.list_topics(timeout=30).topics if any(mark in name for mark in own)]
    for removed in admin.delete_topics(left).values() if left else ():
        removed.result()


def _admin(bootstrap: str) -> AdminClient:
    # Its remarks would stand between the lines that tell of the runs.
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 3})
