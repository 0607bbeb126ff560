"""Why one decision went so: everything that bears on it, put together."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from pipeline.domain.actions import CancelAction, Lane
from pipeline.domain.explaining.account import Account, Cause
from pipeline.domain.explaining.definition import NOWHERE, Definition, Place, plain
from pipeline.domain.explaining.reasons import waits
from pipeline.domain.messages import RECEIPT_RANK, ActionReceipt, Decision, Outcome, Reason


class Deed(msgspec.Struct, frozen=True):
    """An action of a decision and what became of it: `status` is how far it has come, `receipts` how.

    `kind` is None where the action itself is not to be found. `taken_back` says that it is to be cancelled.
    """

    action_id: str
    kind: str | None = None
    body: dict[str, Any] = {}
    status: str = "decided"
    receipts: list[ActionReceipt] = []
    taken_back: bool = False


class Beside(msgspec.Struct, frozen=True):
    """What else was decided at the same moment, with the reason that decided it, if it was one against."""

    strategy_id: str
    strategy_version: int
    step: str
    outcome: Outcome
    actions: int
    reason: Reason | None


class Explanation(msgspec.Struct, frozen=True):
    """A decision, explained. Times in epoch milliseconds.

    `title`, `lane` and `control` (percent of customers who get nothing) are of the strategy's version, None where
    that is not known. `cause` is None for a timer, or where the event `event_id` is not to be found. `before` are
    conditions that held and are not recorded; `reasons` those that are, with what they saw; the gates are among
    them. `waits` says that something is held back rather than stopped; `branch` counts from 1; `not_sent` are the
    kinds of actions that a step wanted and a gate kept from going.
    """

    decision_id: str
    customer_id: str
    outcome: Outcome
    decided_at: int
    strategy_id: str
    strategy_version: int
    title: str | None
    lane: Lane | None
    control: int | None
    attempt_key: str
    step: str
    event_id: str | None
    cause: Cause | None
    session_id: str | None
    thread_id: str | None
    before: list[str]
    reasons: list[Reason]
    waits: bool
    branch: int | None
    not_sent: list[str]
    actions: list[Deed]
    beside: list[Beside]


def explain(decision: Decision, account: Account, definition: Definition | None) -> Explanation:
    """Explain a decision from what is told of its customer and the definition of its strategy's version."""
    place = definition.places.get(decision.step, NOWHERE) if definition else NOWHERE
    against = _against(decision)
    branch = place.way_taken({plain(one.rule) for one in decision.reasons if one.held})
    deeds = [_deed(action_id, account) for action_id in decision.action_ids]
    return Explanation(
        decision_id=decision.decision_id,
        customer_id=decision.customer_id,
        outcome=decision.outcome,
        decided_at=decision.decided_at,
        strategy_id=decision.strategy_id,
        strategy_version=decision.strategy_version,
        title=definition.title if definition else None,
        lane=definition.lane if definition else None,
        control=definition.control if definition else None,
        attempt_key=decision.attempt_key,
        step=decision.step,
        event_id=decision.event_id,
        cause=account.causes.get(decision.event_id or ""),
        session_id=decision.session_id,
        thread_id=decision.thread_id,
        before=list(place.asked_before(plain(against.rule))) if against and not deeds else [],
        reasons=decision.reasons,
        waits=against is not None
        and (waits(against.rule, against.values) or plain(against.rule) in place.hold_until),
        branch=branch if deeds else None,
        not_sent=_not_sent(decision, account, place, branch) if against and deeds else [],
        actions=deeds,
        beside=[_beside(one) for one in account.beside(decision)],
    )


def _against(decision: Decision) -> Reason | None:
    """The reason that decided, if it was one against."""
    last = decision.reasons[-1] if decision.reasons else None
    return None if last is None or last.held else last


def _deed(action_id: str, account: Account) -> Deed:
    command = account.commands.get(action_id)
    receipts = account.receipts.get(action_id, [])
    status = max(["decided", *(one.status for one in receipts)], key=RECEIPT_RANK.__getitem__)
    if command is None:
        return Deed(action_id, status=status, receipts=receipts)
    cancelled = any(
        isinstance(one.body, CancelAction) and one.body.action_id == action_id
        for one in account.commands.values()
    )
    body = {name: value for name, value in msgspec.to_builtins(command.body).items() if value is not None}
    return Deed(action_id, body.pop("kind"), body, status, receipts, cancelled)


def _beside(decision: Decision) -> Beside:
    return Beside(
        decision.strategy_id,
        decision.strategy_version,
        decision.step,
        decision.outcome,
        len(decision.action_ids),
        _against(decision),
    )


def _not_sent(decision: Decision, account: Account, place: Place, branch: int | None) -> list[str]:
    """The kinds of the step's actions that have not been sent by then; nothing where its way is not known."""
    if not place.ways or (branch is None and len(place.ways) > 1):
        return []
    own = [account.commands[one] for one in decision.action_ids if one in account.commands]
    sent = Counter(
        str(one.kind)
        for one in account.commands.values()
        if own
        and one.decided_at <= decision.decided_at
        and (one.strategy_id, one.attempt_key, one.step, one.occurrence)
        == (own[0].strategy_id, own[0].attempt_key, own[0].step, own[0].occurrence)
    )
    return list((Counter(place.ways[(branch or 1) - 1].kinds) - sent).elements())
