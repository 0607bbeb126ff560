"""What a hot record lets go of when its customer's session has closed: what only a recent past is asked about."""

from __future__ import annotations

from pipeline.domain.contacts import DAY_MS
from pipeline.domain.ledger import forget_sent
from pipeline.domain.recent import forget_before
from pipeline.domain.state import Anchor, CustomerState, Thread
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.in_flight import forget_shadows
from pipeline.domain.strategies.policy import LONGEST_CAP_MS
from pipeline.domain.thread_parts import is_lasting

REMEMBERED_MS = 7 * DAY_MS
"""How long at least an event is told from its duplicate, if it is among the last ones."""

SETTLED_MS = 30 * DAY_MS
"""How long after its last event a thread still tells who said what in it, and when."""

_REFS, _SETTLED_REFS = 6, 1


def fade(state: CustomerState, now: int, rules: Rules) -> None:
    """Make the record smaller; what is left decides everything as before.

    An ended attempt only keeps itself from being made again, so what it began with and waited for can go.
    """
    forget_before(state, now - REMEMBERED_MS)
    forget_sent(state, now - LONGEST_CAP_MS)
    forget_shadows(state, rules)
    for attempt in state.attempts.values():
        if attempt.ended_at is None:
            strategy = rules.version(attempt.strategy_id, attempt.version)
            if strategy is not None and now - attempt.started_at > strategy.lifetime_ms:
                attempt.ended_at = now
        if attempt.ended_at is not None:
            attempt.entry = Anchor("", "", "", "", 0)
            attempt.thread_id = None
            attempt.waits, attempt.noted = {}, {}
    for thread in state.threads:
        settled = thread.last_at < now - SETTLED_MS
        if settled:
            thread.told = {}
        _let_go(thread, _SETTLED_REFS if settled else _REFS)


def _let_go(thread: Thread, kept: int) -> None:
    """Keep cases and orders, by which a thread is found as long as it is there, and the last of the other refs."""
    passing = [ref for ref in thread.refs if not is_lasting(ref)]
    gone = set(passing[:-kept])
    if gone:
        thread.refs = [ref for ref in thread.refs if ref not in gone]
