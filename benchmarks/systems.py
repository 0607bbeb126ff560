"""The systems that are measured, and how a worker of each is started here."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import confluent_kafka

from benchmarks import states
from benchmarks.kafka_streams import java
from pipeline.domain.failures import Failure

ROOT = Path(__file__).resolve().parents[1]
# The peers in Python have an environment of their own: they pin other versions of our dependencies.
PEERS = ROOT / ".venv-bench" / "bin" / "python"

_IMPORT_S = 60


class Ready(NamedTuple):
    """A worker that can be started: its command, to which a run adds its arguments, and its versions."""

    command: list[str]
    versions: str


class System(NamedTuple):
    """What is measured.

    Attributes:
        name: as people write it.
        guarantee: of its processing, in words.
        share: a run has one `share`-th of the events that ours has, so that runs of all take about as long.
        aim: how many times as fast as it ours should be; None for no aim.
        states: where its final states are.
        ready: prepares its worker, given an empty directory that stays; or says why there is none.
        ends: its worker ends at the end of the input by itself; the others commit to a consumer group.
    """

    name: str
    guarantee: str
    share: int
    aim: int | None
    states: states.States
    ready: Callable[[Path], Ready | Failure]
    ends: bool = False

    @property
    def slug(self) -> str:
        """The name as it is written in options and topics."""
        return self.name.lower().replace(" ", "-")


def _ours(_directory: Path) -> Ready:
    versions = f"librdkafka {confluent_kafka.libversion()[0]}, rocksdict {version('rocksdict')}"
    return Ready([sys.executable, "-m", "benchmarks.fold_ours"], versions)


def _faust(_directory: Path) -> Ready:
    versions = (
        f"{version('faust-streaming')}, aiokafka {version('aiokafka')}, rocksdict {version('rocksdict')}"
    )
    return Ready([sys.executable, "-m", "benchmarks.fold_faust"], versions)


def _kafka_streams(directory: Path) -> Ready | Failure:
    command = java.build(directory)
    return command if isinstance(command, Failure) else Ready(command, java.versions())


def _quix(_directory: Path) -> Ready | Failure:
    return _peer("quixstreams", "benchmarks.fold_quix", "rocksdict")


def _bytewax(_directory: Path) -> Ready | Failure:
    return _peer("bytewax", "benchmarks.fold_bytewax")


def _peer(package: str, module: str, *beside: str) -> Ready | Failure:
    """A worker in the peers' environment. Failure `not_installed`: there is no environment, or not that package."""
    lines = [
        f"import confluent_kafka, {package}",
        "from importlib.metadata import version",
        f"print(version({package!r}), 'librdkafka ' + confluent_kafka.libversion()[0], "
        f"*(name + ' ' + version(name) for name in {beside!r}), sep=', ')",
    ]
    try:
        told = subprocess.run(
            [str(PEERS), "-W", "ignore", "-c", "\n".join(lines)],
            capture_output=True,
            text=True,
            timeout=_IMPORT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return Failure("not_installed", f"{package} is not in .venv-bench, which `make bench` sets up")
    return Ready([str(PEERS), "-W", "ignore", "-m", module], told.stdout.strip())


OURS = System("Throughline", "exactly once", 1, None, states.of_throughline, _ours)
KAFKA_STREAMS = System("Kafka Streams", "exactly once", 1, 2, states.of_kafka_streams, _kafka_streams)
QUIX = System("Quix Streams", "exactly once", 1, 4, states.of_quix, _quix)
BYTEWAX = System("Bytewax", "at least once", 1, None, states.of_bytewax, _bytewax, ends=True)
FAUST = System("Faust", "at least once", 15, 40, states.of_faust, _faust)
SYSTEMS = (OURS, KAFKA_STREAMS, QUIX, BYTEWAX, FAUST)
