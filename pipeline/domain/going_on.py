"""What the customer is doing now: the interactions that go on, where in them they are, what they wait for and
who talks to them.
"""

from __future__ import annotations

from pipeline.domain.contacts import (
    ADVISER_JOINED,
    ANSWERED,
    CALL_LIMIT_MS,
    CALLS,
    DESK,
    GAP_MS,
    HELPED,
    QUEUED,
    VERDICTS,
)
from pipeline.domain.history import note_adviser
from pipeline.domain.interactions import Interaction, Scalar
from pipeline.domain.state import GOING_ON, CustomerState, GoingOn, short


def key_of(interaction: Interaction) -> str:
    """The name of an interaction among all of a customer: `channel:interaction_id`."""
    return f"{interaction.channel}:{interaction.interaction_id}"


def touch_going_on(state: CustomerState, interaction: Interaction) -> tuple[GoingOn, bool]:
    """The interaction that the event belongs to, brought up to date, and whether this event began it."""
    key = key_of(interaction)
    at = interaction.occurred_at
    going_on = state.going_on.get(key)
    began = going_on is None
    if going_on is None:
        going_on = GoingOn(interaction.channel, interaction.interaction_id, at, at)
        state.going_on[key] = going_on
        if len(state.going_on) > GOING_ON:
            del state.going_on[min(state.going_on, key=lambda key: (state.going_on[key].last_at, key))]
    going_on.events += 1
    going_on.started_at = at if at < going_on.started_at else going_on.started_at
    if at >= going_on.last_at:
        going_on.last_at, going_on.kind = at, interaction.kind
        going_on.step = _step(interaction) or going_on.step
    if interaction.ended:
        going_on.ended = True
    if interaction.ended or interaction.kind in DESK:
        _desk(state, going_on, interaction)
    return going_on, began


def touch_by_desk(state: CustomerState, interaction: Interaction) -> GoingOn | None:
    """The interaction about which the desk does something while the customer is not there, None when it does not
    go on.
    """
    going_on = state.going_on.get(key_of(interaction))
    _desk(state, going_on, interaction)
    return going_on


def held_until(going_on: GoingOn) -> int:
    """Until when the interaction goes on if nothing more is heard of it; a call, until well after its hang-up."""
    if going_on.channel in CALLS and not going_on.ended:
        return going_on.last_at + CALL_LIMIT_MS
    return going_on.last_at + GAP_MS[going_on.channel]


def _desk(state: CustomerState, going_on: GoingOn | None, interaction: Interaction) -> None:
    """Whom the customer waits for or talks to, by the latest word of the desk; at its end, nobody."""
    at, kind = interaction.occurred_at, interaction.kind
    adviser = _name(interaction.attributes.get("adviser"))
    queue = None
    if adviser is not None and kind in HELPED:
        note_adviser(state.history, adviser, at)
    if going_on is None or kind in VERDICTS:
        return
    if interaction.ended or kind not in (ANSWERED, ADVISER_JOINED):
        adviser = None
    if kind == QUEUED and not interaction.ended:
        queue = _name(interaction.attributes.get("queue")) or ""
    # Of two words at one time the one that says more counts, so that their order does not.
    if (at, adviser or "", queue or "") >= (going_on.desk_at, going_on.adviser or "", going_on.queue or ""):
        going_on.desk_at, going_on.adviser, going_on.queue = at, adviser, queue
        going_on.queued_at = None if queue is None else at


def _name(value: Scalar | None) -> str | None:
    return None if value is None else short(str(value))


def _step(interaction: Interaction) -> str | None:
    """Where in the interaction the customer is: form and field, or the step that the channel names."""
    form, field = interaction.attributes.get("form"), interaction.attributes.get("field")
    if form is not None:
        return short(f"{form}/{field}" if field is not None else str(form))
    step = interaction.attributes.get("step")
    return None if step is None else short(str(step))
