"""`throughline intents run` beside a real worker: an e-mail's thread gets its intent, and nothing waits for it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from domain_values import profile
from test_worker import LIMIT_S, PARTITIONS, Deployment

from pipeline.channels.registry import adapt
from pipeline.domain import state as states
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.state import Thread
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.reading import Changelogs

pytestmark = pytest.mark.kafka


@pytest.fixture
def deployment(broker: Broker, topic_prefix: str, tmp_path: Path) -> Deployment:
    return Deployment(broker, topic_prefix, tmp_path / "state")


@contextmanager
def intents(deployment: Deployment, state_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The process that reads intents; ended by SIGTERM unless it has ended, which must then have gone well."""
    settings = deployment.settings
    environment = os.environ | {
        "THROUGHLINE_BOOTSTRAP": settings.bootstrap,
        "THROUGHLINE_TOPIC_PREFIX": settings.topic_prefix,
        "THROUGHLINE_GROUP": f"{settings.topic_prefix}group",
        "THROUGHLINE_WORKER_ID": "w1",
        "THROUGHLINE_STATE_DIR": str(state_dir),
    }
    command = [sys.executable, "-m", "pipeline.cli", "intents", "run"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            process.terminate()
            _, told = process.communicate(timeout=LIMIT_S)
    assert process.returncode in (0, -9), told.decode()


def mail(name: str, text: str) -> Interaction:
    now = wall_clock()
    payload = {
        "event_id": f"mail-{name}",
        "kind": "message",
        "interaction_id": f"conversation-{name}",
        "occurred_at": datetime.fromtimestamp(now / 1_000, UTC).isoformat(),
        "identifiers": [{"type": "email", "value": f"{name}@example.com"}],
        "text": text,
    }
    (event,) = adapt("email", json.dumps(payload).encode(), now)
    assert isinstance(event, Interaction), event
    return event


def threads(deployment: Deployment, customer_id: str) -> list[Thread]:
    """The threads in the customer's record, as last committed."""
    settings = deployment.settings
    latest = b""
    for _, key, value in Changelogs(settings.kafka(), settings.topic_prefix, PARTITIONS).read(("sessions",)):
        if key == customer_id:
            latest = value or b""
    return states.decode(latest).threads if latest else []


def test_a_thread_gets_its_intent_and_events_are_folded_without(
    deployment: Deployment, tmp_path: Path, eventually: Callable[[Callable[[], bool]], bool]
) -> None:
    maya, noah = (provisional_id(f"email:{name}@example.com") for name in ("maya", "noah"))

    def told(customer_id: str) -> list[str | None]:
        return [thread.intent for thread in threads(deployment, customer_id)]

    with deployment.worker():
        with intents(deployment, tmp_path) as process:
            deployment.publish([mail("maya", "Where is my order? It should have been here on Monday.")])
            assert eventually(lambda: told(maya) == ["order_status"])
            process.kill()
        deployment.publish([mail("noah", "I forgot my password, how do I get a new one?")])
        assert eventually(lambda: told(noah) == [None])
        # A merge puts other records on the topic, which tell nothing of intents.
        address = Identifier("email", "noah@example.com", "verified")
        deployment.publish([profile("C-2", updated_at=wall_clock(), identifiers=[address])])
        assert eventually(lambda: told("C-2") == [None])
        with intents(deployment, tmp_path):
            assert eventually(lambda: told("C-2") == ["password_reset"])
    assert deployment.committed("dead-letters") == []
