"""What a channel tells us: one event of a customer's interaction, the same shape on every channel.

All times are epoch milliseconds, UTC. Values are immutable by convention: a fold never changes an event.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

CHANNELS: tuple[str, ...] = (
    "web",
    "mobile_app",
    "email",
    "voice",
    "chat",
    "chatbot",
    "sms",
    "social",
    "knowledge_base",
    "review",
    "store",
    "order",
)
"""Only ever appended to: hot records name a channel by its position."""

Assurance = Literal["verified", "asserted", "observed"]
Scalar = str | int | float | bool
# The marker by which conditions know a time from a number (`Timestamp` of the CEL package).
EpochMs = Annotated[int, "timestamp"]


class Identifier(msgspec.Struct, frozen=True):
    """A name that a customer goes by: `type` and normalised `value`, and how sure the source was.

    Types: customer_number, email, phone, device, social, loyalty_card, order_number, chat.
    """

    type: str
    value: str
    assurance: Assurance = "observed"

    @property
    def key(self) -> str:
        """The Kafka key and table key of this identifier, `type:value`."""
        return f"{self.type}:{self.value}"


class Attachment(msgspec.Struct, frozen=True):
    """A file by reference: where it is, its media type, its size in bytes (0 when unknown)."""

    uri: str
    media_type: str
    size: int = 0


class Interaction(msgspec.Struct, kw_only=True):
    """One event of one interaction on one channel.

    `interaction_id` names what the channel calls one thing (a visit, a call, a chat, a form attempt);
    `facts` are what the customer told us and should never be asked for again (order number, size …);
    `attributes` are circumstances of this event alone (page, form, field …); `reply_to` is where a public
    answer belongs; `ended` is true on the interaction's last event.
    """

    event_id: str
    channel: str
    kind: str
    interaction_id: str
    occurred_at: EpochMs
    received_at: EpochMs
    source: str
    identifiers: list[Identifier]
    text: str | None = None
    language: str | None = None
    subject: str | None = None
    reply_to: str | None = None
    facts: dict[str, Scalar] = msgspec.field(default_factory=dict)
    attributes: dict[str, Scalar] = msgspec.field(default_factory=dict)
    attachments: list[Attachment] = msgspec.field(default_factory=list)
    ended: bool = False

    @property
    def key(self) -> str:
        """The Kafka key: the primary (first) identifier."""
        return self.identifiers[0].key
