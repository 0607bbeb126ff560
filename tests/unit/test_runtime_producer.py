"""How a worker's producer and its questions to brokers deal with failures, over a fake librdkafka."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.runtime import asking, producer
from pipeline.runtime.asking import answered, in_words
from pipeline.runtime.batch import TP, Output, Unavailable
from pipeline.runtime.checkpoint import TransactionAborted
from pipeline.runtime.producer import TransactionalProducer


def failure(code: int, **flags: bool) -> KafkaException:
    return KafkaException(KafkaError(code, **flags))


TIMED_OUT = failure(KafkaError._TIMED_OUT, retriable=True)
ABORTABLE = failure(KafkaError.ILLEGAL_GENERATION, txn_requires_abort=True)
FENCED = failure(KafkaError._FENCED, fatal=True)


class Librdkafka:
    """Notes what it is asked for; the next answers to each are in `answers`, an exception is raised."""

    def __init__(self, _: dict[str, Any]) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, list[BaseException | None]] = {}

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_: Any, **__: Any) -> None:
            self.asked.append(name)
            answer = self.answers[name].pop(0) if self.answers.get(name) else None
            if answer is not None:
                raise answer

        return call


@pytest.fixture
def transactions(monkeypatch: pytest.MonkeyPatch) -> TransactionalProducer:
    monkeypatch.setattr(producer, "Producer", Librdkafka)
    return TransactionalProducer({}, "worker")


def fake(transactions: TransactionalProducer) -> Any:
    return transactions._producer


def test_a_broker_that_is_slow_is_asked_again(transactions: TransactionalProducer) -> None:
    fake(transactions).answers = {"commit_transaction": [TIMED_OUT, TIMED_OUT, None]}
    transactions.begin()
    transactions.commit()
    assert fake(transactions).asked.count("commit_transaction") == 3


@pytest.mark.parametrize("step", ["send_offsets_to_transaction", "commit_transaction"])
def test_a_refusal_that_asks_for_an_abort_is_one(transactions: TransactionalProducer, step: str) -> None:
    fake(transactions).answers = {step: [ABORTABLE]}
    transactions.begin()
    with pytest.raises(TransactionAborted):
        transactions.send_offsets({TP("topic", 0): 1}, "group")
        transactions.commit()


def test_a_record_that_is_not_taken_because_the_transaction_has_failed_aborts_it(
    transactions: TransactionalProducer,
) -> None:
    fake(transactions).answers = {"produce": [failure(KafkaError._STATE)]}
    transactions.begin()
    with pytest.raises(TransactionAborted):
        transactions.produce(Output("topic", b"k", b"v", []))


def test_a_full_queue_is_waited_for(transactions: TransactionalProducer) -> None:
    fake(transactions).answers = {"produce": [BufferError(), BufferError(), None]}
    transactions.begin()
    transactions.produce_changes("changelog", 0, {b"k": b"v"})
    assert fake(transactions).asked[1:] == ["produce", "poll", "produce", "poll", "produce"]


def test_a_fenced_worker_stops_at_once(transactions: TransactionalProducer) -> None:
    fake(transactions).answers = {"commit_transaction": [FENCED]}
    transactions.begin()
    with pytest.raises(KafkaException) as raised:
        transactions.commit()
    assert in_words(raised.value) == (
        "another worker runs with the same THROUGHLINE_WORKER_ID; give each its own"
    )


def test_an_abort_is_asked_for_until_the_broker_answers(transactions: TransactionalProducer) -> None:
    fake(transactions).answers = {"abort_transaction": [TIMED_OUT, TIMED_OUT, None]}
    transactions.begin()
    transactions.abort()
    transactions.abort()  # nothing is open any more
    assert fake(transactions).asked.count("abort_transaction") == 3


def test_an_abort_that_is_refused_leaves_it_to_the_broker(transactions: TransactionalProducer) -> None:
    fake(transactions).answers = {"abort_transaction": [FENCED]}
    transactions.begin()
    transactions.abort()
    assert fake(transactions).asked.count("abort_transaction") == 1


@pytest.mark.parametrize("step", ["init_transactions", "commit_transaction"])
def test_a_worker_that_gives_up_asks_no_more(transactions: TransactionalProducer, step: str) -> None:
    fake(transactions).answers = {step: [TIMED_OUT] * 10}
    transactions.give_up()
    with pytest.raises(KafkaException):
        transactions.start()
        transactions.begin()
        transactions.commit()
    assert fake(transactions).asked.count(step) == 1


def test_a_passing_refusal_is_asked_again_and_another_is_raised() -> None:
    answers = iter([failure(KafkaError.NOT_COORDINATOR), TIMED_OUT, None])

    def ask() -> str:
        answer = next(answers)
        if answer is not None:
            raise answer
        return "answer"

    assert answered(ask, Event()) == "answer"
    with pytest.raises(KafkaException):
        answered(lambda: (_ for _ in ()).throw(failure(KafkaError.TOPIC_AUTHORIZATION_FAILED)), Event())


def test_who_stops_is_not_kept_waiting_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, asked = Event(), []

    def ask() -> None:
        asked.append(1)
        if len(asked) == 3:
            stopping.set()
        assert len(asked) < 10, "asked on"
        raise TIMED_OUT

    with pytest.raises(KafkaException):
        answered(ask, stopping)
    assert len(asked) == 3
    assert asking.PATIENCE_S > asking.ATTEMPT_S


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("x"), "ValueError: x"),
        (Unavailable("the disk is full"), "the disk is full"),
        (
            failure(KafkaError.INVALID_TRANSACTION_TIMEOUT, fatal=True),
            "the brokers refuse transactions that may take 15 s; set transaction.max.timeout.ms on them to more",
        ),
        (failure(KafkaError.UNKNOWN_TOPIC_OR_PART), "a topic is missing; run `throughline topics apply`"),
    ],
)
def test_failures_are_told_in_one_line(error: BaseException, words: str) -> None:
    assert in_words(error) == words


def hang(*_: Any, **__: Any) -> None:
    Event().wait(30)


def test_offsets_that_are_never_taken_abort_the_transaction(
    transactions: TransactionalProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "_STUCK_S", 0.05)
    stuck = fake(transactions)
    stuck.send_offsets_to_transaction = hang
    transactions.begin()
    with pytest.raises(TransactionAborted):
        transactions.send_offsets({TP("in", 0): 1}, None)
    transactions.abort()
    assert fake(transactions) is not stuck
    assert fake(transactions).asked == ["init_transactions"]


def test_a_commit_that_never_answers_is_nobodys_to_guess(
    transactions: TransactionalProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "_STUCK_S", 0.05)
    fake(transactions).commit_transaction = hang
    transactions.begin()
    with pytest.raises(producer.Stuck):
        transactions.commit()
    transactions.abort()
    assert "abort_transaction" not in fake(transactions).asked


class Clock:
    """A clock that goes on by a second whenever it is looked at."""

    now = 0.0

    @classmethod
    def monotonic(cls) -> float:
        cls.now += 1.0
        return cls.now


def test_brokers_that_answer_but_coordinate_nothing_are_not_waited_for_for_ever(
    transactions: TransactionalProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "time", Clock)
    fake(transactions).answers = {"init_transactions": [TIMED_OUT] * 1000}
    fake(transactions).list_topics = lambda timeout: SimpleNamespace(brokers={1: "a", 2: "b"})
    with pytest.raises(Unavailable, match=r"brokers answer \(2 of them\), but none has coordinated"):
        transactions.start()
    assert fake(transactions).asked.count("init_transactions") < 100


def test_brokers_that_are_away_are_waited_for_however_long(
    transactions: TransactionalProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "time", Clock)
    fake(transactions).answers = {
        "init_transactions": [TIMED_OUT] * 1000,
        "list_topics": [failure(KafkaError._TRANSPORT)] * 1000,
    }
    transactions.start()
    assert fake(transactions).asked.count("init_transactions") == 1001
