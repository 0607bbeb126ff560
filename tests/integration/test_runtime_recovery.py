"""Recovery of one store from a real changelog."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from pipeline.local.broker import Broker
from pipeline.runtime import store as store_module
from pipeline.runtime.batch import TP
from pipeline.runtime.recovery import RecoveryStopped, high_watermarks, recover
from pipeline.runtime.store import Store

pytestmark = pytest.mark.kafka

ROWS = [(b"k%d" % n, b"v%d" % n) for n in range(10)]


@pytest.fixture
def changelog(broker: Broker, topic_prefix: str) -> TP:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    tp = TP(f"{topic_prefix}changelog", 0)
    for future in admin.create_topics(
        [NewTopic(tp.topic, 1, 1, config={"cleanup.policy": "compact"})]
    ).values():
        future.result()
    return tp


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "0")
    yield opened
    opened.close()


@pytest.fixture
def writer(broker: Broker, changelog: TP) -> Producer:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": changelog.topic})
    producer.init_transactions()
    return producer


@pytest.fixture
def bring_up(broker: Broker, changelog: TP, store: Store) -> Callable[..., int]:
    kafka = {"bootstrap.servers": broker.bootstrap}

    def call(stopping: threading.Event | None = None) -> int:
        stopping = stopping or threading.Event()
        end = high_watermarks(kafka, [changelog], stopping)[changelog]
        return recover(kafka, *changelog, store, end, stopping, lambda done, total: None)

    return call


def write(writer: Producer, changelog: TP, rows: list[tuple[bytes, bytes | None]]) -> None:
    """Add records to an open transaction."""
    for key, value in rows:
        writer.produce(changelog.topic, key=key, value=value, partition=0)
    writer.flush()


def committed(writer: Producer, changelog: TP, rows: list[tuple[bytes, bytes | None]]) -> None:
    writer.begin_transaction()
    write(writer, changelog, rows)
    writer.commit_transaction()


def test_an_empty_changelog_needs_nothing(bring_up: Callable[..., int], store: Store) -> None:
    assert bring_up() == 0
    assert store.offset == 0


def test_the_difference_is_read_and_the_marker_at_the_end_is_passed(
    bring_up: Callable[..., int], store: Store, writer: Producer, changelog: TP
) -> None:
    committed(writer, changelog, [*ROWS])
    assert bring_up() == 10
    assert (dict(store.scan()), store.offset >= 10) == (dict(ROWS), True)
    assert bring_up() == 0
    committed(writer, changelog, [(b"k1", None), (b"new", b"1")])
    assert bring_up() == 2
    assert dict(store.scan()) == {key: value for key, value in ROWS if key != b"k1"} | {b"new": b"1"}


def test_what_an_open_transaction_wrote_is_waited_for(
    bring_up: Callable[..., int], store: Store, writer: Producer, changelog: TP
) -> None:
    committed(writer, changelog, [*ROWS])
    writer.begin_transaction()
    write(writer, changelog, [(b"k0", b"decided later")])
    recovery = threading.Thread(target=bring_up)
    recovery.start()
    deadline = time.monotonic() + 30
    while store.offset < 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert recovery.is_alive(), "the end of the committed records was taken for the end"
    writer.commit_transaction()
    recovery.join(30)
    assert not recovery.is_alive()
    assert store.get(b"k0") == b"decided later"


def test_an_aborted_tail_is_passed_over(
    bring_up: Callable[..., int], store: Store, writer: Producer, changelog: TP
) -> None:
    committed(writer, changelog, [*ROWS])
    writer.begin_transaction()
    write(writer, changelog, [(b"k0", b"never")] * 5)
    writer.abort_transaction()
    assert bring_up() == 10
    assert (store.get(b"k0"), store.offset >= 15) == (b"v0", True)


def test_a_recovery_can_be_stopped_while_it_waits(
    bring_up: Callable[..., int], writer: Producer, changelog: TP
) -> None:
    writer.begin_transaction()
    write(writer, changelog, [*ROWS])
    stopping = threading.Event()
    threading.Timer(0.3, stopping.set).start()
    with pytest.raises(RecoveryStopped):
        bring_up(stopping)
    writer.abort_transaction()


def test_a_store_that_is_ahead_of_its_changelog_is_built_anew(
    bring_up: Callable[..., int], store: Store, writer: Producer, changelog: TP
) -> None:
    store.write({b"of another life": b"1"}, 1_000)
    committed(writer, changelog, [*ROWS])
    assert bring_up() == 10
    assert dict(store.scan()) == dict(ROWS)


def test_a_store_that_may_have_missed_a_tombstone_is_built_anew(
    bring_up: Callable[..., int],
    store: Store,
    writer: Producer,
    changelog: TP,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    committed(writer, changelog, [*ROWS])
    now = time.time()
    with monkeypatch.context() as yesterday:
        yesterday.setattr(store_module.time, "time", lambda: now - 24 * 60 * 60)
        store.write({b"deleted since, and its tombstone compacted away": b"1"}, 5)
    assert bring_up() == 10
    assert dict(store.scan()) == dict(ROWS)


KILLED_WHILE_IT_RECOVERS = """
import os, signal, sys, threading
from pathlib import Path
from pipeline.runtime.recovery import recover
from pipeline.runtime.store import Store

def progress(done, total):
    if done > total * 0.8:
        os.kill(os.getpid(), signal.SIGKILL)

kafka, topic, path, end = {"bootstrap.servers": sys.argv[1]}, *sys.argv[2:]
recover(kafka, topic, 0, Store(Path(path)), int(end), threading.Event(), progress)
"""


def test_a_recovery_that_was_killed_goes_on_from_its_own_offset(
    broker: Broker, changelog: TP, writer: Producer, tmp_path: Path
) -> None:
    rows = [(b"k%05d" % n, b"%05d" % n * 2_000) for n in range(8_000)]
    for first in range(0, len(rows), 1_000):
        committed(writer, changelog, [*rows[first : first + 1_000]])
    kafka = {"bootstrap.servers": broker.bootstrap}
    end = high_watermarks(kafka, [changelog], threading.Event())[changelog]
    path = tmp_path / "killed"
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED_WHILE_IT_RECOVERS,
            broker.bootstrap,
            changelog.topic,
            str(path),
            str(end),
        ],
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    store = Store(path)
    kept = sum(1 for _ in store.scan())
    assert 0 < kept < len(rows)
    read = recover(kafka, *changelog, store, end, threading.Event(), lambda done, total: None)
    assert read == len(rows) - kept
    assert dict(store.scan()) == dict(rows)
    store.close()
