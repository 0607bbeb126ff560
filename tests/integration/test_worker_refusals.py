"""A worker that cannot work says so in one line, and what to do."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)
from rocksdict import Options, Rdict

from pipeline import app as wiring
from pipeline.domain.strategies.compiled import Rules
from pipeline.local import broker as local_broker
from pipeline.local.broker import Broker
from pipeline.local.broker_config import server_properties
from pipeline.pack import load_rules
from pipeline.runtime import producer
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.producer import TransactionalProducer
from pipeline.runtime.topics import all_topics, apply
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka

# No one broker can have three replicas of the transactions' log, and who is denied is told before.
REFUSING = """\
transaction.state.log.replication.factor=3
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
"""


@pytest.fixture(scope="module")
def refusing() -> Iterator[Broker]:
    """A broker that has no coordinator for transactions, and that can be told to deny them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_broker, "server_properties", lambda *ports: server_properties(*ports) + REFUSING)
        with Broker() as running:
            yield running


def start(
    broker: Broker, prefix: str, tmp_path: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    given = {
        "BOOTSTRAP": broker.bootstrap,
        "TOPIC_PREFIX": prefix,
        "GROUP": f"{prefix}group",
        "WORKER_ID": "w1",
        "STATE_DIR": str(tmp_path),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "worker"],
        env={**os.environ, **{f"THROUGHLINE_{name}": value for name, value in given.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def create(broker: Broker, prefix: str, partitions: int) -> AdminClient:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    apply(admin, all_topics(prefix, partitions, 1))
    return admin


def enlarge(admin: AdminClient, topic: str, partitions: int) -> None:
    admin.create_partitions([NewPartitions(topic, partitions)])[topic].result(30)


def test_without_topics(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    ended = start(broker, topic_prefix, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"topic {topic_prefix}interactions.web is not there" in ended.stderr
    assert "throughline topics apply" in ended.stderr


@pytest.mark.parametrize("topic", ["interactions.web", "changelog.sessions"])
def test_with_another_number_of_partitions(
    broker: Broker, topic_prefix: str, tmp_path: Path, topic: str
) -> None:
    enlarge(create(broker, topic_prefix, 2), topic_prefix + topic, 3)
    ended = start(broker, topic_prefix, tmp_path, PARTITIONS="2")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{topic} has 3 partitions, expected 2: set THROUGHLINE_PARTITIONS" in ended.stderr


def test_when_a_topic_is_enlarged_under_a_worker(
    broker: Broker, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "_TOPICS_S", 0.2)
    settings = Settings(
        bootstrap=broker.bootstrap,
        topic_prefix=topic_prefix,
        group=f"{topic_prefix}group",
        partitions=1,
        state_dir=tmp_path,
    )
    admin = create(broker, topic_prefix, 1)

    rules = load_rules()
    assert isinstance(rules, Rules)

    async def life() -> BaseException | None:
        app, _ = wiring.wire(settings, rules)
        await app.start()
        try:
            await asyncio.wait_for(app.tables.ready.wait(), 30)
            await asyncio.sleep(1.0)
            assert app.failed is None
            await asyncio.to_thread(enlarge, admin, f"{topic_prefix}action.receipts", 2)
            async with asyncio.timeout(30):
                while app.failed is None:
                    await asyncio.sleep(0.05)
        finally:
            await app.stop()
        return app.failed

    failed = asyncio.run(life())
    assert isinstance(failed, Unavailable)
    assert str(failed).startswith(f"topic {topic_prefix}action.receipts has 2 partitions, expected 1: set")


def test_with_state_of_another_version(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    create(broker, topic_prefix, 4)
    directory = tmp_path / f"{topic_prefix}group" / "w1" / "sessions" / "1"
    directory.parent.mkdir(parents=True)
    of_another_version = Rdict(str(directory), options=Options(raw_mode=True))
    of_another_version[b"\x00format"] = b"0"
    of_another_version.close()
    ended = start(broker, topic_prefix, tmp_path, LOG_LEVEL="warning")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"{directory} was written by another version (format 0" in ended.stderr
    assert "remove it and the table is rebuilt from its changelog" in ended.stderr


def test_with_transactions_denied(refusing: Broker, topic_prefix: str, tmp_path: Path) -> None:
    deny = AclBinding(
        ResourceType.TRANSACTIONAL_ID,
        f"{topic_prefix}group/w1",
        ResourcePatternType.LITERAL,
        "User:ANONYMOUS",
        "*",
        AclOperation.ALL,
        AclPermissionType.DENY,
    )
    admin = create(refusing, topic_prefix, 4)
    admin.create_acls([deny])[deny].result(30)
    ended = start(refusing, topic_prefix, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "the brokers refuse this worker's transactions; allow its user" in ended.stderr


def test_with_nobody_to_coordinate_transactions(
    refusing: Broker, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "_CALL_S", 0.2)
    monkeypatch.setattr(producer, "_COORDINATOR_S", 1.0)
    transactions = TransactionalProducer({"bootstrap.servers": refusing.bootstrap}, topic_prefix)
    with pytest.raises(Unavailable) as raised:
        transactions.start()
    assert str(raised.value).startswith(
        "the brokers answer (1 of them), but none has coordinated transactions"
    )
    assert "set transaction.state.log.replication.factor" in str(raised.value)
