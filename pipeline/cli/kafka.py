"""The broker, for the commands that need one."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient

from pipeline.cli.common import FAILED, stop
from pipeline.runtime.publisher import reachable
from pipeline.runtime.topics import all_topics, missing_or_wrong
from pipeline.settings import Settings


def broker_or_stop(settings: Settings) -> None:
    """Exit 1 with what to do when no broker answers."""
    problem = reachable(settings)
    if problem is not None:
        stop(problem, FAILED)


def topics_or_stop(settings: Settings) -> None:
    """Exit 1 with what to do when a topic is missing or has another number of partitions."""
    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    problems = missing_or_wrong(AdminClient(dict(settings.kafka())), specs)
    if problems:
        more = f" (and {len(problems) - 1} more topics)" if len(problems) > 1 else ""
        stop(f"topic {problems[0].topic} {problems[0].message}{more}", FAILED)
