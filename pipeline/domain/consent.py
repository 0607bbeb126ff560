"""What customers have agreed to get: consent by purpose and channel."""

from __future__ import annotations

from pipeline.domain.actions import Lane
from pipeline.domain.state import CustomerState


def purpose_of(lane: Lane) -> str:
    """The purpose that the customer consents to: `marketing` for what nobody asked for, else `service`."""
    return "marketing" if lane == "proactive" else "service"


def consents(state: CustomerState, purpose: str, channel: str) -> bool:
    """Whether the customer may be written to. Never asked: for service yes, for marketing no."""
    consent = state.profile.consent if state.profile else {}
    return consent.get(f"{purpose}/{channel}", purpose == "service")
