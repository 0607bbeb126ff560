"""`throughline customer erase` against a real worker, and the changelogs that it leaves behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from domain_values import DEVICE, NUMBER, event, profile
from test_worker import PARTITIONS, Deployment

from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import IdentityLink
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.reading import Changelogs, read_committed
from pipeline.runtime.topics import TABLES
from pipeline.settings import Settings

pytestmark = pytest.mark.kafka

MAIL = Identifier("email", "maya@example.com", "asserted")
NAMES = (b"C-1", b"d-1", b"maya@example.com", b"+442079460018")
OTHER = Identifier("device", "d-2", "observed")


@pytest.fixture
def deployment(broker: Broker, topic_prefix: str, tmp_path: Path) -> Deployment:
    return Deployment(broker, topic_prefix, tmp_path / "state")


def story(now: int) -> list[Any]:
    """An anonymous visit, a login, an address told, a profile; and somebody else."""
    return [
        event("e1", now - 9_000),
        event("e2", now - 8_000, identifiers=[DEVICE, MAIL], text="hello"),
        event("e3", now - 7_000, identifiers=[DEVICE, NUMBER]),
        profile(updated_at=now - 10_000),
        event("e4", now - 6_000, identifiers=[OTHER]),
    ]


def kept(settings: Settings) -> dict[tuple[str, str], bytes]:
    """The latest value of every key of every table."""
    latest: dict[tuple[str, str], bytes] = {}
    changelogs = Changelogs(settings.kafka(), settings.topic_prefix, PARTITIONS)
    for table, key, value in changelogs.read(TABLES):
        if value is None:
            latest.pop((table, key), None)
        else:
            latest[table, key] = value
    return latest


def mentions(found: dict[tuple[str, str], bytes]) -> set[tuple[str, str]]:
    return {at for at, value in found.items() for name in NAMES if name in at[1].encode() + b" " + value}


def erase(deployment: Deployment, *options: str) -> subprocess.CompletedProcess[str]:
    settings = deployment.settings
    environment = os.environ | {
        "THROUGHLINE_BOOTSTRAP": settings.bootstrap,
        "THROUGHLINE_TOPIC_PREFIX": settings.topic_prefix,
    }
    command = [sys.executable, "-m", "pipeline.cli", "customer", "erase", "C-1", "--by", "test", *options]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )


def fence(now: int) -> tuple[list[Any], set[tuple[str, str]]]:
    """Messages on every partition of the topics of the story, and what is kept once all before them is handled."""
    names = [f"fence-{number}" for number in range(24)]
    sent: list[Any] = [event(name, now, identifiers=[Identifier("device", name)]) for name in names]
    sent += [profile(name, updated_at=now, identifiers=[]) for name in names]
    for name in names:
        claimed = Identifier("email", f"{name}@example.com")
        sent.append(
            IdentityLink(identifier=claimed, customer_id=name, known=True, source="test", linked_at=now)
        )
    tables = {("identities", f"device:{name}") for name in names} | {("sessions", name) for name in names}
    return sent, tables | {("identities", f"email:{name}@example.com") for name in names}


def test_nothing_is_left_in_any_changelog_and_a_replay_brings_nothing_back(
    deployment: Deployment, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    settings, now = deployment.settings, wall_clock()
    past = story(now)
    with deployment.worker():
        deployment.publish(past)
        assert eventually(lambda: {one[0] for one in mentions(kept(settings))} >= {"sessions", "history"})
        assert eventually(lambda: ("sessions", "C-1") in kept(settings))
        done = erase(deployment, "--yes", "--json")
        assert done.returncode == 0, done.stderr
        proof = json.loads(done.stdout)
        assert proof["before"]["sessions"] >= 2
        assert proof["before"]["identities"] >= 2
        assert not any(proof["after"].values())
        assert mentions(kept(settings)) == set()

        claim = IdentityLink(
            identifier=MAIL, customer_id="C-1", known=True, source="test", linked_at=now - 5_000
        )
        last, handled = fence(wall_clock())
        deployment.publish([*past, claim, *last])
        assert eventually(lambda: handled <= kept(settings).keys())
        left = kept(settings)
        assert mentions(left) == set()
        assert {key for table, key in left if table == "suppressed"} == set(proof["marks"])
        assert deployment.committed("dead-letters") == []


def test_without_a_worker_it_says_that_it_is_not_done(deployment: Deployment) -> None:
    done = erase(deployment, "--yes", "--timeout", "1")
    assert done.returncode == 1
    assert "workers carry it out when they run" in done.stderr


def test_it_asks_first_and_off_a_terminal_wants_to_be_told(deployment: Deployment) -> None:
    done = erase(deployment)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--yes" in done.stderr
    requests = {(f"{deployment.settings.topic_prefix}customer.requests", n): 0 for n in range(PARTITIONS)}
    assert list(read_committed(deployment.settings.kafka(), requests)) == []
