"""Caps: how often at most, by the strategy for its own commands and by the brand for all of the lane `proactive`.

Only what is sent to the customer counts. Check and reserve are one step: `reserve_caps` follows on the verdict,
before anything else is asked.
"""

from __future__ import annotations

from pipeline.domain.gates.asking import Asked
from pipeline.domain.ledger import reserve, sent_since
from pipeline.domain.messages import ActionCommand, Reason
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.fields import UNIT_MS
from pipeline.domain.strategies.policy import Cap
from pipeline.domain.templates import Brand


def caps_gate(asked: Asked) -> Reason | None:
    """Stops what would be one too many."""
    wish, strategy, moment = asked.wish, asked.strategy, asked.moment
    if wish.channel is None:
        return None
    own: tuple[tuple[Cap, str | None], ...] = tuple((cap, strategy.id) for cap in strategy.policy.caps)
    if wish.lane == "proactive":
        own += tuple((cap, None) for cap in moment.rules.brand.caps)
    for cap, counts in own:
        if cap.channel in (None, wish.channel):
            sent = sent_since(moment.state, moment.now - cap.per_ms, counts, cap.channel)
            if sent is None or sent >= cap.times:
                return _reason(cap, counts, sent)
    return None


def reserve_caps(
    state: CustomerState, command: ActionCommand, channel: str | None, strategy: Strategy, brand: Brand
) -> None:
    """Count a command that is decided, where a cap may ask for it."""
    counts = strategy.policy.caps or (command.lane == "proactive" and brand.caps)
    if counts and channel is not None:
        reserve(state, command, channel)


def _reason(cap: Cap, counts: str | None, sent: int | None) -> Reason:
    values = {
        "cap": _words(cap),
        "of": "the brand" if counts is None else counts,
        "sent": "more than are remembered" if sent is None else str(sent),
    }
    return Reason(rule="caps", held=False, values=values)


def _words(cap: Cap) -> str:
    """The cap as its author wrote it, or nearly so."""
    left, span = cap.per_ms, ""
    for unit, length in UNIT_MS.items():
        times, left = divmod(left, length)
        span += f"{times}{unit}" if times else ""
    return f"{cap.times} in {span}" + (f" on {cap.channel}" if cap.channel else "")
