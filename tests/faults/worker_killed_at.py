"""`python -m tests.faults.worker_killed_at STEP NUMBER`: the real worker, which kills itself in a commit.

It dies by SIGKILL at a step of the NUMBERth commit (from 1) that holds published events, after it has said so in
its log. Everything else is the worker's own: the commit path is wrapped from outside. It polls a few records at a
time, so that a short backlog takes many commits.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

import uvloop

from pipeline.app import run_worker, wire
from pipeline.domain.failures import Failure
from pipeline.domain.strategies.compiled import Rules
from pipeline.observe.logs import configure_logs
from pipeline.pack import load_rules
from pipeline.runtime import poller
from pipeline.runtime.batch import TP, Output
from pipeline.runtime.checkpoint import Prepared, TransactionsT
from pipeline.runtime.partition import Changes, StoreT
from pipeline.settings import load_settings

STEPS = (
    "begin",
    "some changelog records produced",
    "outputs produced",
    "offsets sent",
    "commit under way",
    "committed",
    "first store written",
    "all stores written",
)
POLLED = 30
# librdkafka sends what was produced within its linger of 5 ms.
_SENT_S = 0.02
_UNDER_WAY_S = 0.003


def die(step: str) -> None:
    """End this process as a crash would."""
    os.write(sys.stdout.fileno(), f"killed at: {step}\n".encode())
    os.kill(os.getpid(), signal.SIGKILL)


class FatalTransactions:
    """The transactions of a commit that ends at `step`."""

    def __init__(self, real: TransactionsT, step: str) -> None:
        self._real = real
        self._step = step

    def _at(self, step: str) -> None:
        if step == self._step:
            time.sleep(_SENT_S)
            die(step)

    def begin(self) -> None:
        self._real.begin()
        self._at("begin")

    def produce(self, output: Output) -> None:
        self._real.produce(output)

    def produce_changes(self, topic: str, partition: int, changes: Changes) -> None:
        self._real.produce_changes(topic, partition, changes)
        self._at("some changelog records produced")

    def send_offsets(self, offsets: Mapping[TP, int], group: Any) -> None:
        self._at("outputs produced")
        self._real.send_offsets(offsets, group)
        self._at("offsets sent")

    def commit(self) -> dict[TP, int]:
        if self._step == "commit under way":
            threading.Timer(_UNDER_WAY_S, die, (self._step,)).start()
        ends = self._real.commit()
        if self._step == "commit under way":
            die(self._step)
        self._at("committed")
        return ends

    def abort(self) -> None:
        self._real.abort()


class FatalStore:
    """A store after whose write the process ends."""

    def __init__(self, real: StoreT) -> None:
        self._real = real

    def write(self, changes: Mapping[bytes, bytes | None], offset: int) -> None:
        self._real.write(changes, offset)
        die("first store written")


def arm(step: str, number: int) -> None:
    """Make the `number`th commit of published events the last."""
    real_commit = Prepared.commit
    commits = 0

    def commit(self: Prepared, transactions: TransactionsT, group: Any, fence: Mapping[TP, int]) -> None:
        nonlocal commits
        commits += any(not tp.topic.endswith((".identified", ".links")) for tp in self.checkpoint.offsets)
        if commits < number or not self.changed:
            real_commit(self, transactions, group, fence)
            return
        if step == "first store written":
            table: Any = self.changed[0][0]
            table.store = FatalStore(table.store)
        real_commit(self, FatalTransactions(transactions, step), group, fence)
        die(step)

    Prepared.commit = commit  # type: ignore[method-assign]


def main(step: str, number: str) -> None:
    settings, rules = load_settings(), load_rules()
    assert not isinstance(settings, Failure) and isinstance(rules, Rules) and step in STEPS
    configure_logs(settings.log_level, settings.log_format)
    uvloop.install()
    poller.BATCH = POLLED
    arm(step, int(number))
    app, _ = wire(settings, rules)
    failure = run_worker(app)
    assert failure is None, failure


if __name__ == "__main__":
    main(*sys.argv[1:])
