"""`throughline demo` as people run it: the whole pipeline, what it shows and says, and nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from pipeline.local.broker import Broker

pytestmark = pytest.mark.kafka

AllEnd = Callable[[list[psutil.Process]], bool]
Eventually = Callable[[Callable[[], bool]], bool]

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "pipeline.cli"]


class Demo:
    """A demo that runs, with its files in a directory of its own, and every process that it has started."""

    def __init__(self, scratch: Path, *options: str, **environment: str) -> None:
        self.scratch = scratch / "tmp"
        self.scratch.mkdir(exist_ok=True)
        self._said = scratch / "said"
        with self._said.open("wb") as said:
            self.process = subprocess.Popen(
                [*COMMAND, "demo", *options],
                cwd=ROOT,
                env={**os.environ, "TMPDIR": str(self.scratch), **environment},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.family: set[psutil.Process] = set()

    @property
    def said(self) -> str:
        """Standard error so far."""
        return self._said.read_text(encoding="utf-8")

    def reaches(self, words: str) -> bool:
        """Wait, a minute at most, until it has said this; notes its processes meanwhile."""
        deadline = time.monotonic() + 60
        while words not in self.said and self.process.poll() is None and time.monotonic() < deadline:
            self._note_family()
            time.sleep(0.02)
        self._note_family()
        return words in self.said

    def _note_family(self) -> None:
        try:
            self.family.update(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return

    def figures(self) -> dict[str, Any]:
        """Wait for the end: it must be a good one, with one JSON object on standard output."""
        assert self.reaches("Warming up"), self.said
        printed, _ = self.process.communicate(timeout=120)
        assert self.process.returncode == 0, self.said
        figures: dict[str, Any] = json.loads(printed)
        return figures


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Start a demo; it ends with the test."""
    started: list[Demo] = []

    def start(*options: str, **environment: str) -> Demo:
        started.append(Demo(tmp_path, *options, **environment))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


def kinds(scenario: dict[str, Any], early: bool) -> list[str]:
    """What came before the form was submitted, or after."""
    return sorted(
        command["kind"] for command in scenario["commands"] if (command["before_submit_s"] > 0) == early
    )


def assert_as_the_files_demand(figures: dict[str, Any]) -> None:
    valuable, other = figures["scenarios"]
    assert valuable["passed"]
    assert other["passed"]
    assert kinds(valuable, early=True) == ["refund", "reply_public", "send_message"]
    assert kinds(valuable, early=False) == ["send_message", "update_record"]
    assert kinds(other, early=True) == ["reply_public"]
    assert any("customer.value >= 500.0 does not hold" in why for why in other["not_done"])
    commands = [*valuable["commands"], *other["commands"]]
    assert len({command["action_id"] for command in commands}) == len(commands)
    assert figures["latency_ms"]["count"] == len(commands)
    assert figures["dead_letters"] == 0


def test_the_demo_shows_the_refund_before_the_form_is_submitted(
    demo: Callable[..., Demo], all_end: AllEnd
) -> None:
    running = demo("--fast", "--json")
    assert_as_the_files_demand(running.figures())
    assert "before the form was submitted." in running.said
    assert "▸" in running.said
    assert running.family
    assert all_end(list(running.family))
    assert list(running.scratch.iterdir()) == []


@pytest.mark.parametrize("words", ["Starting a Kafka broker", "Starting a worker", "opens the return form"])
def test_ctrl_c_ends_everything(words: str, demo: Callable[..., Demo], all_end: AllEnd) -> None:
    running = demo("--fast", "--json")
    assert running.reaches(words), running.said
    running.process.send_signal(signal.SIGINT)
    printed, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 130
    assert printed == ""
    assert running.said.splitlines()[-1] == "The demo was stopped; nothing of it runs any more."
    assert "Traceback" not in running.said
    assert all_end(list(running.family))
    assert list(running.scratch.iterdir()) == []


def test_nothing_outlives_a_demo_that_is_killed(
    demo: Callable[..., Demo], all_end: AllEnd, eventually: Eventually
) -> None:
    running = demo("--fast", "--json")
    assert running.reaches("opens the return form"), running.said
    assert len(running.family) >= 4, "broker and worker, each with the shell that watches it"
    running.process.kill()
    assert all_end(list(running.family))
    assert eventually(lambda: list(running.scratch.iterdir()) == [])


def test_a_worker_that_ends_is_told_with_what_its_log_says(
    demo: Callable[..., Demo], all_end: AllEnd
) -> None:
    running = demo("--fast", "--json")
    assert running.reaches("Warming up"), running.said
    alive = psutil.Process(running.process.pid).children(recursive=True)
    # The shell that watches it has the same words at its end.
    [worker] = [one for one in alive if one.cmdline()[-1:] == ["worker"] and one.name() != "sh"]
    worker.kill()
    printed, _ = running.process.communicate(timeout=60)
    assert running.process.returncode == 1
    assert printed == ""
    assert "The worker ended by itself" in running.said
    assert all_end(list(running.family))
    assert list(running.scratch.iterdir()) == []


def test_beside_a_worker_that_runs_already_it_can_be_played_again_and_again(
    demo: Callable[..., Demo], broker: Broker, topic_prefix: str, tmp_path: Path
) -> None:
    settings = {
        "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
        "THROUGHLINE_TOPIC_PREFIX": topic_prefix,
        "THROUGHLINE_GROUP": topic_prefix.strip("."),
        "THROUGHLINE_STATE_DIR": str(tmp_path / "state"),
    }
    environment = {**os.environ, **settings}
    subprocess.run([*COMMAND, "topics", "apply"], cwd=ROOT, env=environment, check=True, capture_output=True)
    worker = subprocess.Popen([*COMMAND, "worker"], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        there = ("--bootstrap", broker.bootstrap, "--no-worker", "--json")
        for _ in range(2):
            assert_as_the_files_demand(demo(*there, "--fast", **settings).figures())
        counted = demo(*there, "--customers", "60", **settings).figures()
        assert worker.poll() is None, "the demo leaves the worker alone"
    finally:
        worker.terminate()
        worker.wait()
    assert counted["problems"] == []
    assert counted["customers"] == 60
    assert counted["commands"].keys() == {"refund", "reply_public", "send_message", "update_record"}
    assert counted["latency_ms"]["count"] == sum(counted["commands"].values())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--no-worker"], "--no-worker: name the broker"),
        (["--rate", "10"], "--rate: goes with --customers"),
        (["--fast", "--customers", "10"], "--fast: goes without --customers"),
        (["--bootstrap", "nonsense"], "THROUGHLINE_BOOTSTRAP: 'nonsense' is not host:port"),
    ],
)
def test_wrong_use_is_told_in_one_line(options: list[str], told: str) -> None:
    done = subprocess.run([*COMMAND, "demo", *options], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1
