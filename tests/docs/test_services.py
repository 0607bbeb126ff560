"""The commands of the README and of the compose file run, in their order, against a real broker."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pipeline.local.broker import Broker
from pipeline.local.broker_config import free_port

pytestmark = pytest.mark.kafka

ROOT = Path(__file__).parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
THROUGHLINE = [sys.executable, "-m", "pipeline.cli"]
PUBLISHED = (
    "customers import tests/scenarios/payloads/customers.csv",
    "produce web tests/data/channels/web_return_form.json",
    "produce voice tests/data/channels/call_from_a_known_number.json",
)
SHOWN = ("customer show C-1001", "customer show C-1001 --redact --json")


@pytest.fixture
def environment(broker: Broker, topic_prefix: str, tmp_path: Path) -> dict[str, str]:
    """The worker's environment in the compose file, with the addresses of this test."""
    here = {
        "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
        "THROUGHLINE_METRICS_HOST": "127.0.0.1",
        "THROUGHLINE_METRICS_PORT": str(free_port()),
        "THROUGHLINE_TOPIC_PREFIX": topic_prefix,
        "THROUGHLINE_GROUP": topic_prefix,
        "THROUGHLINE_STATE_DIR": str(tmp_path / "state"),
    }
    return {**os.environ, **SERVICES["worker"]["environment"], **here}


def run(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command prints; fails with what it complains about."""
    done = subprocess.run(
        [*THROUGHLINE, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(
    arguments: list[str], environment: dict[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the background; whatever happens, it does not outlive the test."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*THROUGHLINE, *arguments], cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def metrics(environment: dict[str, str]) -> dict[tuple[str, str], float]:
    """A worker's metrics by name and topic; empty while it does not answer."""
    address = f"http://127.0.0.1:{environment['THROUGHLINE_METRICS_PORT']}/metrics"
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, ConnectionError):
        return {}
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, sample.labels.get("topic", "")): sample.value for sample in samples}


def test_the_pipeline_runs_as_the_documents_say(
    environment: dict[str, str], topic_prefix: str, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    readme = (ROOT / "README.md").read_text("utf-8").splitlines()
    log = tmp_path / "worker.log"
    run(SERVICES["topics"]["command"], environment)
    with running(SERVICES["worker"]["command"], environment, log) as worker:
        assert eventually(lambda: metrics(environment).get(("throughline_partitions", "")) == 4), (
            log.read_text()
        )
        for command in PUBLISHED:
            assert f".venv/bin/throughline {command}" in readme
            assert ", 0 refused" in run(shlex.split(command), environment)
        folded = ("throughline_records_folded_total", f"{topic_prefix}interactions.identified")
        assert eventually(lambda: metrics(environment).get(folded, 0) > 0), log.read_text()
        for command in SHOWN:
            assert f".venv/bin/throughline {command}" in readme
            assert "C-1001" in run(shlex.split(command), environment)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(60) == 0, log.read_text()
    assert "\x1b" not in log.read_text(), "terminal escapes in a log that no terminal shows"
