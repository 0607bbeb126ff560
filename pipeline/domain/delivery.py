"""Which channel carries a message, and to what address.

The order: what the customer asked for, then what they are using now, then whatever reaches them; always with
their consent and a text of the template for the channel. An address counts when the system of record or a
login vouches for it, or when the customer wrote from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from pipeline.domain.consent import consents
from pipeline.domain.state import CustomerState, preferences

ADDRESS_TYPES: dict[str, str] = {
    "sms": "phone",
    "voice": "phone",
    "email": "email",
    "social": "social",
    "web": "device",
    "mobile_app": "device",
    "chat": "chat",
    "chatbot": "chat",
}
"""The type of identifier that each channel reaches a customer by."""

LIVE = frozenset({"web", "mobile_app", "chat", "chatbot"})
"""Channels that reach a customer only while they are there."""

FALLBACKS = ("sms", "email", "social")


class Delivery(msgspec.Struct, frozen=True):
    """The channel and the address on it."""

    channel: str
    to: str


def choose(
    state: CustomerState, purpose: str, speaks: Callable[[str], bool], in_use_first: bool
) -> Delivery | None:
    """The best channel for a message that `speaks` says there is a text for; None when none will do.

    `in_use_first` puts what the customer is using now before the stated preference.
    """
    for channel in _candidates(state, in_use_first):
        to = address(state, channel)
        if to is not None and speaks(channel) and consents(state, purpose, channel):
            return Delivery(channel, to)
    return None


def address(state: CustomerState, channel: str) -> str | None:
    """The customer's address on a channel, None when they cannot be reached there (now)."""
    wanted = ADDRESS_TYPES.get(channel)
    if channel in LIVE and channel not in in_use(state):
        return None
    seen = max(
        (seen for seen in state.identifiers.values() if seen.identifier.type == wanted),
        key=lambda seen: (seen.last_at, seen.identifier.value),
        default=None,
    )
    if channel in LIVE:
        return seen.identifier.value if seen else None
    stated = (one for one in (state.profile.identifiers if state.profile else ()) if one.type == wanted)
    return next((one.value for one in stated), seen.identifier.value if seen else None)


def in_use(state: CustomerState) -> list[str]:
    """The channels of the interactions going on, the latest first."""
    live = [one for one in state.going_on.values() if not one.ended]
    live.sort(key=lambda one: (-one.last_at, one.channel, one.interaction_id))
    return list(dict.fromkeys(one.channel for one in live))


def _candidates(state: CustomerState, in_use_first: bool) -> Iterator[str]:
    stated = preferences(state).get("channel")
    preferred = [stated] if stated else []
    groups = (in_use(state), preferred) if in_use_first else (preferred, in_use(state))
    yield from dict.fromkeys([*groups[0], *groups[1], *FALLBACKS])
