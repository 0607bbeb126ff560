"""The worker's own agents, codec, rules and tables over real stores; batches come by hand, not from Kafka.

What is left out is what Kafka does: fetching, producing, transactions. Both hops are there: what the identity agent
puts out is read by the sessions agent in the next checkpoint.
"""

from __future__ import annotations

import types
from collections import defaultdict
from collections.abc import Generator, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Message

from benchmarks.measure import BenchmarkError
from pipeline.app import wire
from pipeline.domain.failures import Failure
from pipeline.domain.strategies.compiled import Rules
from pipeline.runtime.batch import Batch
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store
from pipeline.runtime.topics import TABLES
from pipeline.settings import load_settings
from pipeline.wire.codec import Codec
from pipeline.wire.headers import TraceParent
from pipeline.wire.routes import headers_of, route

PREFIX = "t."
_GROUP = "growth"
_BATCH = 1_000
_SECOND_HOP = (f"{PREFIX}interactions.identified", f"{PREFIX}identity.links")


def store_path(directory: Path, table: str) -> Path:
    """Where the only partition of a table is kept by a `Pipe` in `directory`."""
    return directory / _GROUP / _GROUP / table / "0"


def encoded(codec: Codec, values: Iterable[msgspec.Struct]) -> list[Message]:
    """Values as their services publish them."""
    messages = []
    for value in values:
        where = route(value)
        headers = headers_of(value, where, "growth", TraceParent.new())
        messages.append(
            _message(PREFIX + where.topic, where.key.encode(), codec.encode(None, value), headers)
        )
    return messages


class Pipe:
    """One partition of a worker. `now` is its wall clock, epoch milliseconds: it goes on by `tick`, or is set."""

    def __init__(self, directory: Path, rules: Rules, now: int) -> None:
        settings = load_settings(
            state_dir=directory, group=_GROUP, worker_id=_GROUP, topic_prefix=PREFIX, partitions=1
        )
        if isinstance(settings, Failure):
            raise BenchmarkError(settings.message)
        self.now = now
        self._app, self._decisions = wire(settings, rules, lambda: self.now)
        self._tables = {name: self._app.tables._tables[name] for name in TABLES}
        for name, table in self._tables.items():
            # As `Table.open` does, but for the recovery.
            store = Store(store_path(directory, name))
            cached = settings.table_cache_entries if table.keep_cached else 0
            table.partitions[0] = TablePartition(
                table.changelog, 0, store, table._encode, table._decode, cached
            )
        self._agents = {agent.name.rpartition(".")[2]: _begun(agent) for agent in self._app.agents.values()}
        self._second_hop: list[Message] = []

    def tick(self) -> int:
        """A millisecond later; the time then."""
        self.now += 1
        return self.now

    def fold(self, messages: list[Message]) -> int:
        """Fold messages and all that comes of them; the number of checkpoints that it took."""
        checkpoints = 0
        for start in range(0, len(messages), _BATCH):
            self._checkpoint(messages[start : start + _BATCH])
            checkpoints += 1
        while self._second_hop:
            self._checkpoint([])
            checkpoints += 1
        return checkpoints

    def warm(self) -> None:
        """Load states until the caches are full, as they are in a worker that has run for a while."""
        for name in ("identities", "sessions"):
            partition = self._tables[name].partitions[0]
            for key, _ in islice(partition.store.scan(), self._app.settings.table_cache_entries):
                partition.get(key.decode())

    def rows(self, table: str) -> Iterable[tuple[bytes, bytes]]:
        """The rows of a table on disk."""
        store: Store = self._tables[table].partitions[0].store
        return store.scan()

    def close(self) -> None:
        """Close the stores; the pipe can be opened again on its directory."""
        for table in self._tables.values():
            table.partitions.pop(0).store.close()

    def _checkpoint(self, messages: list[Message]) -> None:
        checkpoint = self._app.consumer.checkpoint
        self._decisions.fire_due()
        for topic, batch in _by_topic([*self._second_hop, *messages]).items():
            agent = "identity" if _is_evidence(topic) else "sessions"
            handed = Batch(0, batch, checkpoint, {})
            self._agents[agent].send(handed)
            if handed.poisoned is not None:
                raise BenchmarkError(handed.poisoned.error)
        prepared = checkpoint.prepare(self._app.tables.opened())
        for table, changes in prepared.changed:
            # Offset 0: there is no changelog that the store could be behind.
            table.store.write(changes, 0)
        prepared.settle()
        outputs = list(checkpoint.outputs)
        checkpoint.outputs.clear()
        self._second_hop = [
            _message(one.topic, one.key, one.value, one.headers)
            for one in outputs
            if one.topic in _SECOND_HOP
        ]
        if any(one.topic == f"{PREFIX}dead-letters" for one in outputs):
            raise BenchmarkError("a record became a dead letter")


class _Hand:
    """Batches for an agent, each when it is sent to the agent's coroutine."""

    def __aiter__(self) -> _Hand:
        return self

    async def __anext__(self) -> Batch:
        return await _given()


@types.coroutine
def _given() -> Generator[None, Batch, Batch]:
    return (yield)


def _begun(agent: Any) -> Any:
    coroutine = agent.fun(_Hand())
    coroutine.send(None)
    return coroutine


def _by_topic(messages: Iterable[Message]) -> dict[str, list[Message]]:
    grouped: defaultdict[str, list[Message]] = defaultdict(list)
    for message in messages:
        grouped[str(message.topic())].append(message)
    return grouped


def _is_evidence(topic: str) -> bool:
    name = topic.removeprefix(PREFIX)
    return name == "identity.links" or (
        name.startswith("interactions.") and name != "interactions.identified"
    )


def _message(topic: str, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> Message:
    return Message(topic=topic, partition=0, offset=0, key=key, value=value, headers=headers)
