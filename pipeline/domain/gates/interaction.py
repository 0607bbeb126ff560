"""What the customer is doing: nobody gets texts in the middle of a call, nobody is sold anything while a complaint
of theirs is open.
"""

from __future__ import annotations

from pipeline.domain.actions import ATTENTION
from pipeline.domain.contacts import CALLS, DAY_MS
from pipeline.domain.gates.asking import CALL, Answer, Asked, Hold
from pipeline.domain.going_on import held_until
from pipeline.domain.messages import Reason
from pipeline.domain.state import CustomerState, GoingOn, Thread
from pipeline.domain.templates import Brand

COMPLAINT = "complaint"
"""The fact by which a channel or an adviser says that a thread is a complaint, or that it is none."""

COMPLAINT_MS = 30 * DAY_MS
"""How long after its last event a complaint that nobody has resolved counts as open."""


def interaction_gate(asked: Asked) -> Answer:
    """Stops offers and the lane `proactive` while a complaint is open; holds texts until a call is over.

    A page is pushed in a call, and safety waits for nothing. A text, unless it is `proactive`, goes out during a
    call when the call itself calls for it (an adviser asks for a confirmation), or when it answers on the channel
    on which the customer has just done something and does not demand attention.
    """
    wish, moment = asked.wish, asked.moment
    if wish.channel is None:
        return None
    if wish.lane == "proactive" or wish.kind == "suggest_offer":
        complaint = open_complaint(moment.state, moment.rules.brand, moment.now)
        if complaint is not None:
            values = {"open complaint": complaint.thread_id, "intent": str(complaint.intent)}
            return Reason(rule="interaction", held=False, values=values)
    if wish.lane == "safety" or wish.kind == "push_page":
        return None
    call = call_of(moment.state, moment.now)
    if call is None or _belongs(asked, call):
        return None
    values = {"on a call": call.interaction_id, "since": str(call.started_at)}
    return Hold(Reason(rule="interaction", held=False, values=values), held_until(call), CALL)


def call_of(state: CustomerState, now: int) -> GoingOn | None:
    """The call that the customer is on, None when there is none."""
    for one in state.going_on.values():
        if one.channel in CALLS and not one.ended and held_until(one) > now:
            return one
    return None


def open_complaint(state: CustomerState, brand: Brand, now: int) -> Thread | None:
    """A complaint that is not resolved: a thread with the fact `complaint`, or, where nobody has told that, with an
    intent that the brand calls a complaint.
    """
    for thread in state.threads:
        if not thread.resolved and thread.last_at + COMPLAINT_MS > now:
            told = thread.facts.get(COMPLAINT)
            if thread.intent in brand.complaints if told is None else str(told).lower() == "true":
                return thread
    return None


def _belongs(asked: Asked, call: GoingOn) -> bool:
    wish, event = asked.wish, asked.moment.event
    if wish.lane == "proactive":
        return False
    if (event.channel, event.interaction_id) == (call.channel, call.interaction_id):
        return True
    return asked.moment.by_event and event.channel == wish.channel and wish.kind not in ATTENTION
