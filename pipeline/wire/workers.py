"""What a worker tells the others of itself, so that each knows whom to ask."""

from __future__ import annotations

import msgspec


class WorkerStatus(msgspec.Struct, kw_only=True, frozen=True):
    """A worker that runs: `address` (host:port) answers questions about the customers of its `partitions`.

    Times are epoch milliseconds.
    """

    worker_id: str
    address: str
    partitions: list[int] = msgspec.field(default_factory=list)
    started_at: int
    updated_at: int

    @property
    def key(self) -> str:
        """The worker's id."""
        return self.worker_id
