"""The JSON of Meta's webhooks, as far as it is read."""

from __future__ import annotations

import msgspec

from pipeline.channels.payload import Id


class Party(msgspec.Struct):
    """Somebody on the network: the id that the network gives this page for them."""

    id: Id


class Media(msgspec.Struct):
    """Where an attached file is."""

    url: str | None = None


class Attached(msgspec.Struct):
    """An attachment of a message; those without a file (places, templates) have no url."""

    type: str
    payload: Media | None = None


class Message(msgspec.Struct):
    """A private message."""

    mid: Id
    text: str | None = None
    attachments: list[Attached] = []
    is_echo: bool = False
    is_deleted: bool = False


class Postback(msgspec.Struct):
    """A button that the customer pressed in the conversation."""

    title: str | None = None
    payload: str | None = None
    mid: Id | None = None


class Messaging(msgspec.Struct):
    """One event of a private conversation."""

    sender: Party
    timestamp: int | None = None
    message: Message | None = None
    postback: Postback | None = None


class Change(msgspec.Struct):
    """One change of a page's feed or an account's comments; `value` differs by `field`."""

    field: str
    value: dict[str, object]


class FeedHead(msgspec.Struct):
    """What a `feed` change is about, and whether it was added, edited or removed."""

    item: str
    verb: str


class FeedItem(msgspec.Struct, kw_only=True):
    """The value of a `feed` change on Facebook."""

    sender: Party = msgspec.field(name="from")
    post_id: Id
    comment_id: Id | None = None
    message: str | None = None
    photo: str | None = None
    video: str | None = None
    created_time: int | None = None


class InstagramComment(msgspec.Struct, kw_only=True):
    """The value of a `comments` change on Instagram."""

    id: Id
    sender: Party = msgspec.field(name="from")
    media: Party
    text: str | None = None


class Entry(msgspec.Struct):
    """What happened on one page or account; `time` is in seconds or milliseconds."""

    id: Id
    time: int | None = None
    messaging: list[object] = []
    changes: list[object] = []


class Webhook(msgspec.Struct, kw_only=True):
    """The envelope of a call."""

    subscribed: str = msgspec.field(name="object")
    entry: list[object]
