"""Circumstances declared, changed and ended with the commands, while two real workers run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from counting_app import read_committed
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionCommand
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.workers import read_workers
from pipeline.settings import Settings
from pipeline.wire.codec import Codec

pytestmark = pytest.mark.kafka

CUSTOMERS = 40
WORKERS = ("w1", "w2")
CODEC = Codec()
SCOPE = 'customer.postcode.startsWith("SW1A")'
STRATEGY = """
strategy: tell
version: 1
title: Tell the desk whom a circumstance concerns
lane: service_reply
entry: {on: circumstance.declared}
key: event.interaction_id
lifetime: 30d
steps:
  - id: begins
    on: entry
    do: [{escalate: {to: desk, reason: =event.text}}]
  - id: over
    on: circumstance.ended
    do: [{escalate: {to: desk, reason: over}}]
"""


class Fleet:
    """Two workers under a prefix of their own, customers of whom every second one lives in SW1A, and a manager."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.prefix = f"test-{uuid.uuid4().hex[:12]}."
        self.settings = Settings(bootstrap=broker.bootstrap, topic_prefix=self.prefix)
        self._directory = directory
        (directory / "strategies").mkdir()
        (directory / "strategies" / "tell.yaml").write_text(STRATEGY)
        self._environment = {
            "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": self.prefix,
            "THROUGHLINE_GROUP": f"{self.prefix}group",
            "THROUGHLINE_STRATEGIES": str(directory / "strategies"),
        }
        self._running: list[subprocess.Popen[bytes]] = []
        assert CliRunner().invoke(cli, ("topics", "apply"), env=self._environment).exit_code == 0

    def start(self) -> None:
        for worker_id in WORKERS:
            own = {
                "THROUGHLINE_WORKER_ID": worker_id,
                "THROUGHLINE_STATE_DIR": str(self._directory / worker_id),
            }
            with (self._directory / f"{worker_id}.log").open("wb") as log:
                self._running.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "pipeline.cli", "worker"],
                        env=os.environ | self._environment | own,
                        stderr=log,
                    )
                )

    def complete(self) -> bool:
        """Whether both workers have said that they run."""
        roster = read_workers(self.settings, CODEC, patience_s=1.0)
        return [one.worker_id for one in roster.workers()] == list(WORKERS)

    def stop(self) -> None:
        for process in self._running:
            process.terminate()
        assert [process.wait(60) for process in self._running] == [0] * len(self._running)

    def log(self, worker_id: str) -> str:
        return (self._directory / f"{worker_id}.log").read_text()

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ("circumstances", *arguments), env=self._environment)

    def done(self, *arguments: str) -> dict[str, Any]:
        """What a command tells machines that both workers have applied."""
        result = self.run(*arguments, "--timeout", "60", "--json")
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        told = dict(json.loads(result.stdout))
        assert sorted(told["workers"]["applied"]) == list(WORKERS)
        return told

    def listed(self) -> list[dict[str, Any]]:
        result = self.run("list", "--all", "--json")
        assert result.exit_code == 0, result.output
        return list(json.loads(result.stdout)["circumstances"])

    def move_in(self) -> None:
        now = wall_clock()
        with Publisher(self.settings, CODEC, "tests") as publisher:
            for number in range(CUSTOMERS):
                postcode = "SW1A 1AA" if number % 2 == 0 else "N1 9GU"
                publisher.send(Profile(customer_id=f"C-{number}", updated_at=now, postcode=postcode))

    def visit(self, name: str, numbers: range) -> None:
        now = wall_clock()
        with Publisher(self.settings, CODEC, "tests") as publisher:
            for number in numbers:
                publisher.send(
                    Interaction(
                        event_id=f"{name}/{number}",
                        channel="web",
                        kind="page_viewed",
                        interaction_id=f"{name}-{number}",
                        occurred_at=now,
                        received_at=now,
                        source="tests",
                        identifiers=[Identifier("customer_number", f"C-{number}", "verified")],
                    )
                )

    def told(self) -> Counter[tuple[str, str]]:
        """How often each customer was told each thing."""
        messages = read_committed(self.settings.bootstrap, f"{self.prefix}actions", 4)
        commands = [CODEC.decode(message.value(), ActionCommand) for message in messages]
        return Counter((one.customer_id, one.body.reason) for one in commands)


@pytest.fixture
def fleet(
    broker: Broker, tmp_path: Path, eventually: Callable[[Callable[[], bool]], bool]
) -> Iterator[Fleet]:
    fleet = Fleet(broker, tmp_path)
    try:
        fleet.start()
        assert eventually(fleet.complete)
        yield fleet
    finally:
        fleet.stop()


def test_customers_are_told_while_it_lasts_and_when_it_is_over(
    fleet: Fleet, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    fleet.move_in()
    fleet.visit("before", range(20))
    here = [f"C-{number}" for number in range(0, CUSTOMERS, 2)]
    options = ("--id", "power-cut", "--title", "No power", "--scope", SCOPE, "--tell", "Back at six")
    fleet.done("declare", *options, "--until", "4h")

    in_contact = Counter({(name, "Back at six"): 1 for name in here[:10]})
    assert eventually(lambda: fleet.told() == in_contact)
    fleet.visit("during", range(CUSTOMERS))
    all_told = Counter({(name, "Back at six"): 1 for name in here})
    assert eventually(lambda: fleet.told() == all_told)

    fleet.done("change", "power-cut", "--until", "6h", "--tell", "Back at eight")
    fleet.visit("again", range(CUSTOMERS))
    again = fleet.run("declare", *options)
    assert (again.exit_code, "declared already" in again.stderr) == (2, True)
    fleet.done("end", "power-cut")
    over = all_told + Counter({(name, "over"): 1 for name in here})
    assert eventually(lambda: fleet.told() == over)
    assert [(row["state"], sorted(row["applied"]["applied"])) for row in fleet.listed()] == [
        ("over", list(WORKERS))
    ]


def test_what_is_wrong_on_the_topic_is_set_aside_and_told(
    fleet: Fleet, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    options = ("--title", "Strike", "--tell", "Late", "--id", "strike", "--scope")
    fleet.done("declare", *options, "customer.known")
    producer = Producer(fleet.settings.kafka())
    producer.produce(f"{fleet.prefix}circumstances", key="strike", value=b"\x00 no record at all")
    assert producer.flush(30) == 0
    assert eventually(lambda: all("circumstance_refused" in fleet.log(name) for name in WORKERS))
    everybody = fleet.run("declare", *options[:-2], "all", "--scope", "true")
    assert (everybody.exit_code, "--yes" in everybody.stderr) == (2, True)
    fleet.done("declare", *options[:-2], "all", "--scope", "true", "--yes")
