"""Facebook pages and Instagram accounts: Meta's webhooks of private messages, public posts and comments.

What no customer said is left out: echoes of the page's own messages, receipts, reactions, edited posts.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Iterator

import msgspec

from pipeline.channels import meta
from pipeline.channels.fields import attributes
from pipeline.channels.payload import Adapted, epoch_number_ms, event_id, parse, read_json, too_many_events
from pipeline.domain import normalise
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Attachment, Identifier, Interaction, Scalar

_NETWORKS = {"page": "facebook", "instagram": "instagram"}
_NOT_SAID = frozenset({"delivery", "read", "reaction", "optin", "referral", "message_edit"})
_MEDIA_TYPES = {"image": "image/*", "video": "video/*", "audio": "audio/*"}
_POSTS = frozenset({"post", "status", "photo", "video", "share"})


class _Said(msgspec.Struct, kw_only=True):
    """What one customer said, whichever of Meta's events told it; `at` is in seconds or milliseconds."""

    kind: str
    id: str
    sender: meta.Party
    interaction_id: str
    at: int | None = None
    text: str | None = None
    attachments: list[Attachment] = []
    attributes: dict[str, Scalar] = {}


def adapt(payload: bytes, received_at: int) -> Adapted:
    """What customers said in a webhook call, in its order; `received_at` is epoch milliseconds."""
    document = read_json(payload)
    if isinstance(document, Failure):
        return [document]
    webhook = parse(document, meta.Webhook, "payload")
    if isinstance(webhook, Failure):
        return [webhook]
    network = _NETWORKS.get(webhook.subscribed)
    if network is None:
        return [Failure("unsupported_event", f"payload.object: expected one of {', '.join(_NETWORKS)}")]
    adapted: Adapted = []
    seen = 0
    for index, raw in enumerate(webhook.entry):
        entry = parse(raw, meta.Entry, f"entry[{index}]")
        if isinstance(entry, Failure):
            adapted.append(entry)
            continue
        seen += len(entry.messaging) + len(entry.changes)
        if refused := too_many_events(seen):
            return [refused]
        for where, said in _said(entry, f"entry[{index}]"):
            if isinstance(said, Failure):
                adapted.append(said)
            elif said is not None and said.sender.id != entry.id:
                adapted.append(_interaction(said, network, entry, received_at, where))
    return adapted


def _said(entry: meta.Entry, where: str) -> Iterator[tuple[str, _Said | Failure | None]]:
    for index, raw in enumerate(entry.messaging):
        place = f"{where}.messaging[{index}]"
        yield place, _private(raw, place)
    for index, raw in enumerate(entry.changes):
        place = f"{where}.changes[{index}]"
        yield place, _public(raw, place)


def _interaction(
    said: _Said, network: str, entry: meta.Entry, received_at: int, where: str
) -> Interaction | Failure:
    sender = normalise.identifier("social", f"{network}:{said.sender.id}", "observed")
    if not isinstance(sender, Identifier):
        return Failure("bad_field", f"{where}: the sender's id cannot be used")
    moment = entry.time if said.at is None else said.at
    return Interaction(
        event_id=said.id,
        channel="social",
        kind=said.kind,
        interaction_id=said.interaction_id,
        occurred_at=received_at if moment is None else epoch_number_ms(moment),
        received_at=received_at,
        source=network,
        identifiers=[sender],
        text=said.text,
        reply_to=said.id,
        attributes={"network": network, "account": str(entry.id), **said.attributes},
        attachments=said.attachments,
    )


def _private(raw: object, where: str) -> _Said | Failure | None:
    """A private message, or a button pressed in the conversation; None for what the customer did not say."""
    event = parse(raw, meta.Messaging, where)
    if isinstance(event, Failure):
        return event
    conversation = f"conversation:{event.sender.id}"
    if message := event.message:
        if message.is_echo or message.is_deleted:
            return None
        return _Said(
            kind="message",
            id=str(message.mid),
            sender=event.sender,
            interaction_id=conversation,
            at=event.timestamp,
            text=message.text,
            attachments=_attachments(
                (one.type, one.payload.url) for one in message.attachments if one.payload
            ),
        )
    if postback := event.postback:
        return _Said(
            kind="message",
            id=event_id("social", raw, postback.mid),
            sender=event.sender,
            interaction_id=conversation,
            at=event.timestamp,
            text=postback.title,
            attributes=attributes({"postback": postback.payload}),
        )
    if isinstance(raw, dict) and _NOT_SAID.intersection(raw):
        return None
    return Failure("unsupported_event", f"{where}: expected a message or a postback")


def _public(raw: object, where: str) -> _Said | Failure | None:
    """A comment or post; None for reactions and for changes of what was said before."""
    change = parse(raw, meta.Change, where)
    if isinstance(change, Failure):
        return change
    if change.field == "comments":
        return _instagram_comment(change.value, f"{where}.value")
    if change.field != "feed":
        return Failure("unsupported_event", f"{where}.field: expected feed or comments")
    head = parse(change.value, meta.FeedHead, f"{where}.value")
    if isinstance(head, Failure):
        return head
    if head.verb != "add" or head.item not in _POSTS | {"comment"}:
        return None
    return _feed_item(change.value, head.item == "comment", f"{where}.value")


def _feed_item(value: dict[str, object], is_comment: bool, where: str) -> _Said | Failure:
    item = parse(value, meta.FeedItem, where)
    if isinstance(item, Failure):
        return item
    if is_comment and not item.comment_id:
        return Failure("missing_field", f"{where}.comment_id: is required")
    return _Said(
        kind="comment" if is_comment else "post",
        id=str(item.comment_id if is_comment else item.post_id),
        sender=item.sender,
        interaction_id=str(item.post_id),
        at=item.created_time,
        text=item.message,
        attachments=_attachments((("image", item.photo), ("video", item.video))),
    )


def _instagram_comment(value: dict[str, object], where: str) -> _Said | Failure:
    comment = parse(value, meta.InstagramComment, where)
    if isinstance(comment, Failure):
        return comment
    return _Said(
        kind="comment",
        id=str(comment.id),
        sender=comment.sender,
        interaction_id=str(comment.media.id),
        text=comment.text,
    )


def _attachments(files: Iterable[tuple[str, str | None]]) -> list[Attachment]:
    """References to the files behind links; the media type is the file name's, else the network's word."""
    attachments = []
    for type_, url in files:
        if not url or not url.lower().startswith(("https://", "http://")):
            continue
        guessed, _ = mimetypes.guess_type(url.partition("?")[0])
        attachments.append(Attachment(url, guessed or _MEDIA_TYPES.get(type_, "application/octet-stream")))
    return attachments
