"""Whether an event begins an attempt, and what speaks against it."""

from __future__ import annotations

from typing import Any

from pipeline.domain.attempts import bound_attempts
from pipeline.domain.failures import Failure
from pipeline.domain.gates import rival
from pipeline.domain.state import ATTEMPTS, Attempt
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.language import ENTRY
from pipeline.domain.strategies.moment import Moment
from pipeline.domain.strategies.recording import (
    EVENT_ALONE,
    Refusal,
    paused,
    record,
    refusal,
    too_old,
    why,
)

LOOP_MS = 3_600_000
LOOP_ATTEMPTS = 20
"""How many attempts of one strategy a customer begins in `LOOP_MS` at most."""


def enter(strategy: Strategy, moment: Moment) -> Attempt | None:
    """Begin an attempt if the conditions hold and nothing speaks against it; either way it is recorded."""
    refused = too_old(strategy, moment) or refusal(strategy.entry_conditions, moment)
    key: Any = None
    if refused is None:
        key = strategy.key.evaluate(*moment.values())
        if isinstance(key, Failure) or key in ("", None):
            refused = _keyless(strategy.key, key)
        else:
            refused = _outdone(strategy, moment) or _loops(strategy, moment)
    elif refused.reads == EVENT_ALONE:
        # A rule about the event alone tells which events the strategy is about: the others are nothing to decide.
        return None
    if strategy.paused:
        refused = paused(strategy)
    if refused is not None:
        record_refused_entry(strategy, moment, refused, strategy.name)
        return None
    return _begin(strategy, moment, str(key))


def record_refused_entry(strategy: Strategy, moment: Moment, refused: Refusal, noted_as: str) -> None:
    """Record why no attempt begins; the same refusal once in a session, under the name `noted_as`."""
    note = refused.note
    if moment.state.noted.get(noted_as) != note:
        moment.state.noted[noted_as] = note
        record(strategy, moment, ("", ENTRY, 0), (refused.outcome, [refused.reason()]))


def _begin(strategy: Strategy, moment: Moment, key: str) -> Attempt:
    state = moment.state
    state.noted.pop(strategy.name, None)
    record(strategy, moment, (key, ENTRY, 0), ("fired", why(strategy.entry_conditions, moment)))
    attempt = Attempt(
        strategy_id=strategy.name,
        version=strategy.version,
        key=key,
        owner=state.customer_id,
        started_at=moment.event.occurred_at,
        entry=moment.anchor,
        thread_id=moment.thread.thread_id or None,
    )
    state.attempts[f"{strategy.name}|{key}"] = attempt
    bound_attempts(state)
    return attempt


def _keyless(key: Program, value: Any) -> Refusal:
    what = value.message if isinstance(value, Failure) else "empty"
    return Refusal(f"key: {key.text}", "error", lambda: {"error": what})


def _outdone(strategy: Strategy, moment: Moment) -> Refusal | None:
    """The refusal to begin while the customer is in another strategy of the group, or was at this very moment."""
    group = strategy.policy.exclusive
    if group is None or strategy.shadow:
        return None
    state, rules = moment.state, moment.rules
    winner = rival(strategy, None, state, rules, moment.now)
    if winner is None:
        for other in state.attempts.values():
            rule = rules.strategies.get(other.strategy_id)
            at_once = other.entry.event_id == moment.event.event_id and other.strategy_id != strategy.id
            if at_once and rule is not None and rule.policy.exclusive == group:
                winner = other
                break
        else:
            return None
    values = {f"exclusive {group}": winner.strategy_id}
    return Refusal("arbitration", "suppressed", lambda: values)


def _loops(strategy: Strategy, moment: Moment) -> Refusal | None:
    """The refusal to begin when it looks as if what strategies do calls for them again and again.

    The record remembers `ATTEMPTS`, so when all of those are of this time, two or three strategies call each other.
    """
    attempts = moment.state.attempts
    lately = [it.strategy_id for it in attempts.values() if it.started_at > moment.now - LOOP_MS]
    times = lately.count(strategy.name)
    if times < (LOOP_ATTEMPTS // 2 if len(lately) >= ATTEMPTS else LOOP_ATTEMPTS):
        return None
    return Refusal("loop_guard", "suppressed", lambda: {"attempts in an hour": str(times)})
