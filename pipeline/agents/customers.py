"""The customers of one partition: their hot records, the rows beside them, and what keeps the forgotten away."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import TypeVar

from pipeline.domain.erasure import customer_mark, forgotten, identifier_mark
from pipeline.domain.messages import Output
from pipeline.domain.rows import Forget, HeldIdentifier, HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.runtime.app import App
from pipeline.runtime.deadlines import Deadlines
from pipeline.runtime.partition import TablePartition

RowT = TypeVar("RowT", HistoryEntry, HeldIdentifier)

EXPIRED_AT_ONCE = 1_000
"""Rows of one customer that are deleted in one go."""

# Sorts after every time in a row's key, and so leads to the next customer's rows.
_AFTER_ALL_TIMES = ":"


class Marks:
    """Up to when nothing is taken in of customers and identifiers that were forgotten: the `suppressed` table.

    Its keys are hashes made with `secret`. Identifiers and customers with the same partition number share it.
    """

    def __init__(self, app: App, secret: bytes) -> None:
        self._table = app.Table("suppressed", value_type=int, keep_cached=False)
        self._secret = secret

    def of_customer(self, partition: int, customer_id: str) -> int:
        """When the customer was forgotten, epoch milliseconds; -1 for never."""
        return self._get(partition, customer_mark(customer_id, self._secret))

    def of_identifier(self, partition: int, key: str) -> int:
        """When the identifier was forgotten, epoch milliseconds; -1 for never."""
        return self._get(partition, identifier_mark(key, self._secret))

    def mark_customer(self, partition: int, customer_id: str, erased_at: int) -> None:
        """Take nothing in of the customer up to this time."""
        self._put(partition, customer_mark(customer_id, self._secret), erased_at)

    def mark_identifier(self, partition: int, key: str, erased_at: int) -> None:
        """Take nothing in of the identifier up to this time."""
        self._put(partition, identifier_mark(key, self._secret), erased_at)

    def _get(self, partition: int, mark: str) -> int:
        erased_at: int | None = self._table.partition(partition).get(mark)
        return -1 if erased_at is None else erased_at

    def _put(self, partition: int, mark: str, erased_at: int) -> None:
        self._table.partition(partition).put(mark, max(erased_at, self._get(partition, mark)))


class Customers:
    """The tables of one partition. Keys of rows begin with the customer's id; in the history a time follows."""

    def __init__(
        self,
        partition: int,
        states: TablePartition[CustomerState],
        history: TablePartition[HistoryEntry],
        identifiers: TablePartition[HeldIdentifier],
        deadlines: Deadlines,
        marks: Marks,
    ) -> None:
        self.partition = partition
        self.states = states
        self.history = history
        self.identifiers = identifiers
        self.deadlines = deadlines
        self.marks = marks
        self._swept = ""

    def begin(self, customer_id: str) -> CustomerState:
        """The record of a customer who has none yet; it knows whether there was one who was forgotten."""
        return CustomerState(customer_id, erased_at=self.marks.of_customer(self.partition, customer_id))

    def forget(self, forget: Forget) -> list[Output]:
        """Delete the record, its deadline and its rows; whom that is to be told."""
        customer_id = forget.customer_id
        state = self.states.get(customer_id)
        if state is not None:
            self.deadlines.move(customer_id, state.next_due, None)
            self.states.delete(customer_id)
        for entry in _rows_of(self.history, customer_id):
            self.history.delete(entry.key)
        held = _rows_of(self.identifiers, customer_id)
        for row in held:
            self.identifiers.delete(row.key)
        self.marks.mark_customer(self.partition, customer_id, forget.erased_at)
        return [*forgotten(forget, held)]

    def rows(self, customer_id: str) -> int:
        """How many rows there are beside the customer's record."""
        return len(_rows_of(self.history, customer_id)) + len(_rows_of(self.identifiers, customer_id))

    def expire(self, customer_id: str, before: int) -> int:
        """Delete the customer's history from before a time (epoch milliseconds), at most EXPIRED_AT_ONCE rows.

        Returns how many. It reads one row more than it deletes, whatever the customer has; what is not committed
        yet is not looked at.
        """
        expired = 0
        for _, entry in islice(self.history.scan(f"{customer_id}|"), EXPIRED_AT_ONCE):
            if entry.customer_id != customer_id or entry.occurred_at >= before:
                break
            self.history.delete(entry.key)
            expired += 1
        return expired

    def sweep(self, before: int, customers: int) -> int:
        """Expire the history of the next so many customers, of whom nothing may ever be heard again.

        Returns how many rows that were. After the last customer the first has its turn again.
        """
        expired = 0
        for _ in range(customers):
            entry = next((row for _, row in self.history.scan(self._swept)), None)
            if entry is None:
                self._swept = ""
                break
            if entry.occurred_at < before:
                expired += self.expire(entry.customer_id, before)
            self._swept = f"{entry.customer_id}|{_AFTER_ALL_TIMES}"
        return expired


def _rows_of(table: TablePartition[RowT], customer_id: str) -> list[RowT]:
    """All rows of a customer, committed or not."""
    prefix = f"{customer_id}|"
    keys = takewhile(lambda key: key.startswith(prefix), table.keys_from(prefix))
    rows = [row for key in keys if (row := table.get(key)) is not None]
    # An id that goes on with a bar is another customer's.
    return [row for row in rows if row.customer_id == customer_id]
