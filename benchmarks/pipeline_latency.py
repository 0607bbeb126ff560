"""From an event's time in the schedule to its command at a reader of committed records."""

from __future__ import annotations

import time
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_events import SEED
from benchmarks.pipeline_runs import Progress
from benchmarks.pipeline_site import Site, Worker, await_settled, cpu_seconds
from benchmarks.records import observer
from benchmarks.workload import PARTITIONS
from pipeline.domain.failures import Failure
from pipeline.domain.messages import ActionCommand
from pipeline.wire.codec import Codec

MARK = "paced-"
WARM_UP_S = 30
_POLL_S = 0.02
_QUIET_S = 2.0

Arrival = tuple[int, bytes]


class Latency(NamedTuple):
    """Commands caused by events at a steady rate: the milliseconds that each took, in ascending order.

    `behind_s` is how far the producer was behind its schedule at most, which is part of the latencies.
    """

    rate: float
    seconds: float
    events: int
    contacts: int
    milliseconds: list[float]
    behind_s: float
    cpu: dict[str, float]

    def percentile(self, share: float) -> float:
        """The latency that this share (0 to 1) of the commands did not exceed."""
        return self.milliseconds[min(int(share * len(self.milliseconds)), len(self.milliseconds) - 1)]


def steady(
    site: Site, worker: Worker, customers: int, rate: float, seconds: int, progress: Progress
) -> Latency:
    """Feed `worker` at `rate` events a second for `seconds` after a warm-up, and time the commands it makes."""
    events = int(rate * (seconds + WARM_UP_S))
    before_events = worker.figures().events
    with observer(site.bootstrap, "latency") as reader, progress("Feeding events", events) as told:
        _at_the_end(reader, f"{site.prefix}actions")
        with site.feeding(customers, "events", str(SEED + 1), MARK, str(events), str(rate)) as feed:
            before = cpu_seconds()
            arrivals: list[Arrival] = []
            while not (sent := feed.told()).done:
                _read_for(reader, 0.5, arrivals)
                told(sent.sent)
            used = cpu_seconds()
        _read_for(reader, _QUIET_S, arrivals)
        await_settled([worker], before_events + events, 0, lambda done: None)
    found = _latencies(arrivals, sent.began_ns, rate)
    if not found:
        raise BenchmarkError("no command came of the events")
    cpu = {name: used[name] - before[name] for name in used} | {"producer": sent.cpu_s}
    return Latency(rate, seconds, events, sent.contacts, found, sent.behind_s, cpu)


def _at_the_end(reader: Consumer, topic: str) -> None:
    ends = [reader.get_watermark_offsets(TopicPartition(topic, n), 60)[1] for n in range(PARTITIONS)]
    reader.assign([TopicPartition(topic, n, end) for n, end in enumerate(ends)])


def _read_for(reader: Consumer, seconds: float, into: list[Arrival]) -> None:
    """Note what arrives and when (epoch ns); decoding it would keep the next one waiting."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        first = reader.poll(_POLL_S)
        if first is not None:
            at = time.time_ns()
            records = (first, *reader.consume(10_000, 0))
            into.extend((at, record.value() or b"") for record in records if record.error() is None)


def _latencies(arrivals: list[Arrival], began_ns: int, rate: float) -> list[float]:
    codec = Codec()
    found = []
    for at, raw in arrivals:
        command = codec.decode(raw, ActionCommand)
        if isinstance(command, Failure):
            raise BenchmarkError(f"an action cannot be read: {command.message}")
        # What a timer decided has no event, and what is left of the backlog is not on the schedule.
        if command.event_id is not None and command.event_id.startswith(MARK):
            due_s = int(command.event_id.removeprefix(MARK)) / rate
            if due_s >= WARM_UP_S:
                found.append((at - began_ns) / 1e6 - due_s * 1e3)
    return sorted(found)
