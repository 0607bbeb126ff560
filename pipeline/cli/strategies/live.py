"""Reading what holds: the topic `strategies`, and the files that workers have."""

from __future__ import annotations

from confluent_kafka import KafkaException

from pipeline.cli.common import FAILED, stop
from pipeline.cli.kafka import broker_or_stop, topics_or_stop
from pipeline.cli.rules import stop_for
from pipeline.cli.strategies.files import texts_or_stop
from pipeline.domain.releases import KillSwitch, StrategyRelease, StrategyRollout
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.language import StrategyFile
from pipeline.domain.strategies.problems import Problem, one_of
from pipeline.domain.strategies.register import FILE, Entry, Register
from pipeline.domain.strategies.source import read
from pipeline.pack import STRATEGIES
from pipeline.runtime.codec import make_codec
from pipeline.runtime.reading import read_committed
from pipeline.settings import Settings

TOPIC = "strategies"


def register_or_stop(settings: Settings, with_files: bool = True) -> Register:
    """All that is known of strategies; exit 1 when the broker does not tell, 2 when a file of theirs is wrong.

    What stops everything does so `with_files` or without.
    """
    files = _files_or_stop(settings) if with_files else {}
    broker_or_stop(settings)
    topics_or_stop(settings)
    register = Register(files)
    read_on(settings, register)
    return register


def read_on(settings: Settings, register: Register) -> list[Entry]:
    """Take in what came on the topic since the last time; what that was."""
    codec = make_codec(settings)
    came = []
    try:
        for message in read_committed(settings.kafka(), {(settings.topic_prefix + TOPIC, 0): register.end}):
            raw, key = message.value(), (message.key() or b"").decode(errors="replace")
            value = None if raw is None else codec.decode(raw, StrategyRelease, StrategyRollout, KillSwitch)
            came.append(Entry(message.offset() or 0, key, value))
            register.take(came[-1])
    except KafkaException as error:
        stop(f"the topic {settings.topic_prefix}{TOPIC} cannot be read: {error.args[0].str()}", FAILED)
    return came


def _files_or_stop(settings: Settings) -> dict[str, StrategyRelease]:
    files: dict[str, StrategyRelease] = {}
    problems: list[Problem] = []
    for file, text in texts_or_stop([settings.strategies or STRATEGIES]).items():
        source = read(text, file)
        form = [source] if isinstance(source, Problem) else validated(source, StrategyFile)
        if isinstance(form, list):
            problems += form
        else:
            files[form.strategy] = StrategyRelease(
                strategy_id=form.strategy,
                version=form.version,
                title=form.title,
                author=FILE,
                released_at=0,
                definition=text,
            )
    if problems:
        stop_for(problems)
    return files


def rollout_or_stop(register: Register, strategy_id: str) -> StrategyRollout:
    """How the strategy is rolled out; exit 2 with those that there are when there is none of this name."""
    rollout = register.rollout(strategy_id)
    if rollout is None:
        remedy = one_of(strategy_id, register.ids())
        stop(f"there is no strategy {strategy_id!r}; {remedy}")
    return rollout


def release_or_stop(register: Register, strategy_id: str, version: int) -> StrategyRelease:
    """A version of the strategy; exit 2 with those that there are when there is no such version."""
    known = register.versions(strategy_id)
    if version not in known:
        there = ", ".join(map(str, known)) or "none"
        stop(f"{strategy_id}: there is no version {version}; there is {there}")
    return known[version]
