"""What trials read from the brokers: what customers did, and what is published. They write nothing there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka import KafkaException

from pipeline.cli.common import FAILED, err, stop
from pipeline.domain.customers import Profile
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules
from pipeline.local.simulation.topics import Recorder
from pipeline.runtime.codec import make_codec
from pipeline.runtime.releases import read_catalogue
from pipeline.runtime.topics import problem_of_topics
from pipeline.settings import Settings
from pipeline.wire.container import write_container


class Recorded(NamedTuple):
    """How many events and customers are in the files, and how many records cannot be read."""

    events: int
    customers: int
    unreadable: int


def recorded_or_stop(
    settings: Settings, file: Path, span: tuple[int | None, int | None], customers: Path | None, quiet: bool
) -> Recorded:
    """Record what came in between two times, and the customers' profiles where a file for them is given.

    Exit 1 when the brokers do not tell, 2 when a file cannot be written.
    """
    with _answering(settings), err.status("Recording ...") as status:
        recorder = Recorder(settings, make_codec(settings))
        if not quiet:
            recorder.told = lambda done: status.update(f"Recording: {done:,} events ...")
        try:
            events = recorder.events(file, *span)
            profiles = 0 if customers is None else write_container(customers, Profile, recorder.profiles())
        except OSError as error:
            stop(f"{error.filename}: {error.strerror}; name a file that can be written")
    return Recorded(events, profiles, recorder.unreadable)


def published_or_stop(settings: Settings, base: Rules) -> Catalogue:
    """What is published, on top of the strategies in files; exit 1 when the brokers do not tell."""
    with _answering(settings):
        return read_catalogue(settings, make_codec(settings), base)


@contextmanager
def _answering(settings: Settings) -> Iterator[None]:
    try:
        problem = problem_of_topics(settings)
        if problem is not None:
            stop(problem, FAILED)
        yield
    except KafkaException as error:
        remedy = "is the broker up, and THROUGHLINE_BOOTSTRAP right?"
        stop(f"{settings.bootstrap}: {error.args[0].str()}; {remedy}", FAILED)
