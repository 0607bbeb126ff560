"""What a demo runs on: a broker, the topics and a worker, those that are asked for, started and ended with it."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient

from pipeline.domain.failures import Failure
from pipeline.local.broker import Broker
from pipeline.local.supervised import Supervised
from pipeline.pack import BRAND, STRATEGIES
from pipeline.runtime.publisher import reachable
from pipeline.runtime.topics import all_topics, apply
from pipeline.settings import Settings, load_settings

Tell = Callable[[str], None]

_STOP_LIMIT_S = 15.0
_LOG_LINES = 5


class StageError(Exception):
    """The demo cannot run; the message says why and what to do."""


@dataclass(frozen=True)
class Stage:
    """The pipeline under demonstration; `watch` raises StageError once its worker has ended.

    `mark` makes names of this demo unlike any other's on the same topics; it is empty where nobody else is.
    """

    settings: Settings
    watch: Callable[[], None]
    mark: str


@contextmanager
def stage(bootstrap: str | None, own_worker: bool, tell: Tell) -> Iterator[Stage]:
    """Start what is needed, and end it however the block ends, even by this process being killed.

    Without `bootstrap` there is a broker of its own. With `own_worker` the topics are its own, too, and are
    removed; else the configured topics and the worker that runs there are used.
    Raises StageError and BrokerError.
    """
    with ExitStack() as end:
        if bootstrap is None:
            tell("Starting a Kafka broker (the first time it is fetched, which takes half a minute) …")
            began = time.monotonic()
            bootstrap = end.enter_context(Broker()).bootstrap
            tell(f"Kafka answers at {bootstrap} after {time.monotonic() - began:.1f} s.")
            settings = _settings(bootstrap=bootstrap, security_protocol="PLAINTEXT", **_own("demo"))
        else:
            own = _own(f"demo-{uuid.uuid4().hex[:8]}") if own_worker else {}
            settings = _settings(bootstrap=bootstrap, **own)
            problem = reachable(settings)
            if problem is not None:
                raise StageError(problem)
            if own_worker:
                end.callback(_remove_topics, settings)
        if not own_worker:
            yield Stage(settings, lambda: None, f"-{uuid.uuid4().hex[:6]}")
            return
        _apply_topics(settings, tell)
        worker = end.enter_context(_worker(settings, tell))
        yield Stage(settings, worker, "")


def _own(name: str) -> dict[str, object]:
    return {
        "topic_prefix": f"{name}.",
        "group": name,
        "worker_id": name,
        "replication": 1,
        "schema_registry_url": "",
        "strategies": STRATEGIES,
        "brand": BRAND,
        "metrics_port": 0,
        "log_level": "warning",
        "log_format": "console",
    }


class _QuietSettings(Settings):
    """The same for clients that say nothing when the broker goes: the demo ends it before them."""

    def kafka(self) -> dict[str, str | int]:
        """The configuration of a Kafka client without a log of its own."""
        return {**super().kafka(), "log_level": 0}


def _settings(**overrides: object) -> Settings:
    settings = load_settings(**overrides)
    if isinstance(settings, Failure):
        raise StageError(settings.message)
    return _QuietSettings.model_validate(settings.model_dump())


def _apply_topics(settings: Settings, tell: Tell) -> None:
    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    changes = apply(AdminClient(dict(settings.kafka())), specs)
    problems = [change for change in changes if change.outcome == "problem"]
    if problems:
        raise StageError(f"{problems[0].topic} {problems[0].message}")
    tell(f"{len(specs)} topics are there, under {settings.topic_prefix}*.")


def _remove_topics(settings: Settings) -> None:
    specs = all_topics(settings.topic_prefix, settings.partitions, settings.replication)
    admin = AdminClient(dict(settings.kafka()))
    deleted = admin.delete_topics([spec.name for spec in specs], request_timeout=_STOP_LIMIT_S)
    for answer in deleted.values():
        answer.exception()  # waits; a topic that is not there is as good as removed


@contextmanager
def _worker(settings: Settings, tell: Tell) -> Iterator[Callable[[], None]]:
    """A worker of its own, with its state in a temporary directory; gives the function that watches it."""
    scratch = Path(tempfile.mkdtemp(prefix="throughline-demo-"))
    log = scratch / "worker.log"
    chosen = settings.model_dump(include={"bootstrap", "security_protocol", "partitions", *_own("")})
    chosen["state_dir"] = scratch / "state"
    environment = [f"THROUGHLINE_{name.upper()}={value}" for name, value in chosen.items()]
    command = ["/usr/bin/env", *environment, sys.executable, "-m", "pipeline.cli", "worker"]
    tell("Starting a worker …")
    worker: Supervised | None = None

    def watch() -> None:
        if worker is not None and not worker.running:
            told = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LOG_LINES:]
            raise StageError("\n  ".join(["The worker ended by itself; its log says:", *told]))

    try:
        with log.open("ab") as output:
            worker = Supervised(command, Path.cwd(), output, scratch)
        yield watch
    finally:
        if worker is not None:
            worker.stop(_STOP_LIMIT_S)
        shutil.rmtree(scratch, ignore_errors=True)
