"""What the embedded broker is told: its ports, its `server.properties` and the flags of its Java machine."""

from __future__ import annotations

import base64
import secrets
import socket
import uuid

HOST = "127.0.0.1"

# Below the range that Linux and macOS take outgoing ports from: a client that reconnects while the broker
# restarts can then never be given the broker's own port.
_PORTS = range(20000, 32000)

JAVA_FLAGS = ("-Xmx512m", "-XX:+UseSerialGC")
# Measured on two cores from format to first metadata: 2.4 s with the first compiler tier alone, 3.3 s with both.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)
# Java cannot open a path with other letters than ASCII when the locale is plain C, as in many containers.
UTF8_PATHS = ("/usr/bin/env", "LC_ALL=C.UTF-8")
LOG_FLAGS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
)


def server_properties(port: int, controller_port: int) -> str:
    """The `server.properties` of one node that is both broker and controller, on loopback only.

    Paths in it are relative to the working directory, because a properties file is read as Latin-1.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": "log",
        "auto.create.topics.enable": "false",
        "log.retention.ms": -1,
        # One node holds the only replica; few partitions make a start and a failover short.
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Both group protocols, with heartbeats short enough for a rebalance within a second or two.
        "group.coordinator.rebalance.protocols": "classic,consumer",
        "group.initial.rebalance.delay.ms": 0,
        "group.consumer.heartbeat.interval.ms": 500,
        "group.consumer.min.heartbeat.interval.ms": 500,
        "group.consumer.session.timeout.ms": 10_000,
        "group.consumer.min.session.timeout.ms": 6_000,
        # A crashed broker is taken back only once its old session has expired (9 s by default).
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 250,
        # A quarter of the small heap would otherwise go to the log cleaner's buffer.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def cluster_id() -> str:
    """A new random cluster id in Kafka's form: 16 bytes in URL-safe base64, not starting with a dash."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java's server sockets do
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(other_than: int = 0) -> int:
    """A random loopback port that is free now and is not `other_than`."""
    while True:
        port = secrets.choice(_PORTS)
        if port != other_than and port_is_free(port):
            return port


def relevant_lines(log: str, limit: int = 5) -> list[str]:
    """The last lines of a server log that tell what went wrong: the errors, else simply the last ones."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [
        line for line in lines if " ERROR " in line or "Exception: " in line or line.startswith("Error")
    ]
    return (telling or lines)[-limit:]
