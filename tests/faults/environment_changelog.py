"""Changelogs from which everything comes back: cleaned, of another life, or ending in a transaction marker."""

from __future__ import annotations

import shutil
import time
from threading import Event

from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from pipeline.runtime.batch import TP
from pipeline.runtime.recovery import high_watermarks
from pipeline.runtime.topics import TABLES, all_topics, apply
from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.deployment import PARTITIONS, Deployment, FaultError, Raw
from tests.faults.environment_moments import in_backlog, recovered
from tests.faults.findings import INPUTS
from tests.faults.reading import left_to_read, read_topics

# Segments that the cleaner may take at once, and tombstones that go with what they delete.
_SHORT = {"segment.ms": "50", "delete.retention.ms": "0"}
_CLEANER_S = 90.0
# Small portions, each at rest before the next: a customer is then written several times.
_PORTIONS = 25
_PORTION = 100


def compacted(scene: Scene) -> Hit:
    """The cleaner has removed records of the changelogs; after that the state directory goes, in a backlog."""
    deployment = scene.deployment
    # Not cleaned until counted: what the cleaner has removed is then known.
    _configure(deployment, {**_SHORT, "min.cleanable.dirty.ratio": "1.0"})
    deployment.start()
    for _ in range(_PORTIONS):
        scene.publish(_PORTION)
        deployment.settle()
    deployment.stop()
    before = _records(deployment)
    _configure(deployment, {"min.cleanable.dirty.ratio": "0.01"})
    deployment.until(lambda: _records(deployment) < before * 0.9, "the changelogs are compacted", _CLEANER_S)
    note = f"{before} records, {_records(deployment)} after compaction"
    met = in_backlog(scene)
    deployment.kill()
    shutil.rmtree(deployment.settings.state_dir)
    deployment.start()
    return recovered(deployment, met, time.monotonic(), f"{note}, {met.left} events left")


def ends_in_markers(scene: Scene) -> Hit:
    """The last thing in every changelog is the marker of an aborted transaction; the state directory is gone."""
    deployment = scene.deployment
    met = in_backlog(scene)
    deployment.stop()
    left = deployment.progress().left
    _abort_in(deployment, _changelogs(deployment))
    changelogs = [TP(name, number) for name in _changelogs(deployment) for number in range(PARTITIONS)]
    last = {
        tp: end - 1 for tp, end in high_watermarks(deployment.settings.kafka(), changelogs, Event()).items()
    }
    if left_to_read(deployment.settings.kafka(), last):
        raise FaultError("a changelog ends in a record")
    shutil.rmtree(deployment.settings.state_dir)
    deployment.start()
    note = f"{len(last)} changelogs end in a marker, {left} events left"
    return recovered(deployment, met._replace(left=left), time.monotonic(), note)


def replaced(scene: Scene) -> Hit:
    """The cluster is a new one, with empty changelogs and a new group; the state directory is of the old one.

    What the old inputs held is published again, and another worker folds half of it before the one whose
    directory has states of the other life.
    """
    deployment = scene.deployment
    first = deployment.progress().done
    met = in_backlog(scene)
    deployment.kill()
    left = deployment.progress().left
    events = _published(deployment)
    _recreate(deployment)
    deployment.start("w2")
    half = (first + len(events)) // 2
    # What the traffic meets comes in stages, as it did before: profiles, orders, what else was known.
    stages: dict[str, list[Raw]] = {"customers": [], "interactions.order": [], "": []}
    for event in events[:first]:
        stages[event.topic if event.topic in stages else ""].append(event)
    for portion in (*stages.values(), events[first:half]):
        deployment.publish(portion)
        deployment.settle()
    deployment.stop("w2")
    deployment.publish(events[half:])
    deployment.start()
    note = f"{len(events)} events published anew, {left} were left"
    return recovered(deployment, met._replace(left=left), time.monotonic(), note)


def _changelogs(deployment: Deployment) -> list[str]:
    return [deployment.topic(f"changelog.{table}") for table in TABLES]


def _configure(deployment: Deployment, config: dict[str, str]) -> None:
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in config.items()
    ]
    topics = [
        ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        for name in _changelogs(deployment)
    ]
    for changed in deployment.admin.incremental_alter_configs(topics).values():
        changed.result()


def _records(deployment: Deployment) -> int:
    return len(read_topics(deployment.settings.kafka(), _changelogs(deployment), PARTITIONS))


def _abort_in(deployment: Deployment, topics: list[str]) -> None:
    writer = Producer({**deployment.settings.kafka(), "transactional.id": "not-a-worker", "log_level": 0})
    writer.init_transactions()
    writer.begin_transaction()
    for name in topics:
        for number in range(PARTITIONS):
            writer.produce(name, key=b"never", value=b"never", partition=number)
    writer.flush()
    writer.abort_transaction()


def _published(deployment: Deployment) -> list[Raw]:
    """What only the outside has published, in the order of each partition."""
    external = [name for name in INPUTS if name not in ("identity.links", "interactions.identified")]
    names = {deployment.topic(name): name for name in external}
    found = read_topics(deployment.settings.kafka(), list(names), PARTITIONS)
    found.sort(key=lambda message: message.timestamp()[1])
    return [Raw(names[str(message.topic())], message.key(), message.value() or b"") for message in found]


def _recreate(deployment: Deployment) -> None:
    settings, admin = deployment.settings, deployment.admin
    specs = all_topics(settings.topic_prefix, PARTITIONS, 1)
    for removed in admin.delete_topics([spec.name for spec in specs]).values():
        removed.result()

    def group_is_gone() -> bool:
        return admin.delete_consumer_groups([settings.group])[settings.group].exception() is None

    # A member that was killed is one until its session is over.
    deployment.until(group_is_gone, "the group is removed")
    problems = [change for change in apply(admin, specs) if change.outcome == "problem"]
    if problems:
        raise FaultError(f"{problems[0].topic}: {problems[0].message}")


FAULTS = [
    Fault("changelog compacted", 1, compacted, customers=1_500),
    Fault("changelog ends in a marker", 1, ends_in_markers, customers=1_500),
    Fault("changelog of another life", 1, replaced, customers=600),
]
