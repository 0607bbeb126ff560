"""What people ask to be done with a customer's record: advisers, operators, those who answer for privacy.

Times are epoch milliseconds, UTC; `by` is who asked.
"""

from __future__ import annotations

import msgspec


class EraseRequested(msgspec.Struct, kw_only=True):
    """Forget the customer: all that is kept about them, under every id and identifier.

    `within` has the ids of the one who asked and of those merged into them, into one of whom this customer was
    merged; it is empty for the one who asked. With `unless_known` evidence alone says that this is the one who
    asked, and that is not enough to forget somebody whom the system of record knows.
    """

    customer_id: str
    by: str
    requested_at: int
    within: list[str] = msgspec.field(default_factory=list)
    unless_known: bool = False

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class UnmergeRequested(msgspec.Struct, kw_only=True):
    """Undo a merge: `loser` gets back what it brought to `winner`, and is not merged into it again."""

    loser: str
    winner: str
    rule: str
    by: str
    requested_at: int

    @property
    def key(self) -> str:
        """The loser's id, where what it brought is kept."""
        return self.loser


class ThreadsJoined(msgspec.Struct, kw_only=True):
    """An adviser says that the thread `thread_id` is about the same as `into`, which stays."""

    customer_id: str
    thread_id: str
    into: str
    by: str
    requested_at: int

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class ThreadSplit(msgspec.Struct, kw_only=True):
    """An adviser says that these interactions (`channel:interaction_id`) of a thread are about something else.

    They go to a thread of their own about `subject`.
    """

    customer_id: str
    thread_id: str
    interactions: list[str]
    subject: str
    by: str
    requested_at: int

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


Request = EraseRequested | UnmergeRequested | ThreadsJoined | ThreadSplit
