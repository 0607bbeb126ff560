"""What the customer wants: read from an event by a recogniser, and folded into the event's thread.

Recognition runs beside the pipeline and never holds it up, so what it says may come before its event is folded:
then it waits in the hot record. Of several recognitions of a thread the surest counts, whatever their order.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec.structs import replace

from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import IdentifiedInteraction, IntentRecognised, Output
from pipeline.domain.recent import seen
from pipeline.domain.state import CustomerState, Early, Thread, add_early, short
from pipeline.domain.thread_parts import thread_by_id
from pipeline.domain.threads import set_intent

UNKNOWN = "unknown"
"""What a text is called that tells of none of the intents."""


class Recognition(msgspec.Struct, frozen=True):
    """An intent, and its probability from 0 to 1."""

    intent: str
    confidence: float


class Recogniser(Protocol):
    """Reads from one event what its customer wants."""

    @property
    def name(self) -> str:
        """Name and version."""

    def recognise(self, event: Interaction) -> Recognition | None:
        """The intent, None when the event does not tell; never raises."""


def recognised(recogniser: Recogniser, message: IdentifiedInteraction) -> IntentRecognised | None:
    """What the recogniser says of a customer's event, None when it says nothing."""
    event = message.interaction
    found = recogniser.recognise(event)
    if found is None:
        return None
    return IntentRecognised(
        customer_id=message.customer_id,
        event_id=event.event_id,
        channel=event.channel,
        interaction_id=event.interaction_id,
        intent=found.intent,
        confidence=found.confidence,
        model=recogniser.name,
        occurred_at=event.occurred_at,
    )


def on_intent(state: CustomerState, message: IntentRecognised) -> list[Output]:
    """Let the thread of the event be about the intent, if that is surer than what was recognised before.

    An event that belongs to no thread is about nothing. What is said of a customer who has been merged is sent on.
    """
    if state.merged_into is not None:
        return [replace(message, customer_id=state.merged_into)]
    mark = fingerprint(message.event_id)
    key = short(f"{message.channel}:{message.interaction_id}")
    found = Early(mark, key, short(message.intent), message.confidence)
    if seen(state, mark) or message.occurred_at <= state.forgotten_at:
        _tell(state, found)
    else:
        add_early(state, [found])
    return []


def take_early(state: CustomerState) -> None:
    """Apply what was recognised in events before they came, where they have come."""
    if not state.early:
        return
    come = [one for one in state.early if seen(state, one.mark)]
    for one in come:
        _tell(state, one)
    state.early = [one for one in state.early if one not in come]


def _tell(state: CustomerState, found: Early) -> None:
    thread = _thread_of(state, found.interaction)
    if thread is None:
        return
    before = (-thread.confidence, thread.intent or "")
    if thread.intent is None or (-found.confidence, found.intent) < before:
        set_intent(state, thread, found.intent, found.confidence)


def _thread_of(state: CustomerState, interaction: str) -> Thread | None:
    """The thread of an interaction, whether that goes on or not."""
    going_on = state.going_on.get(interaction)
    if going_on is not None and going_on.thread_id is not None:
        return thread_by_id(state, going_on.thread_id)
    return next((thread for thread in state.threads if interaction in thread.refs), None)
