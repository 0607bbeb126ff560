"""The thread that polls Kafka: it fetches ahead while the agents fold, and takes part in the consumer group.

librdkafka serves rebalances from `poll`, so a worker must poll even while nothing may be read; blocking calls
release the GIL, so the event loop runs on beside them. The Python binding holds a lock of the consumer for as
long as a call lasts, so only this thread ever calls it: everybody else asks through `_commands`.

The group subscribes to one topic only, the *driver*, with cooperative rebalancing and static membership. Who
owns partition n of the driver reads partition n of every input topic: so tables lie beside all the topics that
feed them. (No assignor of librdkafka is both cooperative and co-partitioning over several topics.)
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import closing
from typing import Any

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from pipeline.observe.logs import LIBRDKAFKA, get_logger
from pipeline.runtime.asking import ATTEMPT_S, answered, group_observer
from pipeline.runtime.batch import TP
from pipeline.runtime.turns import Turns

log = get_logger(__name__)

BATCH = 2_000
_POLL_S = 0.05
_LAG_PATIENCE_S = 1.0
# Batches and bytes fetched ahead; beyond them the thread waits and librdkafka's own queue fills to its bound.
_AHEAD = 2
_AHEAD_BYTES = 16 * 1024 * 1024

_CONSUMER = {
    "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1_000,
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "enable.partition.eof": True,
    "fetch.wait.max.ms": 50,
    "fetch.queue.backoff.ms": 5,
    # One queue holds what is fetched of all partitions, in the order of its arrival: what comes to an idle one
    # waits behind it, and no more than so much of a busy one may be put there at once.
    "queued.min.messages": 2 * BATCH,
    "queued.max.messages.kbytes": 16 * 1024,
    "max.partition.fetch.bytes": 256 * 1024,
    "fetch.max.bytes": 16 * 1024 * 1024,
}

_HOPELESS = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError._UNKNOWN_PARTITION,
    # The consumer itself is beyond repair; librdkafka does not mark this one as fatal.
    KafkaError._FATAL,
}

Rebalance = Callable[[set[int]], Coroutine[Any, Any, None]]


class Fetched:
    """Messages of one poll, and of the partitions whose end they reach the offset of that.

    `epoch` tells whether they were asked for before the last rewind.
    """

    __slots__ = ("ends", "epoch", "messages")

    def __init__(self, epoch: int, messages: list[Message], ends: dict[TP, int]) -> None:
        self.epoch = epoch
        self.messages = messages
        self.ends = ends


class Room:
    """Space for what is fetched ahead: so many batches and so many bytes, or one batch of any size."""

    def __init__(self, batches: int, size: int) -> None:
        self._batches = batches
        self._size = size
        self._held: deque[int] = deque()
        self._left = threading.Condition()

    def enter(self, size: int, timeout: float) -> bool:
        """Put in a batch of `size` bytes when there is space for it within `timeout` seconds; tells whether."""
        with self._left:
            entered = self._left.wait_for(lambda: self._fits(size), timeout)
            if entered:
                self._held.append(size)
            return entered

    def _fits(self, size: int) -> bool:
        held = self._held
        return not held or (len(held) < self._batches and sum(held) + size <= self._size)

    def leave(self) -> None:
        """Take out the oldest batch."""
        with self._left:
            self._held.popleft()
            self._left.notify()


class Poller(threading.Thread):
    """Owns the Kafka consumer. What it fetched and every rebalance (as partition numbers) go to the event loop."""

    def __init__(
        self,
        kafka: Mapping[str, Any],
        group: str,
        worker_id: str,
        driver: str,
        inputs: Iterable[str],
        loop: asyncio.AbstractEventLoop,
        *,
        on_fetched: Callable[[Fetched], None],
        on_assigned: Rebalance,
        on_revoked: Rebalance,
        on_lost: Rebalance,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        super().__init__(name="poller", daemon=True)
        config = {
            **kafka,
            **_CONSUMER,
            "group.id": group,
            "group.instance.id": worker_id,
            "client.id": worker_id,
        }
        self._consumer = Consumer(config, logger=LIBRDKAFKA)
        # The consumer tells the same of the same brokers, and its lines go to the log.
        self._kafka = {**kafka, "log_level": 0}
        self._admin = AdminClient(self._kafka)
        self._group = group
        self._driver = driver
        self._inputs = sorted(inputs)
        self._turns = Turns(self._consumer, driver, (topic for topic in self._inputs if topic != driver))
        self._loop = loop
        self._on_fetched = on_fetched
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._on_lost = on_lost
        self._on_failure = on_failure
        self._stopping = threading.Event()
        self._room = Room(_AHEAD, _AHEAD_BYTES)
        self._commands: deque[Callable[[], None]] = deque()
        self._epoch = 0
        self._wanted_epoch = 0
        self._reading: set[int] = set()
        self.group_metadata: Any = None

    def run(self) -> None:
        """Poll until `stop`; a failure is handed to the event loop and ends the thread."""
        try:
            self._consumer.subscribe(
                [self._driver], on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose
            )
            while not self._stopping.is_set():
                while self._commands:
                    self._commands.popleft()()
                self._turns.look()
                self._poll_once()
        except BaseException as error:
            self._loop.call_soon_threadsafe(self._on_failure, error)
        finally:
            self._consumer.close()

    def _poll_once(self) -> None:
        # `consume(n, timeout)` waits for n messages or the whole timeout; waiting for the first only is what
        # keeps an event's way short when there are few.
        first = self._consumer.poll(_POLL_S)
        self.group_metadata = self._consumer.consumer_group_metadata()
        if first is None:
            return
        fetched = Fetched(self._epoch, [], {})
        for message in (first, *self._consumer.consume(BATCH - 1, 0)):
            self._sort(message, fetched)
        if not (fetched.messages or fetched.ends):
            return
        size = sum(map(len, fetched.messages))
        while not self._stopping.is_set():
            if self._room.enter(size, _POLL_S):
                self._loop.call_soon_threadsafe(self._on_fetched, fetched)
                return

    @staticmethod
    def _sort(message: Message, fetched: Fetched) -> None:
        error = message.error()
        if error is None:
            fetched.messages.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            fetched.ends[TP(message.topic(), message.partition())] = message.offset()
        elif error.fatal() or error.code() in _HOPELESS:
            raise KafkaException(error)
        else:
            log.warning("fetch_failed", error=error.str())

    # --- asked for by the event loop ---------------------------------------------------------------------

    def taken(self) -> None:
        """One `Fetched` was taken: there is room for another."""
        self._room.leave()

    def current(self, fetched: Fetched) -> bool:
        """Whether these messages are still wanted (no rewind came in between)."""
        return fetched.epoch == self._wanted_epoch

    def rewind(self, offsets: Mapping[TP, int]) -> None:
        """Read again from these offsets; what was fetched before is stale."""
        epoch, positions = self._wanted_epoch + 1, dict(offsets)
        self._wanted_epoch = epoch
        self._commands.append(lambda: self._rewind(epoch, positions))

    def _rewind(self, epoch: int, offsets: Mapping[TP, int]) -> None:
        self._epoch = epoch
        self._turns.open()  # where a paused partition goes on is librdkafka's affair
        for tp, offset in offsets.items():
            if tp.partition in self._reading:  # it may have been revoked since
                self._seek(TopicPartition(tp.topic, tp.partition, offset))

    def _seek(self, to: TopicPartition) -> None:
        try:
            self._consumer.seek(to)
        except KafkaException as error:
            # Reading it has not begun: it will, at this very offset.
            if error.args[0].code() != KafkaError._STATE:
                raise

    def resume(self, numbers: Iterable[int]) -> None:
        """Begin to read partitions whose tables are ready."""
        wanted = set(numbers)
        self._commands.append(lambda: self._turns.begin(wanted & self._reading))

    def stop(self) -> None:
        """Leave the group; the thread ends within one poll."""
        self._stopping.set()

    def committed(self, numbers: Iterable[int], stopping: threading.Event) -> dict[TP, int]:
        """Where the group goes on reading each input; its first offset where it never read. Blocks.

        Waits while a transaction that ends in these offsets is open: another worker's, or our last life's.
        Raises KafkaException when the broker refuses, or once `stopping` is set while it does not answer.
        """
        wanted = self._inputs_of(numbers)
        if not wanted:
            return {}

        def ask() -> list[TopicPartition]:
            with closing(group_observer(self._kafka, self._group, stable=True)) as observer:
                found: list[TopicPartition] = observer.committed(wanted, timeout=ATTEMPT_S)
                return found

        found = answered(ask, stopping)
        while errors := [p.error for p in found if p.error is not None]:
            if errors[0].code() != KafkaError.UNSTABLE_OFFSET_COMMIT or stopping.wait(_POLL_S):
                raise KafkaException(errors[0])
            found = answered(ask, stopping)
        positions = {TP(p.topic, p.partition): p.offset for p in found}
        unread = [tp for tp, offset in positions.items() if offset < 0]
        return positions | (answered(lambda: self._ask_first(unread), stopping) if unread else {})

    def _ask_first(self, unread: list[TP]) -> dict[TP, int]:
        asked = {TopicPartition(tp.topic, tp.partition): OffsetSpec.earliest() for tp in unread}
        admin = AdminClient(self._kafka)
        futures = admin.list_offsets(asked, request_timeout=ATTEMPT_S)
        return {TP(p.topic, p.partition): future.result().offset for p, future in futures.items()}

    def high_watermarks(self, numbers: Iterable[int]) -> dict[TP, int]:
        """The offset after the last record of each input, decided or not. Blocks; raises KafkaException."""
        asked = {p: OffsetSpec.latest() for p in self._inputs_of(numbers)}
        admin = self._admin
        futures = admin.list_offsets(asked, request_timeout=_LAG_PATIENCE_S)
        try:
            return {TP(p.topic, p.partition): future.result().offset for p, future in futures.items()}
        except KafkaException:
            # Seen with librdkafka 2.16: a client that once listed offsets is refused by a leader that was restarted
            # since (FENCED_LEADER_EPOCH), and by its group coordinator not answered, for as long as it lives.
            self._admin = AdminClient(self._kafka)
            raise

    # --- rebalances, called from poll ----------------------------------------------------------------------

    def _inputs_of(self, numbers: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for number in numbers for topic in self._inputs]

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = {p.partition for p in partitions}
        self._reading |= numbers
        self.group_metadata = consumer.consumer_group_metadata()
        consumer.incremental_assign(self._inputs_of(numbers))
        consumer.pause(self._inputs_of(numbers))
        asyncio.run_coroutine_threadsafe(self._on_assigned(numbers), self._loop)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # The last commit of these partitions is made in the generation that takes them away.
        self.group_metadata = consumer.consumer_group_metadata()
        self._part_with(consumer, partitions, self._on_revoked)

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._part_with(consumer, partitions, self._on_lost)

    def _part_with(self, consumer: Consumer, partitions: list[TopicPartition], tell: Rebalance) -> None:
        numbers = {p.partition for p in partitions}
        self._wait(tell(numbers))
        self._reading -= numbers
        self._turns.end(numbers)
        consumer.incremental_unassign(self._inputs_of(numbers))

    def _wait(self, change: Coroutine[Any, Any, None]) -> None:
        if self._stopping.is_set():
            change.close()
            return
        future = asyncio.run_coroutine_threadsafe(change, self._loop)
        while not self._stopping.is_set():
            try:
                future.result(timeout=0.2)
                return
            except TimeoutError:
                continue
