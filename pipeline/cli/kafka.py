"""The broker, for the commands that need one."""

from __future__ import annotations

from pipeline.cli.common import FAILED, stop
from pipeline.runtime.publisher import reachable
from pipeline.runtime.topics import problem_of_topics
from pipeline.settings import Settings


def broker_or_stop(settings: Settings) -> None:
    """Exit 1 with what to do when no broker answers."""
    problem = reachable(settings)
    if problem is not None:
        stop(problem, FAILED)


def topics_or_stop(settings: Settings) -> None:
    """Exit 1 with what to do when a topic is missing or has another number of partitions."""
    problem = problem_of_topics(settings)
    if problem is not None:
        stop(problem, FAILED)
