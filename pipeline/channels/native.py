"""Services that speak our own terms: the payload is the event itself.

All of some channels do; on the others the desk does, which tells who took a conversation over and how it ended.
One JSON object, a list of them, or `{"events": [...]}`, with the fields of `schemas/Interaction.avsc` but
those that this side knows (`channel`, `received_at`). `event_id`, `kind`, `interaction_id`, `occurred_at`
(RFC 3339) and `identifiers` are what an event is; without an `event_id` one is made from its content.
`source` is the channel when it is not given.

An identifier is `{"type", "value", "assurance"}`. Without an assurance it is

- *observed* for what a device or a network tells: a device, a social handle, a chat, and on their own
  channels the number that a call or text message comes from and the address that an e-mail comes from.
  Caller ids and senders can be forged, so they are no more than that;
- *asserted* for what the customer types, says or shows: everything else. Only a service that has checked
  (a login, a one-time code) may say *verified*.

Identifiers that cannot be normalised, such as a withheld number or an address with a typo, name nobody and
are left out. The first that is left is the primary one, so a service whose caller may be unknown also gives
the call's own id as a `chat`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import msgspec

from pipeline.channels.fields import attributes, fact, snake_case
from pipeline.channels.payload import (
    MAX_BYTES,
    MAX_ID,
    Adapted,
    Id,
    Moment,
    epoch_ms,
    event_id,
    parse,
    read_json,
    too_many_events,
)
from pipeline.domain import normalise
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Assurance, Attachment, Identifier, Interaction, Scalar

CHANNELS = ("email", "voice", "chat", "chatbot", "sms", "knowledge_base", "review", "store")
IDENTIFIER_TYPES = (
    "customer_number",
    "email",
    "phone",
    "device",
    "social",
    "loyalty_card",
    "order_number",
    "chat",
)
ASSURANCES: Mapping[str, Assurance] = {
    "verified": "verified",
    "asserted": "asserted",
    "observed": "observed",
}
MAX_IDENTIFIERS = 16
MAX_ATTACHMENTS = 16
MAX_URI = 2_048

_OBSERVED = frozenset({"device", "social", "chat"})
_SENDER = {"voice": "phone", "sms": "phone", "email": "email"}

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
NamedId = Name | int


class Claim(msgspec.Struct):
    """Who the customer may be, as the service writes it."""

    type: str
    value: Id
    assurance: str | None = None


class File(msgspec.Struct):
    """A file by reference: a link, its media type, its size in bytes."""

    uri: Annotated[str, msgspec.Meta(pattern="^https?://", max_length=MAX_URI)]
    media_type: Annotated[str, msgspec.Meta(pattern=r"^[\w.+-]+/[\w.+*-]+$", max_length=MAX_ID)]
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


class Event(msgspec.Struct, kw_only=True):
    """One event of an interaction."""

    kind: Name
    interaction_id: NamedId
    occurred_at: Moment
    identifiers: Annotated[list[Claim], msgspec.Meta(min_length=1, max_length=MAX_IDENTIFIERS)]
    event_id: Id | None = None
    source: Name | None = None
    text: str | None = None
    language: str | None = None
    subject: str | None = None
    reply_to: NamedId | None = None
    facts: dict[str, object] = {}
    attributes: dict[str, object] = {}
    attachments: Annotated[list[File], msgspec.Meta(max_length=MAX_ATTACHMENTS)] = []
    ended: bool = False


class Batch(msgspec.Struct):
    """The envelope of several events; without `events` the document is an event itself."""

    events: list[object] | None = None


class _Named(msgspec.Struct):
    """What tells an event in our own terms from a service's own."""

    kind: str
    identifiers: list[object]


class _NamedBatch(msgspec.Struct):
    events: Annotated[list[_Named], msgspec.Meta(min_length=1)]


def is_native(payload: bytes) -> bool:
    """Whether a payload is an event in our own terms, or an envelope of such."""
    if len(payload) > MAX_BYTES or b'"identifiers"' not in payload:
        return False
    for form in (_Named, _NamedBatch):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            msgspec.json.decode(payload, type=form)
            return True
    return False


def adapt(payload: bytes, received_at: int, channel: str) -> Adapted:
    """The events in a payload, each good or bad alone; `received_at` is epoch milliseconds."""
    document = read_json(payload)
    if isinstance(document, Failure):
        return [document]
    name = "payload"
    if not isinstance(document, list):
        batch = parse(document, Batch, "payload")
        if isinstance(batch, Failure):
            return [batch]
        if batch.events is None:
            return [_interaction(document, "payload", received_at, channel)]
        name, document = "events", batch.events
    if refused := too_many_events(len(document)):
        return [refused]
    return [_interaction(raw, f"{name}[{index}]", received_at, channel) for index, raw in enumerate(document)]


def _interaction(raw: object, where: str, received_at: int, channel: str) -> Interaction | Failure:
    event = parse(raw, Event, where)
    if isinstance(event, Failure):
        return event
    kind = snake_case(event.kind)
    if not kind:
        return Failure("bad_field", f"{where}.kind: expected a name like message or call_started")
    identifiers = _identifiers(event.identifiers, f"{where}.identifiers", channel)
    if isinstance(identifiers, Failure):
        return identifiers
    return Interaction(
        event_id=event_id(channel, raw, event.event_id),
        channel=channel,
        kind=kind,
        interaction_id=str(event.interaction_id),
        occurred_at=epoch_ms(event.occurred_at),
        received_at=received_at,
        source=event.source or channel,
        identifiers=identifiers,
        text=event.text,
        language=normalise.language(event.language or ""),
        subject=event.subject,
        reply_to=None if event.reply_to is None else str(event.reply_to),
        facts=_facts(event.facts),
        attributes=attributes(event.attributes),
        attachments=[Attachment(one.uri, one.media_type, one.size) for one in event.attachments],
        ended=event.ended,
    )


def _identifiers(claims: list[Claim], where: str, channel: str) -> list[Identifier] | Failure:
    """Those that can be used, in their order; a failure when a claim is not one, or none can be used."""
    found: list[Identifier] = []
    for index, claim in enumerate(claims):
        if claim.type not in IDENTIFIER_TYPES:
            return Failure(
                "bad_field", f"{where}[{index}].type: expected one of {', '.join(IDENTIFIER_TYPES)}"
            )
        observed = claim.type in _OBSERVED or (index == 0 and _SENDER.get(channel) == claim.type)
        assurance = ASSURANCES.get(claim.assurance or ("observed" if observed else "asserted"))
        if assurance is None:
            return Failure(
                "bad_field", f"{where}[{index}].assurance: expected one of {', '.join(ASSURANCES)}"
            )
        identifier = normalise.identifier(claim.type, str(claim.value), assurance)
        if isinstance(identifier, Identifier):
            found.append(identifier)
    return found or Failure("bad_identifier", f"{where}: none can be used; give one that the channel knows")


def _facts(told: Mapping[str, object]) -> dict[str, Scalar]:
    facts = {name: fact(name, value) for name, value in attributes(told).items()}
    return {name: value for name, value in facts.items() if value is not None}
