"""Rows that grow with a customer's years, each under its own key, so that the hot record does not.

All are MessagePack; keys begin with the customer's id, so that a customer's rows lie together.
"""

from __future__ import annotations

import msgspec

from pipeline.domain.interactions import Identifier


class HistoryEntry(msgspec.Struct, kw_only=True, array_like=True):
    """One event of a customer's history, appended under its own key in the `history` table (MessagePack).

    `late` marks an event that came after the grace period and touched no session; `adviser` is who helped; by
    `clock_skew_ms` the clock of the source was ahead of what is possible.
    """

    customer_id: str
    event_id: str
    occurred_at: int
    channel: str
    kind: str
    interaction_id: str
    session_id: str | None = None
    thread_id: str | None = None
    subject: str | None = None
    late: bool = False
    adviser: str | None = None
    clock_skew_ms: int = 0

    @property
    def key(self) -> str:
        """Customer, time (milliseconds, 13 digits, so that keys sort by time) and event."""
        return f"{self.customer_id}|{self.occurred_at:013d}|{self.event_id}"


class HeldIdentifier(msgspec.Struct, kw_only=True, array_like=True):
    """An identifier that the customer was ever seen under, in the `identifiers` table."""

    customer_id: str
    identifier: Identifier
    seen_at: int

    @property
    def key(self) -> str:
        """Customer and identifier."""
        return f"{self.customer_id}|{self.identifier.key}"


class Forget(msgspec.Struct, kw_only=True):
    """Not a row, but the end of all of them: the record and every row of the customer are deleted.

    Of what happened up to `erased_at` nothing is taken in again. `customers` are ids of the one who asked, this one
    among them, `identifiers` those of the record, `others` who was merged into it or kept apart; they are told.
    """

    customer_id: str
    erased_at: int
    by: str
    customers: list[str]
    identifiers: list[Identifier]
    others: list[str]

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


Row = HistoryEntry | HeldIdentifier | Forget
