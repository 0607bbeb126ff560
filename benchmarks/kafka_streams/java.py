"""The Kafka Streams worker made ready: its jars fetched, its source compiled by the machine's JDK."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from pipeline.domain.failures import Failure
from pipeline.local.kafka_fetch import ensure
from pipeline.local.kafka_files import Jar, cache_directory, kafka_version
from pipeline.wire.files import load_released
from pipeline.wire.ids import local_id

SOURCES = Path(__file__).parent
LOCK = SOURCES / "jars.lock"
_COMPILE_S = 120


def jars() -> list[Jar]:
    """The jars of `jars.lock`."""
    return [Jar.from_line(line) for line in LOCK.read_text(encoding="ascii").splitlines()]


def build(directory: Path) -> list[str] | Failure:
    """The worker's command, without its arguments: BOOTSTRAP INPUT_TOPIC PREFIX DIRECTORY.

    Compiles into `directory`, which must stay until the worker has ended. Failures: `no_jdk`, `not_compiled`,
    and those of `kafka_fetch.ensure`.
    """
    javac = shutil.which("javac")
    if javac is None:
        return Failure("no_jdk", "no JDK (javac) on this machine")
    cache = cache_directory(kafka_version(jars()))
    failure = ensure(cache, jars())
    if failure is not None:
        return failure
    class_path = os.pathsep.join(str(cache / jar.filename) for jar in jars())
    compiled = _compile(javac, class_path, directory / "classes")
    if compiled is not None:
        return compiled
    _write_schemas(directory)
    # Of the same JDK: what it compiles, another Java on the path may be too old to run.
    java = Path(javac).resolve().with_name("java")
    return [
        str(java),
        # The collector for throughput: on few cores the default one works beside the stream thread.
        "-XX:+UseParallelGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        f"-Dfold.schemas={directory}",
        "-cp",
        os.pathsep.join((str(directory / "classes"), class_path)),
        "Fold",
    ]


def versions() -> str:
    """The versions that the worker runs with. There must be a JDK."""
    told = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    named = {jar.artifact: jar.version for jar in jars()}
    return (
        f"{named['kafka-streams']}, rocksdbjni {named['rocksdbjni']}, Avro {named['avro']}, "
        f"Jackson {named['jackson-databind']}, {told.stdout.strip().replace('javac', 'JDK')}"
    )


def _compile(javac: str, class_path: str, output: Path) -> Failure | None:
    sources = map(str, sorted(SOURCES.glob("*.java")))
    command = [javac, "-d", str(output), "-cp", class_path, *sources]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Failure("not_compiled", f"{javac} could not be run: {error}")
    if done.returncode:
        return Failure("not_compiled", f"{javac} did not compile the worker: {done.stderr.strip()[-500:]}")
    return None


def _write_schemas(directory: Path) -> None:
    released = load_released()
    for record in ("Interaction", "ActionCommand"):
        schema = released[record][-1].schema
        (directory / f"{record}.avsc").write_text(json.dumps(schema), encoding="utf-8")
        (directory / f"{record}.id").write_text(str(local_id(schema)), encoding="ascii")
