"""What customers do and what Throughline decides, in plain words of one line."""

from __future__ import annotations

from pipeline.domain.actions import (
    OfferChat,
    PushPage,
    Refund,
    ReplyPublic,
    SendMessage,
    UpdateRecord,
)
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision, Reason

PLACES = {
    "web": "Web",
    "mobile_app": "App",
    "email": "E-mail",
    "voice": "Phone",
    "chat": "Chat",
    "chatbot": "Chatbot",
    "sms": "SMS",
    "social": "Social",
    "knowledge_base": "Help pages",
    "review": "Review",
    "store": "Store",
    "order": "Orders",
}
"""Channel → what it is called on the screen."""

_DAY_S = 86_400


def place(event: Interaction) -> str:
    """Where something happened: the network's name for a social one, else the channel's."""
    network = event.attributes.get("network") if event.channel == "social" else None
    return str(network).capitalize() if network else PLACES.get(event.channel, event.channel)


def happened(event: Interaction) -> str:
    """What the customer, or the system of record, did."""
    told = event.attributes
    match event.kind:
        case "message" | "comment" | "post":
            return f"writes “{event.text or ''}”"
        case "form_started":
            return f"opens the {told.get('form', '')} form"
        case "form_field":
            return f"fills in {told.get('field', 'a field')}: {_spaced(told.get('value', '…'))}"
        case "form_submitted":
            return f"submits the {told.get('form', '')} form"
        case "form_abandoned":
            return f"leaves the {told.get('form', '')} form"
        case "page_viewed":
            return f"looks at {told.get('page', 'a page')}"
        case "login":
            return "logs in"
    if event.channel == "order":
        return _order_event(event)
    return _spaced(event.kind)


def decided(command: ActionCommand) -> str:
    """What is to be done."""
    match command.body:
        case SendMessage(channel=channel, to=to, text=text):
            return f"{_carrier(channel)} to {to}: “{text}”"
        case ReplyPublic(text=text):
            return f"Reply to what was written: “{text}”"
        case Refund(order_id=order_id, amount=amount, currency=currency):
            return f"Refund of {amount:.2f} {currency} on order {order_id}"
        case UpdateRecord(record=record, record_id=record_id, fields=fields):
            changes = ", ".join(f"{name} {value}" for name, value in fields.items())
            return f"Record {record} {record_id}: {changes}"
        case OfferChat(channel=channel, text=text):
            return f"Offer of a chat on {_carrier(channel)}: “{text}”"
        case PushPage(url=url):
            return f"Page opened: {url}"
    return _spaced(command.kind).capitalize()


def not_done(decision: Decision) -> str:
    """What was not done, and the condition or gate because of which it was not."""
    failing = [reason for reason in decision.reasons if not reason.held]
    why = "; ".join(map(_because, failing)) or "no reason was recorded"
    return f"No {_spaced(decision.step)} ({decision.strategy_id}): {why}"


def ago(seconds: float) -> str:
    """A time that is past, for what happened before the story: `2 days ago`, `3 h ago`."""
    if seconds >= _DAY_S:
        days = round(seconds / _DAY_S)
        return f"{days} day{'s' if days > 1 else ''} ago"
    return f"{round(seconds / 3600)} h ago" if seconds >= 3600 else f"{round(seconds / 60)} min ago"


def _because(reason: Reason) -> str:
    # An explanation holds every value that was looked at; those of the failing part tell why.
    named = {name: value for name, value in reason.values.items() if name in reason.rule} or reason.values
    values = ", ".join(
        f"{name}: {value[1:-1]}" if value.startswith("(") else f"{name} is {value}"
        for name, value in named.items()
    )
    return f"{reason.rule} does not hold" + (f" ({values})" if values else "")


def _order_event(event: Interaction) -> str:
    told, order = event.attributes, event.facts.get("order_id", "")
    what = event.kind.removeprefix("order_")
    words = (
        f"{_spaced(event.kind)}, order {order}" if what == event.kind else f"order {order} {_spaced(what)}"
    )
    if "size_ordered" in told and "size_sent" in told:
        words += f": size {told['size_ordered']} ordered, {told['size_sent']} sent"
    return words


def _carrier(channel: str) -> str:
    return PLACES.get(channel, channel)


def _spaced(value: object) -> str:
    return str(value).replace("_", " ")
