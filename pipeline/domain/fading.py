"""What a hot record lets go of when its customer's session has closed: what only a recent past is asked about."""

from __future__ import annotations

from pipeline.domain.contacts import DAY_MS
from pipeline.domain.state import Anchor, CustomerState, forget_before
from pipeline.domain.strategies.compiled import Rules

REMEMBERED_MS = 7 * DAY_MS
"""How long at least an event is told from its duplicate, if it is among the last ones."""

SETTLED_MS = 30 * DAY_MS
"""How long after its last event a thread still tells who said what in it, and when."""


def fade(state: CustomerState, now: int, rules: Rules) -> None:
    """Make the record smaller; what is left decides everything as before.

    An ended attempt only keeps itself from being made again, so what it began with and waited for can go.
    """
    forget_before(state, now - REMEMBERED_MS)
    for attempt in state.attempts.values():
        strategy = rules.strategies.get(attempt.strategy_id)
        if attempt.ended_at is None and strategy and now - attempt.started_at > strategy.lifetime_ms:
            attempt.ended_at = now
        if attempt.ended_at is not None:
            attempt.entry = Anchor("", "", "", "", attempt.entry.occurred_at)
            attempt.thread_id = None
            attempt.waits, attempt.noted = {}, {}
    for thread in state.threads:
        if thread.last_at < now - SETTLED_MS:
            thread.told = {}
