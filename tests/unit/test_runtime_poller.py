"""What the poll thread makes of the errors that Kafka hands it in place of messages."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from pipeline.runtime.asking import in_words
from pipeline.runtime.poller import Fetched, Poller


class Told:
    """A message that is an error (`confluent_kafka.Message`)."""

    def __init__(self, code: int) -> None:
        self._error = KafkaError(code)

    def error(self) -> KafkaError:
        return self._error


def sort(code: int) -> None:
    message: Any = Told(code)
    Poller._sort(message, Fetched(0, [], {}))


def test_a_consumer_beyond_repair_ends_the_worker_with_what_to_do() -> None:
    with pytest.raises(KafkaException) as raised:
        sort(KafkaError._FATAL)
    assert "start it again" in in_words(raised.value)


def test_a_broker_that_is_away_is_waited_for() -> None:
    sort(KafkaError._ALL_BROKERS_DOWN)
