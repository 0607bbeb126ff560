"""Strategies that change while two real workers run: published, paused, rolled back, stopped, and broken."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from counting_app import read_committed
from strategy_records import TICKET, release, rollout, switch, text

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.releases import StrategyRecord, StrategyRelease
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.topics import all_topics, apply
from pipeline.runtime.workers import RosterReader
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.workers import WorkerStatus

pytestmark = pytest.mark.kafka

PARTITIONS = 4
CUSTOMERS = 40
ERRORS = 10
CODEC = Codec()
Eventually = Callable[[Callable[[], bool]], bool]


class Fleet:
    """Two workers of one group under a prefix of their own, and what comes of what is published to them."""

    def __init__(self, broker: Broker, directory: Path) -> None:
        self.prefix = f"test-{uuid.uuid4().hex[:12]}."
        self.settings = Settings(bootstrap=broker.bootstrap, topic_prefix=self.prefix)
        self._directory = directory
        files = directory / "strategies"
        files.mkdir()
        (files / "base.yaml").write_text(text("base", 1, on="web.start_base"))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        apply(AdminClient({"bootstrap.servers": broker.bootstrap}), all_topics(self.prefix, PARTITIONS, 1))
        self._roster = RosterReader(self.settings, CODEC)
        self._consumer = Consumer({**self.settings.kafka(), "group.id": "unused"})

    def start(self, worker_id: str) -> None:
        environment = os.environ | {
            "THROUGHLINE_BOOTSTRAP": self.settings.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": self.prefix,
            "THROUGHLINE_GROUP": f"{self.prefix}group",
            "THROUGHLINE_WORKER_ID": worker_id,
            "THROUGHLINE_STRATEGIES": str(self._directory / "strategies"),
            "THROUGHLINE_STATE_DIR": str(self._directory / worker_id),
            "THROUGHLINE_CHECKPOINT_INTERVAL_MS": "5",
            "THROUGHLINE_STRATEGY_ERROR_LIMIT": str(ERRORS),
        }
        with (self._directory / f"{worker_id}.log").open("ab") as log:
            self._running[worker_id] = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "worker"], env=environment, stdout=log, stderr=log
            )

    def stop(self, worker_id: str) -> None:
        process = self._running.pop(worker_id)
        process.terminate()
        assert process.wait(60) == 0, self.log(worker_id)

    def end(self) -> None:
        for worker_id in list(self._running):
            self.stop(worker_id)
        self._roster.close()
        self._consumer.close()

    def log(self, worker_id: str) -> str:
        return (self._directory / f"{worker_id}.log").read_text()

    def statuses(self) -> list[WorkerStatus]:
        """What each worker has told of itself last, as far as that has been read: more with every call."""
        self._roster.poll(0.01)
        return self._roster.roster.workers()

    def share(self) -> list[int]:
        """How many partitions each worker has."""
        return [len(status.partitions) for status in self.statuses()]

    def publish(self, *records: StrategyRecord) -> None:
        with Publisher(self.settings, CODEC, "tests") as publisher:
            for record in records:
                publisher.send(record)

    def corrupt(self, key: str, raw: bytes) -> None:
        producer = Producer(self.settings.kafka())
        producer.produce(f"{self.prefix}strategies", key=key, value=raw)
        assert producer.flush(30) == 0

    def applied(self) -> bool:
        """Whether all that is published is applied by both workers."""
        _, end = self._consumer.get_watermark_offsets(TopicPartition(f"{self.prefix}strategies", 0), 10.0)
        return [status.strategies_offset >= end for status in self.statuses()] == [True, True]

    def everybody(self, kind: str, visit: str) -> None:
        """The event `kind`, once of every customer."""
        now = wall_clock()
        with Publisher(self.settings, CODEC, "tests") as publisher:
            for number in range(CUSTOMERS):
                publisher.send(
                    Interaction(
                        event_id=f"{visit}/{kind}/{number}",
                        channel="web",
                        kind=kind,
                        interaction_id=f"{visit}-{number}",
                        occurred_at=now,
                        received_at=now,
                        source="tests",
                        identifiers=[Identifier("device", f"device-{number}", "observed")],
                    )
                )

    def commands(self, strategy_id: str) -> Counter[int]:
        """How many commands of each version there are."""
        found = self._read("actions", ActionCommand)
        return Counter(one.strategy_version for one in found if one.strategy_id == strategy_id)

    def decisions(self, strategy_id: str) -> Counter[tuple[str, str]]:
        """How many decisions there are, by outcome and the rule that was looked at last."""
        found = [one for one in self._read("decisions", Decision) if one.strategy_id == strategy_id]
        return Counter((one.outcome, one.reasons[-1].rule if one.reasons else "") for one in found)

    def published(self, key: str) -> Any:
        """The last record of a key of the topic."""
        messages = read_committed(self.settings.bootstrap, f"{self.prefix}strategies", 1)
        found = [message.value() for message in messages if message.key() == key.encode()]
        return CODEC.decode(found[-1])

    def _read(self, topic: str, kind: type[Any]) -> list[Any]:
        messages = read_committed(self.settings.bootstrap, self.prefix + topic, PARTITIONS)
        found = [CODEC.decode(message.value(), kind) for message in messages]
        assert not any(isinstance(one, Failure) for one in found)
        return found


@pytest.fixture(scope="module")
def fleet(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(broker, tmp_path_factory.mktemp("fleet"))
    fleet.start("w1")
    fleet.start("w2")
    deadline = time.monotonic() + 60
    while fleet.share() != [2, 2]:
        assert time.monotonic() < deadline, fleet.log("w1") + fleet.log("w2")
        time.sleep(0.1)
    yield fleet
    fleet.end()


def named(strategy_id: str, version: int, steps: str = "") -> StrategyRelease:
    """A release of a strategy with an event of its own: `start_` and its id."""
    return release(strategy_id, version, text(strategy_id, version, steps, on=f"web.start_{strategy_id}"))


def took(fleet: Fleet, eventually: Eventually, what: str, *records: StrategyRecord) -> None:
    """Publish, and say how long it takes until both workers have applied it."""
    began = time.monotonic()
    fleet.publish(*records)
    assert eventually(fleet.applied), fleet.log("w1") + fleet.log("w2")
    sys.stdout.write(f"\n{what}: on both workers after {time.monotonic() - began:.2f} s")


def test_what_is_published_takes_effect_on_both_workers(fleet: Fleet, eventually: Eventually) -> None:
    took(fleet, eventually, "a first version", named("a", 1), rollout("a", 1))
    fleet.everybody("start_a", "first")
    assert eventually(lambda: fleet.commands("a") == {1: CUSTOMERS})
    took(fleet, eventually, "a second version", named("a", 2), rollout("a", 2, previous=1))
    fleet.everybody("start_a", "second")
    assert eventually(lambda: fleet.commands("a") == {1: CUSTOMERS, 2: CUSTOMERS})


def test_what_is_published_comes_before_the_files(fleet: Fleet, eventually: Eventually) -> None:
    fleet.everybody("start_base", "file")
    assert eventually(lambda: fleet.commands("base") == {1: CUSTOMERS})
    took(fleet, eventually, "another version", named("base", 2), rollout("base", 2, previous=1))
    fleet.everybody("start_base", "topic")
    assert eventually(lambda: fleet.commands("base") == {1: CUSTOMERS, 2: CUSTOMERS})


def test_pause_and_rollback(fleet: Fleet, eventually: Eventually) -> None:
    took(fleet, eventually, "two versions", named("b", 1), named("b", 2), rollout("b", 2, previous=1))
    took(fleet, eventually, "a pause", rollout("b", 2, previous=1, paused=True))
    fleet.everybody("start_b", "paused")
    assert eventually(lambda: fleet.decisions("b")["suppressed", "paused"] == CUSTOMERS)
    took(fleet, eventually, "a rollback", rollout("b", 1, in_flight="migrate"))
    fleet.everybody("start_b", "back")
    assert eventually(lambda: fleet.commands("b") == {1: CUSTOMERS})


def test_the_kill_switch_stops_all_commands_until_it_is_released(
    fleet: Fleet, eventually: Eventually
) -> None:
    took(fleet, eventually, "a version", named("c", 1), rollout("c", 1))
    took(fleet, eventually, "the kill switch", switch(True, "a fault"))
    fleet.everybody("start_c", "stopped")
    assert eventually(lambda: fleet.decisions("c")["suppressed", "kill_switch"] == CUSTOMERS)
    assert fleet.commands("c") == {}
    took(fleet, eventually, "its release", switch(False))
    fleet.everybody("start_c", "released")
    assert eventually(lambda: fleet.commands("c") == {1: CUSTOMERS})


def test_what_is_wrong_is_set_aside_and_what_is_live_stays_live(fleet: Fleet, eventually: Eventually) -> None:
    took(fleet, eventually, "a version", named("d", 1), rollout("d", 1))
    fleet.corrupt("d", b"\x00 no record at all")
    fleet.publish(
        release("d", 2, text("d", 2).replace("interaction_id", "nothing_like_it")),
        release(
            "e", 1, text("e", 1, "[{id: a, on: entry, do: [{send_message: {template: not_of_the_brand}}]}]")
        ),
        rollout("e", 1),
    )
    assert eventually(fleet.applied)
    for status in fleet.statuses():
        assert set(status.strategies_refused) == {"d", "e", "e@1"}
        assert "not_of_the_brand" in status.strategies_refused["e@1"]
    for worker_id in ("w1", "w2"):
        assert "strategy_refused" in fleet.log(worker_id)
    fleet.everybody("start_d", "after")
    assert eventually(lambda: fleet.commands("d") == {1: CUSTOMERS})
    took(fleet, eventually, "what puts it right", named("e", 2), rollout("e", 2), rollout("d", 1))
    assert {key for status in fleet.statuses() for key in status.strategies_refused} == {"e@1"}


def test_a_worker_that_comes_back_has_what_was_published(fleet: Fleet, eventually: Eventually) -> None:
    took(fleet, eventually, "a version", named("f", 1), rollout("f", 1))
    fleet.stop("w1")
    fleet.publish(named("f", 2), rollout("f", 2, previous=1))
    fleet.start("w1")
    assert eventually(lambda: fleet.share() == [2, 2])
    assert eventually(fleet.applied)
    fleet.everybody("start_f", "again")
    assert eventually(lambda: fleet.commands("f") == {2: CUSTOMERS})


def test_a_strategy_whose_conditions_fail_is_paused_for_all(fleet: Fleet, eventually: Eventually) -> None:
    steps = f"[{{id: a, on: entry, when: event.facts.none == 1, do: [{TICKET}]}}]"
    took(fleet, eventually, "a version", named("g", 1, steps), rollout("g", 1))
    fleet.everybody("start_g", "failing")
    assert eventually(lambda: fleet.published("g").paused)
    paused = fleet.published("g")
    assert (paused.changed_by, paused.version) == ("throughline", 1)
    assert "event.facts.none == 1" in paused.reason
    assert eventually(fleet.applied)
    assert any("strategy_paused" in fleet.log(worker_id) for worker_id in ("w1", "w2"))
    fleet.everybody("start_g", "after")
    assert eventually(lambda: fleet.decisions("g")["suppressed", "paused"] == CUSTOMERS)


def test_a_thousand_strategies_are_published_and_one_of_them_changes(
    fleet: Fleet, eventually: Eventually
) -> None:
    names = [f"s{number}" for number in range(1_000)]
    releases = [release(name, 1, text(name, 1, on="web.start_many")) for name in names]
    took(fleet, eventually, "1,000 strategies", *releases, *(rollout(name, 1) for name in names))
    took(fleet, eventually, "one of 1,000", named("s7", 2), rollout("s7", 2, previous=1))
    fleet.everybody("start_s7", "one")
    assert eventually(lambda: fleet.commands("s7") == {2: CUSTOMERS})
