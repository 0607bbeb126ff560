"""Asking a broker that may just be starting, moving a leader, or away for a moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Event
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException
from tenacity import Retrying, retry_if_exception, stop_after_delay, stop_when_event_set, wait_exponential

from pipeline.runtime.batch import Unavailable

T = TypeVar("T")

# librdkafka marks few of them as retriable, because its own requests are repeated inside.
_TRANSIENT = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TRANSPORT,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.REQUEST_TIMED_OUT,
    # A topic that was created a moment ago is not known to every broker yet.
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}
PATIENCE_S = 60.0
# One attempt; short, because nobody can call it off.
ATTEMPT_S = 5.0


def answered(call: Callable[[], T], stopping: Event) -> T:
    """The answer to `call`, asked again while the broker's refusal may pass.

    Raises the last refusal after 60 s, or once `stopping` is set. A `call` takes no longer than ATTEMPT_S.
    """
    retrying = Retrying(
        retry=retry_if_exception(may_pass),
        wait=wait_exponential(multiplier=0.02, max=1.0),
        stop=stop_after_delay(PATIENCE_S) | stop_when_event_set(stopping),
        reraise=True,
    )
    return retrying(call)


def may_pass(error: BaseException) -> bool:
    """Whether a broker that refused with this error may not do so a moment later."""
    if not isinstance(error, KafkaException):
        return False
    cause = error.args[0]
    return bool(cause.retriable() or cause.code() in _TRANSIENT)


def group_observer(kafka: Mapping[str, Any], group: str, *, stable: bool) -> Consumer:
    """A consumer that takes no part in the group, to ask what that has committed: `committed(partitions)`.

    `stable`: while a transaction that ends in such offsets is open, those have the error UNSTABLE_OFFSET_COMMIT, or
    the call raises a KafkaException as for a broker that does not answer. Else the offsets before it are told.

    No admin client asks: in librdkafka 2.16 one that is told by a broker which is just starting that it coordinates
    no groups takes the whole process down (`rd_kafka_handle_OffsetFetch` asks the consumer group of a client that
    has none for the coordinator).
    """
    return Consumer(
        {
            **kafka,
            "group.id": group,
            "enable.auto.commit": False,
            "isolation.level": "read_committed" if stable else "read_uncommitted",
            # Closing it waits for what a broker that has gone away still owes it.
            "socket.timeout.ms": int(ATTEMPT_S * 1_000),
        }
    )


_SAME_WORKER = "another worker runs with the same THROUGHLINE_WORKER_ID; give each its own"
_REFUSALS = {
    # Seen with librdkafka 2.16: after a minute without a broker it joins twice and is fenced by itself.
    KafkaError._FATAL: (
        "Kafka took this worker for two with the same THROUGHLINE_WORKER_ID, as may be after a broker was away;"
        " start it again, and give each worker its own"
    ),
    KafkaError._FENCED: _SAME_WORKER,
    KafkaError.FENCED_INSTANCE_ID: _SAME_WORKER,
    KafkaError.INVALID_PRODUCER_EPOCH: _SAME_WORKER,
    KafkaError.PRODUCER_FENCED: _SAME_WORKER,
    KafkaError.UNKNOWN_TOPIC_OR_PART: "a topic is missing; run `throughline topics apply`",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: (
        "the brokers refuse this worker's transactions; allow its user Describe and Write on transactional ids"
        " that begin with THROUGHLINE_GROUP"
    ),
    KafkaError.INVALID_TRANSACTION_TIMEOUT: (
        "the brokers refuse transactions that may take 15 s; set transaction.max.timeout.ms on them to more"
    ),
    KafkaError.GROUP_AUTHORIZATION_FAILED: (
        "the brokers refuse this worker its consumer group; allow its user Read and Describe on THROUGHLINE_GROUP"
    ),
    KafkaError.TOPIC_AUTHORIZATION_FAILED: (
        "the brokers refuse this worker a topic; allow its user Describe, Read and Write on those that begin with"
        " THROUGHLINE_TOPIC_PREFIX"
    ),
}


def operators(error: BaseException) -> bool:
    """Whether what went wrong is the operator's to put right; anything else is a fault of this program."""
    return isinstance(error, KafkaException | Unavailable)


def in_words(error: BaseException) -> str:
    """One line for the operator: what went wrong and, where that is known, what to do."""
    if isinstance(error, Unavailable):
        return str(error)
    if not isinstance(error, KafkaException):
        return f"{type(error).__name__}: {error}"
    cause = error.args[0]
    return _REFUSALS.get(cause.code()) or str(cause.str())
