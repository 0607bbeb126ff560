"""The list of topics, and what `apply` makes of a cluster."""

from __future__ import annotations

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.domain.interactions import CHANNELS
from pipeline.runtime.topics import DAY_MS, Change, TopicSpec, all_topics, apply
from pipeline.wire.codec import MAX_HOLDING_BYTES

SPECS = all_topics("test.", 4, 1)
BY_NAME = {spec.name.removeprefix("test."): spec for spec in SPECS}


class Cluster:
    """As much of a Kafka cluster as an admin client sees of it; answers as the client does."""

    def __init__(self) -> None:
        self.topics: dict[str, Any] = {}
        self.refuse: dict[str, int] = {}
        self.hidden: set[str] = set()

    def list_topics(self, timeout: float) -> Any:
        seen = {name: one for name, one in self.topics.items() if name not in self.hidden}
        self.hidden = set()
        return SimpleNamespace(
            topics={name: SimpleNamespace(partitions=range(one[0])) for name, one in seen.items()}
        )

    def create_topics(self, wanted: list[Any], operation_timeout: float) -> dict[str, Future[None]]:
        futures: dict[str, Future[None]] = {}
        for topic in wanted:
            code = (
                KafkaError.TOPIC_ALREADY_EXISTS
                if topic.topic in self.topics
                else self.refuse.get(topic.topic)
            )
            futures[topic.topic] = future = Future()
            if code is not None:
                future.set_exception(KafkaException(KafkaError(code, "refused")))
                continue
            self.topics[topic.topic] = (topic.num_partitions, dict(topic.config))
            future.set_result(None)
        return futures

    def describe_configs(self, resources: list[Any], request_timeout: float) -> dict[Any, Future[Any]]:
        futures: dict[Any, Future[Any]] = {}
        for resource in resources:
            futures[resource] = future = Future()
            config = self.topics[resource.name][1]
            future.set_result({name: SimpleNamespace(value=value) for name, value in config.items()})
        return futures


def outcomes(cluster: Any) -> set[str]:
    return {change.outcome for change in apply(cluster, SPECS)}


def test_every_topic_of_the_design_is_there_once() -> None:
    names = [
        *(f"interactions.{channel}" for channel in CHANNELS),
        "identity.links",
        "identity.changes",
        "customers",
        "interactions.identified",
        "customer.requests",
        "intents",
        "sessions.closed",
        "actions",
        "action.receipts",
        "decisions",
        "strategies",
        "circumstances",
        "workers",
        "adviser.states",
        "routing.requests",
        "dead-letters",
        "changelog.identities",
        "changelog.sessions",
        "changelog.history",
        "changelog.deadlines",
        "changelog.identifiers",
        "changelog.suppressed",
    ]
    assert [spec.name for spec in SPECS] == [f"test.{name}" for name in names]
    assert all(spec.key for spec in SPECS)


def test_what_is_joined_has_the_same_partitions_and_what_all_read_has_one() -> None:
    single = {name for name, spec in BY_NAME.items() if spec.partitions == 1}
    assert single == {"strategies", "circumstances", "workers"}
    assert {spec.partitions for name, spec in BY_NAME.items() if name not in single} == {4}


def test_what_is_a_table_is_compacted_and_kept_for_ever() -> None:
    compacted = {name for name, spec in BY_NAME.items() if spec.cleanup == "compact"}
    assert compacted == {
        "customers",
        "strategies",
        "circumstances",
        "workers",
        "changelog.identities",
        "changelog.sessions",
        "changelog.history",
        "changelog.identifiers",
        "changelog.suppressed",
        "changelog.deadlines",
    }
    for name, spec in BY_NAME.items():
        assert (spec.config["retention.ms"] == "-1") == (name in compacted)


def test_retention_goes_by_the_brokers_clock() -> None:
    assert {spec.config["message.timestamp.type"] for spec in SPECS} == {"LogAppendTime"}
    assert BY_NAME["interactions.web"].config["retention.ms"] == str(7 * DAY_MS)


def test_what_holds_the_largest_record_fits() -> None:
    room = {name for name, spec in BY_NAME.items() if "max.message.bytes" in spec.config}
    changelogs = {name for name in BY_NAME if name.startswith("changelog.")}
    assert room == {"dead-letters", "interactions.identified"} | changelogs
    for name in room:
        assert int(BY_NAME[name].config["max.message.bytes"]) == MAX_HOLDING_BYTES


def test_applying_creates_everything_once() -> None:
    cluster: Any = Cluster()
    assert apply(cluster, SPECS) == [Change(spec.name, "created") for spec in SPECS]
    partitions, config = cluster.topics["test.customers"]
    assert (partitions, config["cleanup.policy"], config["retention.ms"]) == (4, "compact", "-1")
    assert apply(cluster, SPECS) == [Change(spec.name, "unchanged") for spec in SPECS]


def test_only_what_is_missing_is_created() -> None:
    cluster: Any = Cluster()
    apply(cluster, SPECS)
    del cluster.topics["test.actions"]
    assert [change.topic for change in apply(cluster, SPECS) if change.outcome == "created"] == [
        "test.actions"
    ]


@pytest.mark.parametrize(
    ("topic", "partitions", "policy", "says"),
    [
        ("test.actions", 8, "delete", "has 8 partitions, expected 4: set THROUGHLINE_PARTITIONS"),
        (
            "test.customers",
            4,
            "delete",
            "has cleanup.policy=delete, expected compact: set it with",
        ),
        ("test.customers", 4, "compact,delete", "has cleanup.policy=compact,delete, expected compact"),
    ],
)
def test_another_shape_is_a_problem_and_left_alone(
    topic: str, partitions: int, policy: str, says: str
) -> None:
    cluster: Any = Cluster()
    apply(cluster, SPECS)
    as_found = (partitions, {"cleanup.policy": policy})
    cluster.topics[topic] = as_found
    problems = [change for change in apply(cluster, SPECS) if change.outcome == "problem"]
    assert [problem.topic for problem in problems] == [topic]
    assert says in problems[0].message
    assert cluster.topics[topic] == as_found


def test_other_configuration_is_the_operators_to_change() -> None:
    cluster: Any = Cluster()
    apply(cluster, SPECS)
    cluster.topics["test.actions"][1]["retention.ms"] = "1000"
    assert outcomes(cluster) == {"unchanged"}


def test_a_topic_that_another_process_creates_meanwhile_is_judged_like_any_other() -> None:
    cluster: Any = Cluster()
    apply(cluster, SPECS)
    cluster.hidden = {"test.actions"}
    assert outcomes(cluster) == {"unchanged"}


def test_a_refusal_is_told_and_the_rest_is_created() -> None:
    cluster: Any = Cluster()
    cluster.refuse["test.actions"] = KafkaError.TOPIC_AUTHORIZATION_FAILED
    changes = {change.topic: change for change in apply(cluster, SPECS)}
    assert changes["test.actions"] == Change("test.actions", "problem", "cannot be created: refused")
    assert {one.outcome for name, one in changes.items() if name != "test.actions"} == {"created"}


def test_the_prefix_is_part_of_every_name() -> None:
    other: list[TopicSpec] = all_topics("", 1, 3)
    assert other[0].name == "interactions.web"
    assert {spec.replication for spec in other} == {3}
