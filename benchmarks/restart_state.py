"""The state of a worker that knows many customers, written as the changelogs that it would have written."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from aiokafka.partitioner import murmur2
from confluent_kafka import Producer

from benchmarks.growth_mould import Mould
from benchmarks.growth_points import ordinary
from benchmarks.measure import BenchmarkError
from benchmarks.pipeline_site import Site
from benchmarks.workload import PARTITIONS
from pipeline.observe.clock import wall_clock

TABLES = ("identities", "sessions", "deadlines")
_MODELS = 500
_EVENTS_EACH = 15
_REPORT_EVERY = 1_000
_FLUSH_S = 120


def write_changelogs(
    site: Site, customers: int, strategies: int, progress: Callable[[int], None]
) -> Counter[str]:
    """Write the rows of so many customers in the middle of a visit; returns the rows by table, and `bytes`."""
    with tempfile.TemporaryDirectory(prefix="restart-") as directory:
        model = ordinary(Path(directory), _MODELS, strategies, wall_clock())
        model.measure(_MODELS * _EVENTS_EACH)
        mould = Mould(model.pipe, _MODELS, TABLES)
        model.pipe.close()
    written: Counter[str] = Counter()
    producer = Producer(
        {"bootstrap.servers": site.bootstrap, "linger.ms": 20, "compression.type": "lz4", "log_level": 3}
    )
    for number in range(customers):
        for table in TABLES:
            topic = f"{site.prefix}changelog.{table}"
            for key, value in mould.rows(table, number):
                _produce(producer, topic, _partition(table, key), key, value)
                written[table] += 1
                written["bytes"] += len(key) + len(value)
        if number % _REPORT_EVERY == 0:
            progress(number)
    if producer.flush(_FLUSH_S):
        raise BenchmarkError("the changelogs could not be written")
    return written


def _partition(table: str, key: bytes) -> int:
    """The partition of what the row belongs to: a deadline (`due|customer`) goes with its customer."""
    owner = key.partition(b"|")[2] if table == "deadlines" else key
    return int(murmur2(owner) & 0x7FFFFFFF) % PARTITIONS


def _produce(producer: Producer, topic: str, partition: int, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(topic, key=key, value=value, partition=partition)
            producer.poll(0)
            return
        except BufferError:
            producer.poll(0.1)
