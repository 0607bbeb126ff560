"""A circumstance as the compacted topic `circumstances` tells it. Times are epoch milliseconds, UTC."""

from __future__ import annotations

import msgspec


class DeclaredCircumstance(msgspec.Struct, kw_only=True, frozen=True):
    """A circumstance in force from `from_at` until just before `until_at` (None: until it is ended) for customers
    of whom `scope` (CEL) is true. One that was ended before it began has the same time twice. `declared_by` and
    `declared_at` are of this record, so of the last change.
    """

    circumstance_id: str
    title: str
    scope: str
    from_at: int
    until_at: int | None = None
    tell: str
    declared_by: str
    declared_at: int

    @property
    def key(self) -> str:
        """The circumstance's id."""
        return self.circumstance_id

    def over(self, now: int) -> bool:
        """Whether it has ended by `now` (epoch milliseconds)."""
        return self.until_at is not None and self.until_at <= now
