"""Two workers in one group: whichever is asked, about whomever, says the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from counting_app import read_committed
from domain_values import event, profile

from pipeline.api.access import known_token
from pipeline.api.client import Client
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier
from pipeline.domain.redaction import MASK
from pipeline.domain.requests import UnmergeRequested
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.producer import PARTITIONER
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.workers import partition_of, read_workers
from pipeline.settings import Settings
from pipeline.wire.codec import Codec

pytestmark = pytest.mark.kafka

CUSTOMERS = [f"C-{n}" for n in range(8)]
LIMIT_S = 60


def address_of(customer_id: str) -> str:
    return f"{customer_id.lower()}@example.com"


class Deployment:
    """Topics, and two workers of one group that share a state directory, as on one machine."""

    def __init__(self, broker: Broker, prefix: str, directory: Path) -> None:
        self.settings = Settings(
            bootstrap=broker.bootstrap, topic_prefix=prefix, group=f"{prefix}group", state_dir=directory
        )
        self._logs = directory
        self.workers: dict[str, subprocess.Popen[bytes]] = {}
        self.environment = os.environ | {
            "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": prefix,
            "THROUGHLINE_GROUP": self.settings.group,
            "THROUGHLINE_STATE_DIR": str(directory),
        }
        assert self.command("topics", "apply").returncode == 0

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            env=self.environment | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )

    def start(self, worker_id: str) -> None:
        with (self._logs / f"{worker_id}.log").open("wb") as log:
            self.workers[worker_id] = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "worker"],
                env=self.environment | {"THROUGHLINE_WORKER_ID": worker_id, "THROUGHLINE_LOG_LEVEL": "info"},
                stderr=log,
            )

    def stop(self, worker_id: str) -> int:
        process = self.workers.pop(worker_id)
        process.terminate()
        return process.wait(LIMIT_S)

    def log(self, worker_id: str) -> str:
        return (self._logs / f"{worker_id}.log").read_text()

    def owned(self) -> dict[str, list[int]]:
        """The partitions of each worker, as the topic tells."""
        return {one.worker_id: one.partitions for one in self._roster()}

    def addresses(self) -> dict[str, str]:
        return {one.worker_id: one.address for one in self._roster()}

    def _roster(self) -> Any:
        return read_workers(self.settings, Codec(), LIMIT_S).workers()

    def client(self, address: str) -> Client:
        token = known_token(self.settings)
        assert token is not None
        return Client(f"http://{address}", token)

    def publish(self) -> None:
        """Customers, each with an address and a visit on which they logged in."""
        now = wall_clock()
        with Publisher(self.settings, Codec(), "tests") as publisher:
            for customer_id in CUSTOMERS:
                mail = Identifier("email", address_of(customer_id), "verified")
                number = Identifier("customer_number", customer_id, "verified")
                publisher.send(profile(customer_id, name=f"Name of {customer_id}", identifiers=[mail]))
                publisher.send(
                    event(f"visit-{customer_id}", now, "login", identifiers=[mail, number], subject="size")
                )


@pytest.fixture(scope="module")
def deployment(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    made = Deployment(broker, f"show-{time.time_ns()}.", tmp_path_factory.mktemp("show"))
    try:
        made.start("w1")
        made.start("w2")
        yield made
    finally:
        for worker_id in list(made.workers):
            made.stop(worker_id)


@pytest.fixture(scope="module")
def told(deployment: Deployment) -> dict[str, Client]:
    """A client of each worker, once both have their partitions and know what was published."""
    until(lambda: sorted(map(len, deployment.owned().values())) == [2, 2])
    deployment.publish()
    clients = {name: deployment.client(address) for name, address in deployment.addresses().items()}
    for client in clients.values():
        for customer_id in CUSTOMERS:
            until(lambda c=client, i=customer_id: rows(c, i) == 1 and by_mail(c, i) is not None)
    return clients


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.1)


def rows(client: Client, customer_id: str) -> int:
    found = client.ask("customers", customer_id, "history")
    return -1 if isinstance(found, Failure) else len(found["rows"])


def by_mail(client: Client, customer_id: str) -> Any:
    found = client.ask("identifiers", f"email:{address_of(customer_id)}")
    return None if isinstance(found, Failure) or found["customer"]["profile"] is None else found["customer"]


def test_either_worker_says_the_same_by_customer_and_by_identifier(
    deployment: Deployment, told: dict[str, Client]
) -> None:
    owned = deployment.owned()
    homes = {partition_of(customer_id, 4) for customer_id in CUSTOMERS}
    assert all(homes & set(own) for own in owned.values()), "each worker is asked for customers of the other"
    for customer_id in CUSTOMERS:
        answers = [client.ask("customers", customer_id) for client in told.values()]
        answers += [{**answers[0], "customer": by_mail(client, customer_id)} for client in told.values()]
        assert answers[0]["customer"]["profile"]["name"] == f"Name of {customer_id}"
        assert [one["kind"] for one in answers[0]["customer"]["now"]] == ["login"]
        assert all(answer == answers[0] for answer in answers)


def looked_at(client: Client) -> list[int]:
    """Of how many customers a worker tells attempts, by partition."""
    pages = [client.ask("partitions", str(number), "attempts", "return-form-help") for number in range(4)]
    return [-1 if isinstance(page, Failure) else page["looked_at"] for page in pages]


def test_either_worker_counts_attempts_in_all_partitions(
    deployment: Deployment, told: dict[str, Client]
) -> None:
    homes = [partition_of(customer_id, 4) for customer_id in CUSTOMERS]
    expected = [homes.count(number) for number in range(4)]
    for client in told.values():
        until(lambda c=client: looked_at(c) == expected)


def test_every_worker_knows_who_is_there(deployment: Deployment, told: dict[str, Client]) -> None:
    for client in told.values():
        shown = client.ask("workers")
        assert not isinstance(shown, Failure)
        assert {one["worker_id"]: one["partitions"] for one in shown["workers"]} == deployment.owned()


def test_a_person_sees_the_customer_and_a_redacted_one_without_a_name(
    deployment: Deployment, told: dict[str, Client]
) -> None:
    shown = deployment.command("customer", "show", f"email:{address_of('C-1')}")
    assert shown.returncode == 0, shown.stderr
    sections = [shown.stdout.index(f"\n{title}\n") for title in ("Now", "Sessions", "Threads", "History")]
    assert sections == sorted(sections)
    assert "Name of C-1" in shown.stdout and "login" in shown.stdout
    redacted = deployment.command("customer", "show", f"email:{address_of('C-1')}", "--redact", "--json")
    assert MASK in redacted.stdout
    assert "Name of" not in redacted.stdout and address_of("C-1") not in redacted.stdout
    assert json.loads(redacted.stdout)["customer"]["customer_id"] == "C-1"
    assert len(json.loads(redacted.stdout)["rows"]) == 1


@pytest.mark.parametrize(
    ("arguments", "environment", "exit_code", "said"),
    [
        (("C-1",), {"THROUGHLINE_API_TOKEN": "wrong"}, 1, "THROUGHLINE_API_TOKEN"),
        (("C-1",), {"THROUGHLINE_STATE_DIR": "/nonexistent"}, 1, "THROUGHLINE_STATE_DIR"),
        (("C-1", "--worker", "127.0.0.1:1"), {}, 1, "127.0.0.1:1"),
        (("C-nobody",), {}, 1, "C-nobody"),
        (("email:nobody@example.com",), {}, 1, "no customer"),
        (("email:nobody",), {}, 2, "name@example.com"),
    ],
    ids=["wrong token", "no token", "no worker there", "no customer", "no identifier", "not an address"],
)
def test_what_cannot_be_shown_is_one_line_that_says_what_to_do(
    deployment: Deployment,
    told: dict[str, Client],
    arguments: tuple[str, ...],
    environment: dict[str, str],
    exit_code: int,
    said: str,
) -> None:
    refused = deployment.command("customer", "show", *arguments, **environment)
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (exit_code, "", 1), (
        refused.stderr
    )
    assert said in refused.stderr


def test_an_unmerge_is_asked_of_the_workers(deployment: Deployment, told: dict[str, Client]) -> None:
    assert deployment.command("customer", "unmerge", "p-1", "C-1").returncode == 2
    done = deployment.command("customer", "unmerge", "p-1", "C-1", "--yes")
    assert (done.returncode, done.stderr) == (0, "") and "customer show p-1" in done.stdout
    topic = f"{deployment.settings.topic_prefix}customer.requests"
    asked = [Codec().decode(one.value()) for one in read_committed(deployment.settings.bootstrap, topic, 4)]
    assert [(one.loser, one.winner) for one in asked if isinstance(one, UnmergeRequested)] == [("p-1", "C-1")]


def test_a_key_is_where_librdkafka_puts_it(deployment: Deployment, told: dict[str, Client]) -> None:
    producer = Producer({"bootstrap.servers": deployment.settings.bootstrap, **PARTITIONER})
    placed: dict[str, int] = {}
    keys = ["x" * n + "ü" for n in range(1, 60)]
    for key in keys:
        producer.produce(
            f"{deployment.settings.topic_prefix}decisions",
            key=key,
            on_delivery=lambda _, message: placed.update({message.key().decode(): message.partition()}),
        )
    assert producer.flush(LIMIT_S) == 0
    assert placed == {key: partition_of(key, 4) for key in keys}


def test_when_one_worker_stops_the_other_answers_for_all(
    deployment: Deployment, told: dict[str, Client]
) -> None:
    assert deployment.stop("w1") == 0, deployment.log("w1")
    until(lambda: deployment.owned() == {"w2": [0, 1, 2, 3]})
    for customer_id in CUSTOMERS:
        until(lambda i=customer_id: rows(told["w2"], i) == 1 and by_mail(told["w2"], i) is not None)
    assert deployment.command("customer", "show", "C-1").returncode == 0
    assert deployment.stop("w2") == 0, deployment.log("w2")
    assert deployment.owned() == {}
    nobody = deployment.command("customer", "show", "C-1")
    assert (nobody.returncode, nobody.stderr.count("\n")) == (1, 1)
    assert "throughline worker" in nobody.stderr
    for worker_id in ("w1", "w2"):
        assert "partitions_ready" in deployment.log(worker_id)
        assert "C-1" not in deployment.log(worker_id) and "example.com" not in deployment.log(worker_id)
