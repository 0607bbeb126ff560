"""Fixtures for every kind of test."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

import psutil
import pytest

from pipeline.local.broker import Broker


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One Kafka broker for the whole run, started when the first test asks for it."""
    with Broker() as running:
        yield running


@pytest.fixture
def topic_prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}."


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """A function that waits until a condition holds, half a minute at most, and tells whether it does."""

    def wait(condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + 30
        while not (held := condition()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return held

    return wait


@pytest.fixture
def all_end(eventually: Callable[[Callable[[], bool]], bool]) -> Callable[[list[psutil.Process]], bool]:
    """A function that waits until none of some processes runs any more, and tells whether that came."""

    def runs(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return lambda processes: eventually(lambda: not any(map(runs, processes)))
