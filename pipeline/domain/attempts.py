"""How many attempts a customer's record keeps, and how two become one: what was done for either is done, and the
waits of both go on.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.state import ATTEMPTS, COUNTED, Attempt, CustomerState, Wait


def bound_attempts(state: CustomerState) -> None:
    """Forget attempts beyond the bound: a shadow's, then the first to have ended, then the first to have begun."""
    while len(state.attempts) > ATTEMPTS:
        del state.attempts[min(state.attempts, key=lambda name: _forgotten_first(name, state.attempts[name]))]


def _forgotten_first(name: str, attempt: Attempt) -> tuple[bool, bool, int, str]:
    is_shadow = "@" in attempt.strategy_id
    return not is_shadow, attempt.ended_at is None, attempt.ended_at or attempt.started_at, name


def either(one: str | None, two: str | None) -> str | None:
    """One of two ids, the same whichever comes first."""
    return min(filter(None, (one, two)), default=None)


def same_notes(one: dict[str, int], two: dict[str, int]) -> dict[str, int]:
    """The notes of both about what was refused."""
    return one | {name: min(note, one.get(name, note)) for name, note in two.items()}


def same_attempt(one: Attempt, two: Attempt) -> Attempt:
    """The attempt that two of the same strategy and key make."""
    first = min(one, two, key=lambda it: (it.started_at, it.owner, it.version))
    ends = [it.ended_at for it in (one, two) if it.ended_at is not None]
    return Attempt(
        strategy_id=one.strategy_id,
        version=max(one.version, two.version),
        key=one.key,
        owner=first.owner,
        started_at=first.started_at,
        entry=first.entry,
        thread_id=either(one.thread_id, two.thread_id),
        done={
            step: max(one.done.get(step, 0), two.done.get(step, 0)) for step in sorted({*one.done, *two.done})
        },
        waits={
            step: _same_wait(one.waits.get(step, Wait()), two.waits.get(step, Wait()))
            for step in sorted({*one.waits, *two.waits})
        },
        noted=same_notes(one.noted, two.noted),
        ended_at=min(ends, default=None),
    )


def _same_wait(one: Wait, two: Wait) -> Wait:
    """The step that is held, else the later wait; unless the awaited event came after it had begun."""
    latest = max(one, two, key=_lateness)
    stopped_at = max(one.stopped_at, two.stopped_at)
    sent = sorted({*one.sent, *two.sent})
    counted = sorted({*one.counted, *two.counted})[-COUNTED:]
    over = latest.due is None and not latest.held
    if latest.anchor is None or over or latest.anchor.occurred_at <= stopped_at:
        return Wait(stopped_at=stopped_at, sent=sent, counted=counted)
    return replace(latest, stopped_at=stopped_at, sent=sent, counted=counted)


def _lateness(wait: Wait) -> tuple[bool, int, str, int, int]:
    anchor = wait.anchor.event_id if wait.anchor else ""
    return wait.held, wait.due or -1, anchor, wait.until or -1, wait.branch
