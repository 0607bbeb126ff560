"""From wish to command: what an action must pass, in order. The first gate that stops it is recorded."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.domain.actions import ActionBody, Lane
from pipeline.domain.messages import Reason
from pipeline.domain.state import CustomerState


class Wish(msgspec.Struct, frozen=True):
    """An action that a strategy wants; `channel` is the one that it would reach the customer on, if any."""

    body: ActionBody
    lane: Lane
    channel: str | None = None


Gate = Callable[[Wish, CustomerState], Reason | None]


def purpose_of(lane: Lane) -> str:
    """The purpose that the customer consents to: `marketing` for what nobody asked for, else `service`."""
    return "marketing" if lane == "proactive" else "service"


def consents(state: CustomerState, purpose: str, channel: str) -> bool:
    """Whether the customer may be written to. Never asked: for service yes, for marketing no."""
    consent = state.profile.consent if state.profile else {}
    return consent.get(f"{purpose}/{channel}", purpose == "service")


def consent_gate(wish: Wish, state: CustomerState) -> Reason | None:
    """Stops what the customer has refused to get on this channel for this purpose."""
    purpose = purpose_of(wish.lane)
    if wish.channel is None or consents(state, purpose, wish.channel):
        return None
    return Reason(rule="consent", held=False, values={f"consent.{purpose}/{wish.channel}": "not given"})


GATES: tuple[Gate, ...] = (consent_gate,)
"""All gates, in the order in which they are asked."""


def stopped_by(wish: Wish, state: CustomerState) -> Reason | None:
    """The reason of the first gate that stops the wish, None when all let it pass."""
    for gate in GATES:
        reason = gate(wish, state)
        if reason is not None:
            return reason
    return None
