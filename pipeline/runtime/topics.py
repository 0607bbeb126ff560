"""Every topic of the pipeline, and their creation: never by writing to them, and none is ever deleted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # re-exported there, though not marked so
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from msgspec.structs import replace

from pipeline.domain.interactions import CHANNELS
from pipeline.settings import Settings
from pipeline.wire.codec import MAX_HOLDING_BYTES

Cleanup = Literal["delete", "compact"]

DAY_MS = 24 * 60 * 60 * 1000
TABLES = ("identities", "sessions", "history", "deadlines", "identifiers", "suppressed")
_TIMEOUT_S = 30.0

# The broker's clock, not the producer's: with the producer's, retention deletes a replayed or late event as
# soon as it arrives, one date far in the future keeps a segment for ever, and brokers refuse a batch more
# than an hour ahead. When something happened is in the record (`occurred_at`), which is what the domain goes
# by.
_BROKER_TIME = {"message.timestamp.type": "LogAppendTime"}
# Small segments, because the one being written is never compacted; tombstones stay a day for a reader that
# was away.
_COMPACTED = {
    "retention.ms": "-1",
    "segment.bytes": str(64 * 1024 * 1024),
    "segment.ms": str(60 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.2",
    "delete.retention.ms": str(DAY_MS),
}


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it must be: full name, partitions, replicas, cleanup policy, further configuration.

    `key` says in words what the Kafka key is; `records` are the Avro records it carries (none on a changelog,
    which holds MessagePack).
    """

    name: str
    partitions: int
    replication: int
    cleanup: Cleanup
    key: str
    records: tuple[str, ...]
    config: Mapping[str, str]


class Change(msgspec.Struct, frozen=True):
    """What became of one topic; a `problem` says in `message` what is wrong and what to do."""

    topic: str
    outcome: Literal["created", "unchanged", "problem"]
    message: str = ""


def all_topics(prefix: str, partitions: int, replication: int) -> list[TopicSpec]:
    """Every topic, with `prefix` before its name.

    All that are joined have the same `partitions`: identifiers meet their links, customers their profile,
    receipts and actions. What every worker reads whole has one partition, so that all see the same order.
    """

    def topic(name: str, key: str, *records: str, days: int = 7) -> TopicSpec:
        return TopicSpec(
            name=prefix + name,
            partitions=partitions,
            replication=replication,
            cleanup="delete",
            key=key,
            records=records,
            config=_BROKER_TIME | {"retention.ms": str(days * DAY_MS)},
        )

    def compacted(name: str, key: str, *records: str) -> TopicSpec:
        return replace(topic(name, key, *records), cleanup="compact", config=_BROKER_TIME | _COMPACTED)

    def holding(spec: TopicSpec) -> TopicSpec:
        # Its records hold a whole one of the greatest size (1 MiB), or a state with as much text, and more.
        return replace(spec, config={**spec.config, "max.message.bytes": str(MAX_HOLDING_BYTES)})

    return [
        *(
            topic(f"interactions.{channel}", "primary identifier, type:value", "Interaction")
            for channel in CHANNELS
        ),
        topic("identity.links", "identifier, type:value", "IdentityLink", "IdentifierErased"),
        topic("identity.changes", "customer id", "IdentityChange", days=90),
        compacted("customers", "customer id", "CustomerProfile"),
        holding(
            topic(
                "interactions.identified",
                "customer id; of a merge: loser, then winner",
                "IdentifiedInteraction",
                "MergeRequested",
                "CustomerMoved",
                "CustomerTakenOut",
            )
        ),
        topic(
            "customer.requests",
            "customer id; of an unmerge: loser",
            "EraseRequested",
            "UnmergeRequested",
            "ThreadsJoined",
            "ThreadSplit",
        ),
        topic("intents", "customer id", "IntentRecognised"),
        topic("sessions.closed", "customer id", "SessionClosed"),
        topic("actions", "customer id", "ActionCommand"),
        topic("action.receipts", "customer id", "ActionReceipt"),
        # Explanations are asked for long after the fact, and dead letters are repaired by people.
        topic("decisions", "customer id", "Decision", days=90),
        replace(
            compacted(
                "strategies",
                "strategy id; of a version: strategy id@version; of the kill switch: kill-switch",
                "StrategyRelease",
                "StrategyRollout",
                "KillSwitch",
            ),
            partitions=1,
        ),
        replace(compacted("circumstances", "circumstance id", "Circumstance"), partitions=1),
        replace(compacted("workers", "worker id", "WorkerStatus"), partitions=1),
        topic("adviser.states", "queue", "AdviserState"),
        topic("routing.requests", "queue", "RoutingRequest"),
        holding(topic("dead-letters", "key of the source record", "DeadLetter", days=90)),
        *(holding(compacted(f"changelog.{table}", "key of the table")) for table in TABLES),
    ]


def apply(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[Change]:
    """Create the topics that are missing; in the order of `specs`, say what became of each.

    A topic that exists is only looked at: another number of partitions or another cleanup policy is a problem
    that a person has to decide on, because changing either would move keys or lose records. Doing it again
    changes nothing. Raises KafkaException when the brokers cannot be reached or refuse to show a topic.
    """
    existing = admin.list_topics(timeout=_TIMEOUT_S).topics
    created = _create(admin, [spec for spec in specs if spec.name not in existing])
    found = {spec.name: spec for spec in specs if spec.name not in created}
    partitions = {
        name: len(one.partitions) for name, one in admin.list_topics(timeout=_TIMEOUT_S).topics.items()
    }
    cleanups = _cleanup_policies(admin, found)
    return [
        created.get(spec.name) or _judge(spec, partitions.get(spec.name, 0), cleanups[spec.name])
        for spec in specs
    ]


def problem_of_topics(settings: Settings) -> str | None:
    """None when every topic is there with its number of partitions, else one line that says what to do.

    Raises KafkaException when the brokers cannot be reached.
    """
    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    problems = _missing_or_wrong(AdminClient({**settings.kafka(), "log_level": 0}), specs)
    if not problems:
        return None
    more = f" (and {len(problems) - 1} more topics)" if len(problems) > 1 else ""
    return f"topic {problems[0].topic} {problems[0].message}{more}"


def _missing_or_wrong(admin: AdminClient, specs: Sequence[TopicSpec]) -> list[Change]:
    """The topics that are not there or have another number of partitions; creates nothing."""
    found = {name: len(one.partitions) for name, one in admin.list_topics(timeout=_TIMEOUT_S).topics.items()}
    missing = "is not there; run `throughline topics apply`"
    return [
        Change(spec.name, "problem", missing)
        if spec.name not in found
        else _judge(spec, found[spec.name], spec.cleanup)
        for spec in specs
        if found.get(spec.name) != spec.partitions
    ]


def _create(admin: AdminClient, specs: Sequence[TopicSpec]) -> dict[str, Change]:
    """What became of each, without those that somebody else has created at the same moment."""
    if not specs:
        return {}
    wanted = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=spec.replication,
            config={"cleanup.policy": spec.cleanup, **spec.config},
        )
        for spec in specs
    ]
    changes: dict[str, Change] = {}
    for name, future in admin.create_topics(wanted, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                changes[name] = Change(name, "problem", f"cannot be created: {error.str()}")
        else:
            changes[name] = Change(name, "created")
    return changes


def _cleanup_policies(admin: AdminClient, names: Iterable[str]) -> dict[str, str]:
    """The cleanup policy of each topic, as its broker tells it."""
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    if not resources:
        return {}
    answers = admin.describe_configs(resources, request_timeout=_TIMEOUT_S)
    return {resource.name: future.result()["cleanup.policy"].value for resource, future in answers.items()}


def _judge(spec: TopicSpec, partitions: int, cleanup: str) -> Change:
    """Compare a topic that exists with what it must be."""
    if partitions != spec.partitions:
        return Change(
            spec.name,
            "problem",
            f"has {partitions} partitions, expected {spec.partitions}: set THROUGHLINE_PARTITIONS to"
            " the number in use, or take another prefix: more of them would part customers from their state",
        )
    if set(cleanup.split(",")) != {spec.cleanup}:
        return Change(
            spec.name,
            "problem",
            f"has cleanup.policy={cleanup}, expected {spec.cleanup}: set it with"
            f" kafka-configs --alter --topic {spec.name} --add-config cleanup.policy={spec.cleanup}",
        )
    return Change(spec.name, "unchanged")
