"""Which events are contacts of the customer, and what their times mean, by channel.

All times and durations are milliseconds.
"""

from __future__ import annotations

import msgspec

from pipeline.domain.interactions import Interaction

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
GRACE_MS = 10_000
"""How long a timer waits beyond its time for events that are on their way."""

GAP_MS: dict[str, int] = {
    "web": 30 * MINUTE_MS,
    "mobile_app": 30 * MINUTE_MS,
    "knowledge_base": 30 * MINUTE_MS,
    "email": 30 * MINUTE_MS,
    "voice": 2 * MINUTE_MS,
    "chat": 15 * MINUTE_MS,
    "chatbot": 15 * MINUTE_MS,
    "sms": 60 * MINUTE_MS,
    "social": 60 * MINUTE_MS,
    "review": 15 * MINUTE_MS,
    "store": 30 * MINUTE_MS,
}
"""How long a customer may be quiet on a channel before it is another session. `order` has none: the system of
record's events are facts about the customer's orders, not contacts."""

CALLS = frozenset({"voice"})
"""Channels whose interactions hold their session open from their first event to the hang-up."""

CALL_LIMIT_MS = 4 * 60 * MINUTE_MS
"""A call that nothing was heard of for so long has ended, whether a hang-up was told or not."""

LATE_MS = {
    channel: (CALL_LIMIT_MS if channel in CALLS else gap) + GRACE_MS for channel, gap in GAP_MS.items()
}
"""How much later than it happened an event may arrive and still be part of a session."""

QUEUED, DEQUEUED, ANSWERED = "queued", "dequeued", "answered"
ADVISER_JOINED, ADVISER_LEFT = "adviser_joined", "adviser_left"
RESOLVED, REOPENED = "resolved", "reopened"
VERDICTS = frozenset({RESOLVED, REOPENED})
DESK = VERDICTS | {QUEUED, DEQUEUED, ANSWERED, ADVISER_JOINED, ADVISER_LEFT}
"""Kinds of event by which an adviser's desk tells, on any channel, what it does about an interaction."""

HELPED = frozenset({ANSWERED, ADVISER_JOINED, RESOLVED})
"""Those of them that tell which adviser helps (attribute `adviser`)."""

PRESENT = frozenset({"voice", "chat"})
"""Channels on which the customer is there while the desk works on it."""


def is_contact(interaction: Interaction) -> bool:
    """Whether the customer did this or was there, rather than the business's own systems and people alone."""
    if interaction.kind in DESK:
        return interaction.channel in PRESENT and interaction.kind not in VERDICTS
    return interaction.channel in GAP_MS


def is_late(contact: Interaction) -> bool:
    """Whether a contact was received after the session that it alone would make had closed."""
    return contact.received_at - contact.occurred_at > LATE_MS[contact.channel]


def at_possible_time(interaction: Interaction, now: int) -> Interaction:
    """The event, with a time at which it can have happened: not after it was received (but for small differences
    of clocks), and not before 1970.

    A time that is not possible is replaced by the nearest that is, and the event gets the attribute
    `clock_skew_ms`, how much its clock was ahead.
    """
    at, received = interaction.occurred_at, interaction.received_at
    if 0 <= at <= received + GRACE_MS and received <= now + DAY_MS:
        return interaction
    received = min(max(received, 0), now + DAY_MS)
    possible = min(max(at, 0), received)
    attributes = interaction.attributes | {"clock_skew_ms": at - possible}
    return msgspec.structs.replace(
        interaction, occurred_at=possible, received_at=received, attributes=attributes
    )
