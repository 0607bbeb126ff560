"""The broker, for the commands that need one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.cli.common import FAILED, stop
from pipeline.runtime.codec import make_codec
from pipeline.runtime.publisher import Publisher, PublishError, reachable
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


@contextmanager
def publishing(settings: Settings, source: str) -> Iterator[Publisher]:
    """A publisher for the block; exit 1 with what to do unless all that it sends is delivered at the end."""
    try:
        with Publisher(settings, make_codec(settings), source) as publisher:
            yield publisher
    except PublishError as error:
        stop(str(error), FAILED)
