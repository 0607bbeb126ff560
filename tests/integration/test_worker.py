"""The real `throughline worker` as a process of its own: stopped, killed, and given records nobody can read."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer
from counting_app import read_committed

from pipeline.channels import customers as customer_files
from pipeline.channels.registry import adapt
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Interaction
from pipeline.domain.messages import IdentifiedInteraction
from pipeline.local.broker import Broker
from pipeline.local.demo.crowd import Traffic, as_csv, crowd, schedule
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.framing import frame_header
from pipeline.wire.routes import route

pytestmark = pytest.mark.kafka

PARTITIONS = 4
LIMIT_S = 60


class Deployment:
    """Topics under a prefix, the state directory of one worker, and what it published."""

    def __init__(self, broker: Broker, prefix: str, state_dir: Path) -> None:
        self.settings = Settings(bootstrap=broker.bootstrap, topic_prefix=prefix)
        self._environment = os.environ | {
            "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": prefix,
            "THROUGHLINE_GROUP": f"{prefix}group",
            "THROUGHLINE_WORKER_ID": "w1",
            "THROUGHLINE_STATE_DIR": str(state_dir),
            "THROUGHLINE_CHECKPOINT_INTERVAL_MS": "5",
        }
        subprocess.run(
            self._command("topics", "apply"), env=self._environment, check=True, capture_output=True
        )

    @staticmethod
    def _command(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "pipeline.cli", *arguments]

    @contextmanager
    def worker(self) -> Iterator[subprocess.Popen[bytes]]:
        """A worker; ended by SIGTERM unless it has ended, which must then have gone well."""
        with subprocess.Popen(
            self._command("worker"), env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                yield process
            finally:
                process.terminate()
                _, told = process.communicate(timeout=LIMIT_S)
        assert process.returncode in (0, -9), told.decode()

    def publish(self, values: Iterable[msgspec.Struct]) -> None:
        with Publisher(self.settings, Codec(), "tests") as publisher:
            for value in values:
                publisher.send(value)

    def committed(self, topic: str) -> list[Any]:
        return read_committed(self.settings.bootstrap, self.settings.topic_prefix + topic, PARTITIONS)

    def identified(self) -> int:
        """How many interactions the worker has said whose they are, and committed."""
        found = [CODEC.decode(message.value()) for message in self.committed("interactions.identified")]
        return sum(isinstance(one, IdentifiedInteraction) for one in found)

    def decided(self) -> dict[bytes, list[tuple[str, ...]]]:
        """Actions and decisions of each customer, in order, without what differs from one run to another."""
        found: dict[bytes, list[tuple[str, ...]]] = defaultdict(list)
        for message in self.committed("actions"):
            action: Any = value(message)
            found[b"action " + message.key()].append((action.action_id, action.kind, action.strategy_id))
        for message in self.committed("decisions"):
            decision: Any = value(message)
            found[b"decision " + message.key()].append((decision.decision_id, decision.outcome))
        return found


def value(message: Any) -> Any:
    decoded = CODEC.decode(message.value())
    assert not isinstance(decoded, Failure), decoded
    return decoded


CODEC = Codec()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.1)


class Story:
    """One input for every run: profiles and orders, what came before, and the events that are disturbed."""

    def __init__(self) -> None:
        now = wall_clock()
        # Those who log in half way move between customers, in an order that depends on the run's timing.
        people = [one for one in crowd(620, seed=1, mark="w") if one.journey != "login"]
        self.profiles: list[Any] = [
            found
            for found in customer_files.read(as_csv(people), "text/csv", now)
            if not isinstance(found, Failure)
        ]
        stages: dict[str, list[Interaction]] = defaultdict(list)
        for number, (_, step) in enumerate(schedule(people, Traffic(len(people), 1000.0), seed=1)):
            for found in adapt(step.channel, step.payload(f"w-{number}", now), now):
                assert isinstance(found, Interaction), found
                stages[found.channel].append(found)
        self.orders = stages["order"]
        self.messages = stages["social"]
        self.events = [*stages["web"], *stages["mobile_app"]]

    @property
    def total(self) -> int:
        return len(self.orders) + len(self.messages) + len(self.events)


@pytest.fixture(scope="module")
def story() -> Story:
    told = Story()
    assert told.total > 2_000
    return told


def settle(deployment: Deployment, identified: int) -> None:
    """Wait until so many interactions are identified and nothing more is decided."""
    wait_until(lambda: deployment.identified() == identified)

    def quiet() -> bool:
        before = deployment.decided()
        time.sleep(1.0)
        return deployment.decided() == before

    wait_until(quiet)


def prepare(deployment: Deployment, story: Story) -> None:
    """Everything that precedes the disturbed events, each stage settled before the next."""
    deployment.publish(story.profiles)
    time.sleep(1.0)
    deployment.publish(story.orders)
    settle(deployment, len(story.orders))
    deployment.publish(story.messages)
    settle(deployment, len(story.orders) + len(story.messages))


@pytest.fixture(scope="module")
def undisturbed(
    broker: Broker, story: Story, tmp_path_factory: pytest.TempPathFactory
) -> dict[bytes, list[tuple[str, ...]]]:
    deployment = Deployment(broker, "test-worker-undisturbed.", tmp_path_factory.mktemp("state"))
    with deployment.worker():
        prepare(deployment, story)
        deployment.publish(story.events)
        settle(deployment, story.total)
    decided = deployment.decided()
    assert sum(key.startswith(b"action") for key in decided) > 50
    return decided


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
def test_a_worker_that_ends_in_the_middle_decides_what_an_undisturbed_one_does(
    broker: Broker,
    story: Story,
    undisturbed: dict[bytes, list[tuple[str, ...]]],
    topic_prefix: str,
    tmp_path: Path,
    end: str,
) -> None:
    deployment = Deployment(broker, topic_prefix, tmp_path)
    third = len(story.events) // 3
    with deployment.worker() as process:
        prepare(deployment, story)
        before = deployment.identified()
        deployment.publish(story.events[:third])
        wait_until(lambda: deployment.identified() > before)
        deployment.publish(story.events[third : 2 * third])
        process.kill() if end == "SIGKILL" else process.terminate()
        process.wait(LIMIT_S)
    deployment.publish(story.events[2 * third :])
    at_stop = deployment.identified()
    assert before < at_stop < story.total
    with deployment.worker():
        settle(deployment, story.total)
    assert deployment.decided() == undisturbed


def test_records_that_cannot_be_read_become_dead_letters_and_the_next_is_processed(
    broker: Broker, story: Story, topic_prefix: str, tmp_path: Path
) -> None:
    deployment = Deployment(broker, topic_prefix, tmp_path)
    good = story.events[0]
    key = route(good).key.encode()
    whole = CODEC.encode(f"{topic_prefix}interactions.web", good)
    nobody = msgspec.structs.replace(good, identifiers=[])
    bad: list[tuple[bytes | None, bytes, str]] = [
        (key, b"not Avro", "not_avro"),
        (key, b"", "not_avro"),
        (key, frame_header(4_000_000_000) + b"x", "unknown_schema"),
        (key, whole[: len(whole) // 2], "bad_avro"),
        (b"somebody:else", whole, "wrong_key"),
        (None, whole, "wrong_key"),
        (key, CODEC.encode(f"{topic_prefix}interactions.web", nobody), "no_identifier"),
        (key, CODEC.encode(f"{topic_prefix}customers", story.profiles[0]), "wrong_record"),
    ]
    topics = [f"interactions.{channel}" for channel in CHANNELS]
    topics += ["identity.links", "customers", "interactions.identified", "action.receipts"]
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    sent = 0
    for topic in topics:
        # Misplaced records and those that name nobody are told apart on the channels only.
        for record_key, raw, _ in bad if topic.removeprefix("interactions.") in CHANNELS else bad[:4]:
            producer.produce(topic_prefix + topic, key=record_key, value=raw, partition=1)
            sent += 1
    assert producer.flush(30) == 0
    deployment.publish([good])
    with deployment.worker():
        wait_until(lambda: len(deployment.committed("dead-letters")) >= sent)
        wait_until(lambda: deployment.identified() == 1)
    letters: list[Any] = [value(message) for message in deployment.committed("dead-letters")]
    assert len(letters) == sent
    at: dict[str, list[Any]] = defaultdict(list)
    for letter in sorted(letters, key=lambda one: one.offset):
        at[letter.source.removeprefix(topic_prefix)].append(letter)
    assert set(at) == set(topics)
    for topic, found in at.items():
        assert {one.stage for one in found} == {"identity" if topic in topics[:-3] else "sessions"}
        assert [(one.partition, one.offset) for one in found] == [(1, n) for n in range(len(found))]
        assert [(one.key, one.raw) for one in found] == [(k, raw) for k, raw, _ in bad[: len(found)]]
        assert all(one.message for one in found)
    assert [one.code for one in at["interactions.web"]] == [code for *_, code in bad]
