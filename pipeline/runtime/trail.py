"""What the topics tell of one customer, read beside the workers: decisions, actions, receipts, and their causes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from confluent_kafka import Message

from pipeline.domain.explaining.account import Account
from pipeline.domain.failures import Failure
from pipeline.runtime.reading import offsets_at, read_committed
from pipeline.runtime.workers import partition_of
from pipeline.settings import Settings
from pipeline.wire.codec import Codec

_TOLD = ("decisions", "actions", "action.receipts", "interactions.identified", "identity.changes")
_WITH_ACTIONS = ("actions", "decisions")
_EVERY = 1_000
# A decision and its actions are committed together; brokers' clocks may differ, and events come before.
_MARGIN_MS = 60_000


@dataclass
class Trail:
    """Reads from the brokers of the settings. `told` is called with the number of records read, now and then.

    `unreadable` counts the customer's records that cannot be read. Methods raise KafkaException when the brokers do
    not answer. Times are epoch milliseconds of the records' arrival at the brokers.
    """

    settings: Settings
    codec: Codec
    told: Callable[[int], None] = lambda done: None
    unreadable: int = 0

    def account(self, customer_id: str, since: int) -> Account:
        """What is told of a customer from a time on; only their own partition is read."""
        account, key = Account(customer_id), customer_id.encode()
        for message in self._messages(_TOLD, since, self._home(customer_id)):
            raw = message.value()
            if raw is None or message.key() != key:
                continue
            record = self.codec.decode(raw)
            if isinstance(record, Failure):
                self.unreadable += 1
            else:
                account.take(record)
        return account

    def whose(self, action_id: str, since: int, customer_id: str | None = None) -> tuple[str, int] | None:
        """The customer of an action, and from when on to read what is told of it; None when it is not there.

        All partitions are searched, unless it is known which customer it is.
        """
        wanted = action_id.encode()
        partition = None if customer_id is None else self._home(customer_id)
        messages = self._messages(_WITH_ACTIONS, since, partition)
        # Most records are of other actions: their bytes tell that without being decoded.
        for message in messages:
            if wanted in (message.value() or b""):
                customer = (message.key() or b"").decode(errors="replace")
                if customer_id in (None, customer):
                    return customer, message.timestamp()[1] - _MARGIN_MS
        return None

    def _home(self, customer_id: str) -> int:
        return partition_of(customer_id, self.settings.partitions)

    def _messages(self, topics: tuple[str, ...], since: int, partition: int | None) -> Iterator[Message]:
        kafka = self.settings.kafka()
        names = [f"{self.settings.topic_prefix}{topic}" for topic in topics]
        positions = {
            place: offset
            for place, offset in offsets_at(kafka, names, max(0, since)).items()
            if partition in (None, place[1])
        }
        for number, message in enumerate(read_committed(kafka, positions), 1):
            yield message
            if number % _EVERY == 0:
                self.told(number)
