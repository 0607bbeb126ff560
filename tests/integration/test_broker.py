"""The embedded broker: a real Kafka that starts, serves, survives a crash, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Producer
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from pipeline.local.broker import Broker, BrokerError
from pipeline.local.broker_config import free_port

pytestmark = pytest.mark.kafka

AllEnd = Callable[[list[psutil.Process]], bool]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "import typer; from pipeline.cli.broker import broker; typer.run(broker)"]
HOLDER = """
import time
from pipeline.local.broker import Broker
broker = Broker()
broker.start()
print(broker.data, flush=True)
time.sleep(1000)
"""


def make_topic(bootstrap: str, name: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)


def metadata(bootstrap: str) -> ClusterMetadata:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    return admin.list_topics(timeout=30)


def produce(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    """The first `count` committed values of a topic."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": f"{topic}-reader",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
    values: list[bytes] = []
    with closing(Consumer(settings)) as consumer:
        consumer.subscribe([topic])
        while len(values) < count:
            messages = consumer.consume(count - len(values), 30)
            assert messages, f"only {values} arrived"
            values += [message.value() for message in messages if not message.error()]
    return values


def test_a_committed_transaction_is_read_and_an_aborted_one_is_not(broker: Broker, topic_prefix: str) -> None:
    topic = f"{topic_prefix}values"
    make_topic(broker.bootstrap, topic)
    producer = Producer({"bootstrap.servers": broker.bootstrap, "transactional.id": topic_prefix})
    producer.init_transactions(30)
    for value, end in ((b"1", "commit"), (b"2", "abort"), (b"3", "commit")):
        producer.begin_transaction()
        producer.produce(topic, value)
        producer.flush(30)
        producer.commit_transaction(30) if end == "commit" else producer.abort_transaction(30)
    assert consume(broker.bootstrap, topic, 2) == [b"1", b"3"]


def test_the_new_consumer_protocol_is_served(broker: Broker, topic_prefix: str) -> None:
    topic = f"{topic_prefix}values"
    make_topic(broker.bootstrap, topic)
    produce(broker.bootstrap, topic, b"1")
    settings = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": topic,
        "group.protocol": "consumer",
        "auto.offset.reset": "earliest",
    }
    with closing(Consumer(settings)) as consumer:
        consumer.subscribe([topic])
        message = consumer.poll(30)
        assert message and message.value() == b"1"


def test_a_topic_is_never_made_by_asking_for_it(broker: Broker, topic_prefix: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap, "topic.metadata.propagation.max.ms": 100})
    told: list[KafkaError | None] = []
    producer.produce(f"{topic_prefix}none", b"1", on_delivery=lambda error, _message: told.append(error))
    producer.flush(60)
    assert [error.code() for error in told if error] == [KafkaError.UNKNOWN_TOPIC_OR_PART]
    assert f"{topic_prefix}none" not in metadata(broker.bootstrap).topics


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Broker]:
    """A broker that the test may stop and kill."""
    with Broker(tmp_path / "data") as running:
        yield running


def test_address_and_data_survive_a_crash_and_an_orderly_stop(own: Broker) -> None:
    address = own.bootstrap
    make_topic(address, "values")
    produce(address, "values", b"1")
    own.kill()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
    own.restart()
    assert own.bootstrap == address
    produce(address, "values", b"2")
    own.stop()
    with Broker(own.data) as second:
        assert consume(second.bootstrap, "values", 2) == [b"1", b"2"]
    assert own.data.exists()


def test_a_second_broker_in_the_same_directory_is_refused_and_does_no_harm(own: Broker) -> None:
    with pytest.raises(BrokerError, match=f"Another broker is running in {own.data}"):
        Broker(own.data).start()
    make_topic(own.bootstrap, "still-served")
    own.restart()
    assert "still-served" in metadata(own.bootstrap).topics


def test_a_broker_that_cannot_start_shows_why_from_its_log(tmp_path: Path) -> None:
    with socket.socket() as taken, pytest.raises(BrokerError) as refused:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        Broker(tmp_path, taken.getsockname()[1]).start()
    assert "Address already in use" in str(refused.value)
    assert str(tmp_path / "server.log") in str(refused.value)


def test_two_started_at_once_are_two_clusters() -> None:
    first, second = Broker(), Broker()
    try:
        with ThreadPoolExecutor(2) as pool:
            for start in [pool.submit(first.start), pool.submit(second.start)]:
                start.result()
        clusters = {metadata(each.bootstrap).cluster_id for each in (first, second)}
        assert len(clusters) == 2
    finally:
        first.close()
        second.close()
    assert not first.data.exists() and not second.data.exists()


def test_a_directory_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError) as refused:
        Broker(tmp_path / "file" / "data").start()
    assert "\n" not in str(refused.value)
    assert str(tmp_path / "file" / "data") in str(refused.value)


def test_any_letters_may_be_in_the_path_of_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    with Broker(tmp_path / "dätä, ✓ with = space") as running:
        assert metadata(running.bootstrap).brokers


def test_nothing_outlives_a_parent_that_is_killed(all_end: AllEnd, eventually: Callable[..., bool]) -> None:
    parent = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    data = Path(parent.stdout.readline().strip())
    family = psutil.Process(parent.pid).children(recursive=True)
    assert "java" in {process.name() for process in family}
    parent.kill()
    parent.communicate()
    assert all_end(family)
    assert eventually(lambda: not data.exists())


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_interrupted(
    how: signal.Signals, all_end: AllEnd, tmp_path: Path
) -> None:
    port = free_port()
    command = subprocess.Popen(
        [*COMMAND, "--port", str(port)],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert command.stdout
    assert command.stdout.readline() == f"127.0.0.1:{port}\n"
    assert metadata(f"127.0.0.1:{port}").brokers
    family = psutil.Process(command.pid).children(recursive=True)
    assert "java" in {process.name() for process in family}
    os.killpg(command.pid, how)  # as the terminal does on Ctrl-C
    _, told = command.communicate(timeout=60)
    assert command.returncode == 0, told
    assert all_end(family)
    assert list(tmp_path.iterdir()) == []


def run_command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_command_refuses_a_port_in_use(broker: Broker) -> None:
    port = broker.bootstrap.rpartition(":")[2]
    command = run_command("--port", port)
    assert (command.returncode, command.stdout) == (2, "")
    assert command.stderr.startswith(f"--port {port}:")
    assert command.stderr.count("\n") == 1


def test_without_network_and_cache_the_command_says_what_to_do(tmp_path: Path) -> None:
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    offline = dict.fromkeys(proxies, f"http://127.0.0.1:{free_port()}") | {"NO_PROXY": "", "no_proxy": ""}
    command = run_command(**offline, THROUGHLINE_CACHE=str(tmp_path / "cache"), TMPDIR=str(scratch))
    assert (command.returncode, command.stdout) == (1, "")
    line = command.stderr.strip()
    assert "\n" not in line
    assert str(tmp_path / "cache") in line and "--bootstrap" in line
    assert list(scratch.iterdir()) == []
