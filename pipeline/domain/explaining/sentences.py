"""An explanation in sentences for a manager, each under a heading of one word."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.domain.actions import ActionKind
from pipeline.domain.explaining.explanation import Beside, Deed, Explanation
from pipeline.domain.explaining.reasons import reason_in_words
from pipeline.domain.strategies.language import ENTRY

KINDS: dict[ActionKind, str] = {
    "send_message": "a message",
    "reply_public": "an answer where the customer wrote",
    "refund": "a refund",
    "offer_chat": "the offer of a chat",
    "push_page": "a page that opens",
    "offer_callback": "the offer of a call back",
    "schedule_callback": "a call back",
    "route_to_adviser": "the way to an adviser",
    "show_context": "a note for the adviser",
    "create_ticket": "a ticket",
    "escalate": "a word to somebody who looks after it",
    "suggest_offer": "an offer",
    "suggest_article": "an article",
    "update_record": "a change of a record",
    "cancel_action": "the taking back of an action",
}
"""What each kind of action is to a customer or an adviser."""

STATUS = {
    "decided": "nothing has been heard of it yet",
    "accepted": "it was accepted",
    "sent": "it was sent",
    "delivered": "it was delivered",
    "failed": "it failed",
    "unknown": "nobody knows whether it was done",
}
"""What became of an action, by its last status."""

Line = tuple[str, str]
Clock = Callable[[int], str]
"""Epoch milliseconds in words, where the reader is."""


def headline(it: Explanation) -> str:
    """The decision in one line."""
    where = f"{it.strategy_id} version {it.strategy_version}"
    if it.outcome == "cancelled":
        return f"{where}: the attempt was ended"
    if it.outcome == "shadow":
        return f"{where}, {_place(it.step)}: tried in shadow, {_would(it)}"
    if it.outcome == "error":
        return f"{where}, {_place(it.step)}: not done, because of an error"
    if it.step == ENTRY:
        return f"{where}: {'began' if it.outcome == 'fired' else 'did not begin'}"
    return f"{where}, {_place(it.step)}: {_done(it)}"


def sentences(it: Explanation, clock: Clock) -> list[Line]:
    """What bears on the decision, in the order in which a reader asks: what for, when, why, with what result."""
    title = "This version's definition is not known here." if it.title is None else f"{it.title}."
    lane = f" ({it.lane})" if it.lane else ""
    lines: list[Line] = [("strategy", f"{title}{lane}"), ("when", _when(it, clock))]
    if it.attempt_key:
        lines.append(("about", it.attempt_key))
    lines += [("held", f"{rule} held.") for rule in it.before]
    for reason in it.reasons:
        label = "held" if reason.held else ("waits for" if it.waits and reason is it.reasons[-1] else "but")
        lines.append((label, reason_in_words(reason.rule, reason.held, reason.values)))
    if it.branch is not None:
        lines.append(("way", f"The step took its branch {it.branch}: the first whose conditions held."))
    for deed in it.actions:
        lines.append(("would send" if it.outcome == "shadow" else "sent", _deed(deed, it, clock)))
    if it.not_sent:
        lines.append(("not sent", f"{', '.join(_kind(kind) for kind in it.not_sent)}."))
    if it.control and it.actions:
        compared = f"{it.control} % of customers get nothing of this strategy, to compare with"
        lines.append(("compared", f"{compared}; this one is not among them."))
    return lines + [("beside", _beside(one)) for one in it.beside]


def _place(step: str) -> str:
    return "its entry" if step == ENTRY else f"step {step}"


def _done(it: Explanation) -> str:
    if it.outcome == "fired":
        kinds = ", ".join(_kind(deed.kind) for deed in it.actions)
        return f"sent {kinds}" if kinds else "carried out, with nothing to send"
    return "held back" if it.waits else "not done"


def _would(it: Explanation) -> str:
    if it.reasons and not it.reasons[-1].held and not it.actions:
        return "it would not have been done"
    if it.step == ENTRY:
        return "it would have begun"
    number = len(it.actions)
    return f"it would have sent {number} action{'s' if number != 1 else ''}"


def _kind(kind: str | None) -> str:
    return "an action" if kind is None else next((told for name, told in KINDS.items() if name == kind), kind)


def _when(it: Explanation, clock: Clock) -> str:
    at = clock(it.decided_at)
    if it.event_id is None:
        return f"{at}, when a time that it waited for was over."
    if it.cause is None:
        return f"{at}, because of the event {it.event_id}."
    cause = it.cause
    what = f"{cause.kind} on {cause.channel}"
    return f"{at}, because of {what} at {clock(cause.occurred_at)} (event {cause.event_id})."


def _deed(deed: Deed, it: Explanation, clock: Clock) -> str:
    told = ", ".join(f"{name} {value}" for name, value in deed.body.items())
    said = _kind(deed.kind).capitalize() + (f" ({told})" if told else "")
    if it.outcome == "shadow":
        return f"{said}, as action {deed.action_id}."
    fate = "it is to be taken back" if deed.taken_back else STATUS.get(deed.status, deed.status)
    steps = "; ".join(
        f"{one.status} {clock(one.at)}{f' ({one.detail})' if one.detail else ''}" for one in deed.receipts
    )
    return f"{said}, action {deed.action_id}: {fate}{f' [{steps}]' if steps else ''}."


def _beside(one: Beside) -> str:
    where = f"{one.strategy_id} version {one.strategy_version}, {_place(one.step)}"
    if one.reason is None or one.actions:
        number = f" with {one.actions} action{'s' if one.actions > 1 else ''}" if one.actions else ""
        return f"{where}: {one.outcome}{number}."
    return f"{where}: {one.outcome}. {reason_in_words(one.reason.rule, one.reason.held, one.reason.values)}"
