"""A worker that cannot work says so in one line, and what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from pipeline.local.broker import Broker
from pipeline.runtime.topics import all_topics, apply


def start(
    broker: Broker, prefix: str, tmp_path: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    given = {"BOOTSTRAP": broker.bootstrap, "TOPIC_PREFIX": prefix, "STATE_DIR": str(tmp_path), **environment}
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "worker"],
        env={**os.environ, **{f"THROUGHLINE_{name}": value for name, value in given.items()}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.kafka
def test_without_topics(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    ended = start(broker, topic_prefix, tmp_path)
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert f"topic {topic_prefix}interactions.web is not there" in ended.stderr
    assert "throughline topics apply" in ended.stderr


@pytest.mark.kafka
def test_with_another_number_of_partitions(broker: Broker, topic_prefix: str, tmp_path: Path) -> None:
    apply(AdminClient({"bootstrap.servers": broker.bootstrap}), all_topics(topic_prefix, 2, 1))
    ended = start(broker, topic_prefix, tmp_path, PARTITIONS="3")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "has 2 partitions, expected 3: set THROUGHLINE_PARTITIONS" in ended.stderr
