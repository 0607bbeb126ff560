"""What the embedded broker is told, and what is read back from its log."""

from __future__ import annotations

import base64
import socket

from pipeline.local.broker_config import (
    cluster_id,
    free_port,
    port_is_free,
    relevant_lines,
    server_properties,
)


def properties(port: int = 20001, controller_port: int = 20002) -> dict[str, str]:
    lines = server_properties(port, controller_port).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_listens_on_loopback_only() -> None:
    told = properties(20001, 20002)
    assert told["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert told["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"
    assert told["controller.quorum.voters"] == "1@127.0.0.1:20002"


def test_every_path_is_relative_to_the_data_directory() -> None:
    assert properties()["log.dirs"] == "log"


def test_one_node_can_hold_every_internal_topic() -> None:
    told = properties()
    factors = {
        name: value for name, value in told.items() if name.endswith((".replication.factor", ".min.isr"))
    }
    assert {
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "transaction.state.log.min.isr",
    } <= factors.keys()
    assert set(factors.values()) == {"1"}


def test_old_timestamps_are_kept_and_topics_are_never_made_by_accident() -> None:
    told = properties()
    assert told["log.retention.ms"] == "-1"
    assert told["auto.create.topics.enable"] == "false"


def test_group_limits_are_consistent() -> None:
    told = {name: int(value) for name, value in properties().items() if name.startswith("group.consumer.")}
    heartbeat, session = (
        told["group.consumer.heartbeat.interval.ms"],
        told["group.consumer.session.timeout.ms"],
    )
    assert told["group.consumer.min.heartbeat.interval.ms"] <= heartbeat
    assert heartbeat < told["group.consumer.min.session.timeout.ms"] <= session


def test_cluster_ids_are_sixteen_bytes_and_no_option() -> None:
    ids = {cluster_id() for _ in range(500)}
    assert len(ids) == 500
    assert not [text for text in ids if text.startswith("-")]
    assert {len(base64.urlsafe_b64decode(text + "==")) for text in ids} == {16}


def test_a_port_in_use_is_not_free() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert not port_is_free(server.getsockname()[1])


def test_a_free_port_is_free_and_not_the_excluded_one() -> None:
    first = free_port()
    assert port_is_free(first)
    assert free_port(other_than=first) != first


def test_relevant_lines_are_the_last_errors() -> None:
    log = "\n".join(
        [
            "12:00 [main] INFO Starting",
            "12:01 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception",
            "java.net.BindException: Address already in use",
            "\tat java.base/sun.nio.ch.Net.bind0(Native Method)",
            "12:02 [main] INFO shutting down",
        ]
    )
    assert relevant_lines(log) == [
        "12:01 [main] ERROR kafka.Kafka$ - Exiting Kafka due to fatal exception",
        "java.net.BindException: Address already in use",
    ]
    assert relevant_lines(log, limit=1) == ["java.net.BindException: Address already in use"]


def test_a_log_without_errors_gives_its_last_lines() -> None:
    assert relevant_lines("one\n\ntwo\nthree\n", limit=2) == ["two", "three"]
    assert relevant_lines("") == []
