"""Calls of the Segment and RudderStack SDKs: `track`, `identify`, `page`, `screen`, alone or in a batch.

Both send the same JSON, on the web and in apps. `alias` and `group` say nothing that a customer did and are
left out.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from pipeline.channels import forms
from pipeline.channels.fields import attributes, snake_case
from pipeline.channels.payload import (
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
from pipeline.domain.evidence import meaningless
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Assurance, Identifier, Interaction

MAX_EVENT_NAME = 128

_IGNORED = frozenset({"alias", "group"})
_TRACK_KINDS = {
    "form_field_completed": "form_field",
    "product_added": "cart_updated",
    "product_removed": "cart_updated",
    "checkout_step_viewed": "checkout_step",
}


class Traits(msgspec.Struct):
    """What the customer or the site said about who it is."""

    email: str | None = None
    phone: Id | None = None


class Context(msgspec.Struct, rename="camel"):
    """Where the call was made; what it holds beyond these fields is not read."""

    session_id: Id | None = None
    locale: str | None = None
    timezone: str | None = None
    traits: Traits | None = None
    page: dict[str, object] | None = None
    app: dict[str, object] | None = None
    os: dict[str, object] | None = None


class Call(msgspec.Struct, rename="camel"):
    """One call of an SDK, as it goes over the wire."""

    type: str
    message_id: Id | None = None
    anonymous_id: Id | None = None
    user_id: Id | None = None
    event: str | None = None
    name: str | None = None
    properties: dict[str, object] | None = None
    traits: Traits | None = None
    context: Context | None = None
    timestamp: Moment | None = None
    original_timestamp: Moment | None = None
    sent_at: Moment | None = None
    received_at: Moment | None = None


class Batch(msgspec.Struct, rename="camel"):
    """The envelope of several calls; without `batch` the document is a call itself."""

    batch: list[object] | None = None
    sent_at: Moment | None = None


Circumstances = Callable[[Call, Context], dict[str, object]]
"""What a channel knows about the place of a call: the page of a site, the screen and version of an app."""


def adapt(payload: bytes, received_at: int, channel: str, circumstances: Circumstances) -> Adapted:
    """The interactions in a payload, in its order; a bad call in a batch fails alone."""
    document = read_json(payload)
    if isinstance(document, Failure):
        return [document]
    batch = parse(document, Batch, "payload")
    if isinstance(batch, Failure):
        return [batch]
    if batch.batch is None:
        calls = {"payload": document}
    elif refused := too_many_events(len(batch.batch)):
        return [refused]
    else:
        calls = {f"batch[{index}]": call for index, call in enumerate(batch.batch)}
    adapted: Adapted = []
    for where, raw in calls.items():
        call = parse(raw, Call, where)
        if isinstance(call, Failure):
            adapted.append(call)
        elif call.type not in _IGNORED:
            call.sent_at = call.sent_at or batch.sent_at
            call.message_id = event_id(channel, raw, call.message_id)
            adapted.append(_interaction(call, where, received_at, channel, circumstances))
    return adapted


def _interaction(
    call: Call, where: str, received_at: int, channel: str, circumstances: Circumstances
) -> Interaction | Failure:
    kind = _kind(call, where)
    if isinstance(kind, Failure):
        return kind
    context = call.context or Context()
    identifiers = _identifiers(call, context)
    if not identifiers:
        return Failure("missing_field", f"{where}.anonymousId: is required, or a userId")
    properties = call.properties or {}
    described: dict[str, object] = {"locale": context.locale, "timezone": context.timezone}
    interaction = Interaction(
        event_id=str(call.message_id),
        channel=channel,
        kind=kind,
        interaction_id=_interaction_id(call, context, identifiers[0]),
        occurred_at=_occurred_at(call, received_at),
        received_at=received_at,
        source="segment",
        identifiers=identifiers,
        language=normalise.language(context.locale or ""),
        attributes=attributes(described | circumstances(call, context)),
    )
    if kind in forms.KINDS:
        forms.describe(interaction, properties)
    else:
        interaction.attributes |= attributes(properties)
    return interaction


def _kind(call: Call, where: str) -> str | Failure:
    if call.type in ("page", "screen"):
        return "page_viewed"
    if call.type == "identify":
        return "login" if call.user_id else "contact_given"
    if call.type != "track":
        return Failure("unsupported_event", f"{where}.type: expected track, identify, page or screen")
    kind = snake_case((call.event or "")[: MAX_EVENT_NAME + 1])
    if not kind or len(kind) > MAX_EVENT_NAME:
        return Failure("bad_field", f"{where}.event: expected a name of 1 to {MAX_EVENT_NAME} characters")
    return _TRACK_KINDS.get(kind, kind)


def _identifiers(call: Call, context: Context) -> list[Identifier]:
    """Device first; the SDKs send `userId` from the login on, so it is verified wherever it stands.

    An address that cannot be normalised identifies nobody and is left out; the event itself is still good.
    """
    traits, earlier = call.traits or Traits(), context.traits or Traits()
    candidates: list[tuple[str, Id | None, Assurance]] = [
        ("device", call.anonymous_id, "observed"),
        ("customer_number", call.user_id, "verified"),
        ("email", traits.email or earlier.email, "asserted"),
        ("phone", traits.phone or earlier.phone, "asserted"),
    ]
    found = (
        normalise.identifier(type_, str(value), sure)
        for type_, value, sure in candidates
        if value is not None
    )
    return [one for one in found if isinstance(one, Identifier)]


def _interaction_id(call: Call, context: Context, primary: Identifier) -> str:
    """The SDK's session, else what the device does; behind a placeholder each call stands alone."""
    if context.session_id:
        return str(context.session_id)
    return f"visit:{call.message_id if meaningless(primary) else primary.value}"


def _occurred_at(call: Call, received_at: int) -> int:
    """The time of the call on the receiver's clock, epoch milliseconds.

    Source of the correction: Segment's specification of common fields, receivedAt - (sentAt -
    originalTimestamp). Straight from an SDK the device's own time is still called `timestamp`.
    """
    device_time = call.original_timestamp or call.timestamp
    if device_time is None:
        return received_at
    if call.sent_at is None:
        return epoch_ms(call.timestamp or device_time)
    arrived = epoch_ms(call.received_at) if call.received_at else received_at
    return arrived - (epoch_ms(call.sent_at) - epoch_ms(device_time))
