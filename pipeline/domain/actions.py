"""The fifteen kinds of action, each with its typed body. Times: epoch milliseconds; money: a plain amount.

`channel` is the channel that carries the message, `to` the address on it; `text` is rendered, ready to send.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Lane = Literal["service_reply", "transactional", "safety", "proactive"]
ActionKind = Literal[
    "send_message",
    "reply_public",
    "refund",
    "offer_chat",
    "push_page",
    "offer_callback",
    "schedule_callback",
    "route_to_adviser",
    "show_context",
    "create_ticket",
    "escalate",
    "suggest_offer",
    "suggest_article",
    "update_record",
    "cancel_action",
]
ATTENTION = frozenset({"offer_chat", "push_page", "offer_callback", "suggest_offer"})
"""The kinds that demand the customer's attention: one of them at a time."""


class SendMessage(msgspec.Struct, kw_only=True, tag="send_message", tag_field="kind"):
    """Send a text to the customer; `subject` only where the channel has one."""

    channel: str
    to: str
    template: str
    language: str
    subject: str | None = None
    text: str


class ReplyPublic(msgspec.Struct, kw_only=True, tag="reply_public", tag_field="kind"):
    """Answer where the customer wrote; `reply_to` is the channel's id of what is answered."""

    channel: str
    reply_to: str
    template: str
    language: str
    text: str


class Refund(msgspec.Struct, kw_only=True, tag="refund", tag_field="kind"):
    """Pay `amount` of `currency` (ISO 4217) back on an order."""

    order_id: str
    amount: float
    currency: str
    reason: str


class OfferChat(msgspec.Struct, kw_only=True, tag="offer_chat", tag_field="kind"):
    """Offer a chat with a person, one with `skill` when it is given."""

    channel: str
    to: str
    skill: str | None = None
    text: str


class PushPage(msgspec.Struct, kw_only=True, tag="push_page", tag_field="kind"):
    """Open a page in an interaction that is going on."""

    interaction_id: str
    url: str
    text: str | None = None


class OfferCallback(msgspec.Struct, kw_only=True, tag="offer_callback", tag_field="kind"):
    """Offer to call back, within the window when it is given."""

    channel: str
    to: str
    text: str
    window_start: int | None = None
    window_end: int | None = None


class ScheduleCallback(msgspec.Struct, kw_only=True, tag="schedule_callback", tag_field="kind"):
    """Call the customer on `phone` (E.164) at the time `at`."""

    phone: str
    at: int
    skill: str | None = None


class RouteToAdviser(msgspec.Struct, kw_only=True, tag="route_to_adviser", tag_field="kind"):
    """Put the customer through to a person; a smaller `priority` goes first; `wait_limit_s` is in seconds."""

    skill: str
    priority: int
    last_adviser: str | None = None
    wait_limit_s: int | None = None


class ShowContext(msgspec.Struct, kw_only=True, tag="show_context", tag_field="kind"):
    """Show an adviser (None: whoever takes it) what is known."""

    adviser: str | None = None
    title: str
    context: dict[str, str]


class CreateTicket(msgspec.Struct, kw_only=True, tag="create_ticket", tag_field="kind"):
    """Open a ticket for the people with `skill`; a smaller `priority` goes first."""

    subject: str
    skill: str | None = None
    priority: int
    text: str


class Escalate(msgspec.Struct, kw_only=True, tag="escalate", tag_field="kind"):
    """Tell `to` (a person or a queue) that something needs attention."""

    to: str
    reason: str


class SuggestOffer(msgspec.Struct, kw_only=True, tag="suggest_offer", tag_field="kind"):
    """Suggest an offer to the customer."""

    offer_id: str
    channel: str
    to: str
    text: str


class SuggestArticle(msgspec.Struct, kw_only=True, tag="suggest_article", tag_field="kind"):
    """Suggest a knowledge-base article to the customer."""

    article_id: str
    channel: str
    to: str
    text: str


class UpdateRecord(msgspec.Struct, kw_only=True, tag="update_record", tag_field="kind"):
    """Change fields of a record in a business system."""

    record: str
    record_id: str
    fields: dict[str, str]


class CancelAction(msgspec.Struct, kw_only=True, tag="cancel_action", tag_field="kind"):
    """Take back an action that has not been carried out yet."""

    action_id: str
    reason: str


ActionBody = (
    SendMessage
    | ReplyPublic
    | Refund
    | OfferChat
    | PushPage
    | OfferCallback
    | ScheduleCallback
    | RouteToAdviser
    | ShowContext
    | CreateTicket
    | Escalate
    | SuggestOffer
    | SuggestArticle
    | UpdateRecord
    | CancelAction
)
BODIES: dict[str, type[ActionBody]] = {str(body.__struct_config__.tag): body for body in ActionBody.__args__}
