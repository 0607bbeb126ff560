"""What a worker tells the others of itself, so that each knows whom to ask."""

from __future__ import annotations

import msgspec


class WorkerStatus(msgspec.Struct, kw_only=True, frozen=True):
    """A worker that runs: `address` (host:port) answers questions about the customers of its `partitions`, which it
    owns since `updated_at`.

    Of the topic `strategies` it has applied every record before `strategies_offset`, but those under the keys in
    `strategies_refused`, which says why; of the topic `circumstances` likewise. Times are epoch milliseconds.
    """

    worker_id: str
    address: str
    partitions: list[int] = msgspec.field(default_factory=list)
    started_at: int
    updated_at: int
    strategies_offset: int = 0
    strategies_refused: dict[str, str] = msgspec.field(default_factory=dict)
    circumstances_offset: int = 0
    circumstances_refused: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def key(self) -> str:
        """The worker's id."""
        return self.worker_id
