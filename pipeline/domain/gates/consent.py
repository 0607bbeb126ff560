"""Consent: nobody is sent what they have refused, nor asked for what they have not granted."""

from __future__ import annotations

from pipeline.domain.consent import consents, purpose_of
from pipeline.domain.gates.asking import Asked
from pipeline.domain.messages import Reason


def consent_gate(asked: Asked) -> Reason | None:
    """Stops what the customer does not consent to get on this channel for this purpose."""
    wish = asked.wish
    purpose = purpose_of(wish.lane)
    if wish.channel is None or consents(asked.moment.state, purpose, wish.channel):
        return None
    return Reason(rule="consent", held=False, values={f"consent.{purpose}/{wish.channel}": "not given"})
