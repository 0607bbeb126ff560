"""Drafts on what is on a broker: the same by way of a file and directly, and nothing is written there."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from domain_values import BRAND, MINUTE, event, profile
from strategy_records import release, rollout, switch
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.local.broker import Broker
from pipeline.local.scenarios.payloads import rfc3339
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.runtime.topics import all_topics, apply
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.container import Container, open_container

pytestmark = pytest.mark.kafka

VISITORS = 40
DRAFT = """
strategy: greet
version: 3
title: Greet
lane: service_reply
entry: {on: [web.form_started], when: customer.known}
key: event.interaction_id
steps:
  - {id: a, on: entry, do: [{escalate: {to: desk, reason: draft}}]}
"""


def visit(number: int, at: int) -> list[Interaction]:
    """A page of every visitor; every fourth opens a form."""
    of = {"interaction_id": f"v-{at}-{number}", "identifiers": [device(number)]}
    found = [event(f"{at}-{number}-page", at, **of)]
    if number % 4 == 0:
        found.append(event(f"{at}-{number}-form", at + 1, "form_started", **of))
    return found


def device(number: int) -> Identifier:
    return Identifier("device", f"d-{number}")


class Site:
    """Topics with two batches of visits, some customers, and a strategy that is published.

    The first batch came before the time `between`, the second after it.
    """

    def __init__(self, broker: Broker, prefix: str, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": prefix,
            "THROUGHLINE_PARTITIONS": "2",
            "THROUGHLINE_BRAND": str(directory / "brand.yaml"),
            "THROUGHLINE_STRATEGIES": str(directory / "base"),
            "COLUMNS": "200",
        }
        self.settings = Settings(bootstrap=broker.bootstrap, topic_prefix=prefix, partitions=2)
        (directory / "brand.yaml").write_text(BRAND)
        (directory / "draft.yaml").write_text(DRAFT)
        (directory / "base").mkdir()
        base = DRAFT.replace("greet", "other").replace("web.form_started", "sms.message")
        (directory / "base" / "other.yaml").write_text(base)
        apply(AdminClient(self.settings.kafka()), all_topics(prefix, 2, 1))
        start = wall_clock()
        self.publish(*(one for number in range(VISITORS) for one in visit(number, start)))
        time.sleep(0.05)
        self.between = wall_clock()
        self.publish(*(one for number in range(VISITORS) for one in visit(number, start + MINUTE)))
        self.publish(
            *(profile(f"C-{number}", identifiers=[device(number)]) for number in range(0, VISITORS, 8))
        )
        definition = DRAFT.replace("version: 3", "version: 1").replace(", when: customer.known", "")
        self.publish(release("greet", 1, definition), rollout("greet", 1), switch(stopped=True))
        self.abort(event("aborted", start, "form_started", identifiers=[device(0)]))

    def publish(self, *values: Any) -> None:
        with Publisher(self.settings, Codec(), "test") as publisher:
            for value in values:
                publisher.send(value)

    def abort(self, value: Interaction) -> None:
        producer = Producer({**self.settings.kafka(), "transactional.id": self.settings.topic_prefix})
        producer.init_transactions(30)
        producer.begin_transaction()
        topic = f"{self.settings.topic_prefix}interactions.web"
        producer.produce(topic, Codec().encode(topic, value), value.key)
        producer.flush()
        producer.abort_transaction(30)

    def run(self, command: str) -> Result:
        """What the command prints; it must succeed."""
        result = CliRunner().invoke(cli, ["strategies", *command.split()], env=self.environment)
        assert result.exit_code == 0, result.output
        return result

    def ends(self) -> dict[tuple[str, int], int]:
        """The end of every partition there is."""
        consumer = Consumer({**self.settings.kafka(), "group.id": "unused"})
        try:
            topics = consumer.list_topics(timeout=10).topics
            return {
                (name, n): consumer.get_watermark_offsets(TopicPartition(name, n), timeout=10)[1]
                for name, topic in topics.items()
                if name.startswith(self.settings.topic_prefix)
                for n in topic.partitions
            }
        finally:
            consumer.close()


@pytest.fixture
def site(
    broker: Broker, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    yield Site(broker, topic_prefix, tmp_path)


def recorded(file: str) -> list[str]:
    container = open_container(Path(file), Interaction)
    assert isinstance(container, Container)
    return sorted(one.event_id for one in container.values())


def test_by_way_of_a_file_and_directly_is_the_same_and_nothing_is_written(site: Site) -> None:
    before = site.ends()
    told = site.run("record all.avro --customers customers.avro --json")
    assert json.loads(told.stdout) == {"events": 2 * 50, "customers": 5, "unreadable": 0}
    assert "aborted" not in recorded("all.avro")
    simulate = "simulate draft.yaml --json"
    directly = json.loads(site.run(f"{simulate} --topic").stdout)
    by_file = json.loads(
        site.run(
            f"{simulate} --events all.avro --customers customers.avro --bootstrap {site.settings.bootstrap}"
        ).stdout
    )
    assert directly == by_file
    # What is published is active, whatever the switch says; the draft is for those who are known.
    sides = directly["strategies"]["greet"]
    assert sides["active"]["commands"] == {"escalate": 20}
    assert sides["draft"]["commands"] == {"escalate": 10}
    assert directly["customers"] == {"less": 5}
    assert site.ends() == before


def test_a_time_range_is_that_of_the_arrival(site: Site) -> None:
    at = rfc3339(site.between)
    site.run(f"record first.avro --to {at}")
    site.run(f"record second.avro --from {at}")
    site.run("record all.avro --from 1h")
    first, second = recorded("first.avro"), recorded("second.avro")
    assert len(first) == len(second) == 50
    assert sorted(first + second) == recorded("all.avro")
    found = json.loads(site.run(f"simulate draft.yaml --topic --from {at} --json").stdout)
    assert found["events"] == 50
