"""The transactional producer of a worker: librdkafka, with the settings that make transactions cheap."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Event, Thread
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from pipeline.observe.logs import get_logger
from pipeline.runtime.batch import TP, Output, Unavailable
from pipeline.runtime.checkpoint import TransactionAborted
from pipeline.runtime.partition import Changes

log = get_logger(__name__)

# Co-location of keys whatever the client: librdkafka's own default is not Java's.
PARTITIONER = {"partitioner": "murmur2_random"}

_TRANSACTIONAL = {
    **PARTITIONER,
    "enable.idempotence": True,
    # After a commit the broker answers CONCURRENT_TRANSACTIONS until its markers are written; with the default
    # back-off of 100 ms every checkpoint would wait that long.
    "retry.backoff.ms": 1,
    "retry.backoff.max.ms": 5,
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.messages": 1_000_000,
    "queue.buffering.max.kbytes": 512 * 1024,
    "message.max.bytes": 8 * 1024 * 1024,
    # The consumer tells the same of the same brokers, and its lines go to the log; what is fatal is raised.
    "log_level": 0,
    "logger": logging.Logger("unheard", logging.CRITICAL + 1),
    # Bounds how long a worker that died can hold back readers of committed records.
    "transaction.timeout.ms": 15_000,
}

# The broker's requests are retried inside librdkafka; this bounds one call of ours, then we ask again.
_CALL_S = 5.0
_STUCK_S = 3 * _CALL_S
# How long brokers that answer may be without a coordinator of transactions; one that restarts has it in seconds.
_COORDINATOR_S = 60.0


class Stuck(Unavailable):
    """A call into librdkafka did not come back, long after the time that it was given."""


def in_time(call: Callable[[], None]) -> None:
    """Make a call that bounds itself by `_CALL_S`, and raise Stuck when it does not keep to that.

    Seen with librdkafka 2.16: when the broker dies at the wrong moment, `send_offsets_to_transaction` never
    returns, though the broker does. The thread is a daemon, because nothing can call it back.
    """
    outcome: Future[None] = Future()

    def run() -> None:
        try:
            call()
            outcome.set_result(None)
        except BaseException as error:
            outcome.set_exception(error)

    Thread(target=run, name="librdkafka-call", daemon=True).start()
    try:
        outcome.result(_STUCK_S)
    except TimeoutError:
        raise Stuck(f"librdkafka has not answered for {_STUCK_S:.0f} s") from None


class TransactionalProducer:
    """Transactions of one worker; the id is the worker's, so a restart ends what its last life left open."""

    def __init__(self, kafka: Mapping[str, Any], transactional_id: str) -> None:
        self._config = {**kafka, **_TRANSACTIONAL, "transactional.id": transactional_id}
        self._producer = Producer(self._config)
        self._ends: dict[TP, int] = {}
        self._open = False
        self._given_up = Event()

    def start(self) -> None:
        """Fence and abort what an earlier life with the same id left open. Blocks until the broker answers.

        Raises Unavailable when the brokers answer, but none has coordinated transactions for a minute.
        """
        refusing_since: float | None = None

        def judge() -> None:
            nonlocal refusing_since
            brokers = self._brokers()
            if not brokers:
                refusing_since = None  # who is away is waited for
            elif refusing_since is None:
                refusing_since = time.monotonic()
            elif time.monotonic() - refusing_since > _COORDINATOR_S:
                raise Unavailable(
                    f"the brokers answer ({brokers} of them), but none has coordinated transactions for"
                    f" {_COORDINATOR_S:.0f} s; start those that are missing, or set"
                    " transaction.state.log.replication.factor and transaction.state.log.min.isr to no more"
                    " than their number"
                )

        self._retry(lambda: self._producer.init_transactions(_CALL_S), judge)

    def _brokers(self) -> int:
        """How many brokers the cluster has, as one of them tells; 0 when none answers."""
        try:
            return len(self._producer.list_topics(timeout=_CALL_S).brokers)
        except KafkaException:
            return 0

    def give_up(self) -> None:
        """Wait no longer for a broker that does not answer: the call under way raises within seconds."""
        self._given_up.set()

    def begin(self) -> None:
        self._producer.begin_transaction()
        self._open = True
        self._ends = {}

    def produce(self, output: Output) -> None:
        topic, key, value, headers = output
        self._enqueue(topic, value, key, headers=headers)

    def produce_changes(self, topic: str, partition: int, changes: Changes) -> None:
        # Records of one partition keep their order, so the report of the last one tells where all of them end.
        *others, last = changes.items()
        for key, value in others:
            self._enqueue(topic, value, key, partition)
        self._enqueue(topic, last[1], last[0], partition, on_delivery=self._note_end)

    def _enqueue(self, *record: Any, **options: Any) -> None:
        while True:
            try:
                self._producer.produce(*record, **options)
                return
            except BufferError:
                self._producer.poll(0.1)
            except KafkaException as error:
                # So says librdkafka when a record sent before has already failed the transaction.
                if error.args[0].code() == KafkaError._STATE:
                    raise TransactionAborted("an earlier record of it was not taken") from error
                raise

    def _note_end(self, error: KafkaError | None, message: Message) -> None:
        offset = message.offset()
        if error is None and offset is not None:
            self._ends[TP(str(message.topic()), int(message.partition() or 0))] = offset + 1

    def send_offsets(self, offsets: Mapping[TP, int], group: Any) -> None:
        if offsets:
            positions = [TopicPartition(tp.topic, tp.partition, offset) for tp, offset in offsets.items()]
            send = self._producer.send_offsets_to_transaction
            try:
                self._retry(lambda: in_time(lambda: send(positions, group, _CALL_S)))
            except Stuck as error:
                self._replace()
                raise TransactionAborted("librdkafka did not come back from sending the offsets") from error

    def _replace(self) -> None:
        """Go on with another librdkafka: starting it ends the transaction of the one that does not answer."""
        self._open = False
        if self._given_up.is_set():
            return  # another would only fence this worker's next life
        log.warning("producer_replaced")
        self._producer = Producer(self._config)
        self.start()

    def commit(self) -> dict[TP, int]:
        # Without an answer to this nobody knows what became of it: Stuck ends the worker, and its next life asks.
        # Until that call comes back librdkafka refuses every other, so nothing is left to abort either.
        try:
            self._retry(lambda: in_time(lambda: self._producer.commit_transaction(_CALL_S)))
        except Stuck:
            self._open = False
            raise
        self._open = False
        self._producer.poll(0)
        return self._ends

    def abort(self) -> None:
        if not self._open:
            return
        self._open = False
        try:
            self._retry(lambda: in_time(lambda: self._producer.abort_transaction(_CALL_S)))
        except Stuck:
            self._replace()
        except (KafkaException, TransactionAborted) as error:
            # Fenced or beyond repair: the broker has ended the transaction or will at its timeout.
            log.warning("abort_failed", error=str(error.args[0]))

    def _retry(self, call: Callable[[], None], meanwhile: Callable[[], None] = lambda: None) -> None:
        while True:
            try:
                call()
                return
            except KafkaException as error:
                cause = error.args[0]
                if cause.txn_requires_abort():
                    raise TransactionAborted(cause.str()) from error
                if cause.fatal() or not cause.retriable() or self._given_up.is_set():
                    raise
                log.warning("broker_slow", error=cause.str())
                meanwhile()
