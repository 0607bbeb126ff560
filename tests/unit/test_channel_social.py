"""Meta's webhooks: what customers said, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.channels.registry import adapt
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Attachment, Identifier, Interaction

SAMPLES = Path(__file__).parents[1] / "data" / "channels"
RECEIVED = 1_740_823_300_000


def sample(name: str) -> list[Interaction]:
    adapted = adapt("social", (SAMPLES / name).read_bytes(), RECEIVED)
    assert not [one for one in adapted if isinstance(one, Failure)]
    return [one for one in adapted if isinstance(one, Interaction)]


def webhook(*, messaging: object = None, change: object = None) -> list[Interaction | Failure]:
    entry = {"id": "P", "messaging": [messaging] if messaging else [], "changes": [change] if change else []}
    return adapt("social", json.dumps({"object": "page", "entry": [entry]}).encode(), RECEIVED)


def test_private_messages_without_echoes_and_receipts() -> None:
    message, button = sample("facebook_messages.json")
    assert (message.kind, message.event_id, message.reply_to) == ("message", "m_AbCdEf", "m_AbCdEf")
    assert message.identifiers == [Identifier("social", "facebook:24555111222", "observed")]
    assert message.text == "You sent me the wrong size"
    assert message.occurred_at == 1_740_823_200_123
    assert message.attachments == [Attachment("https://cdn.example/photos/shirt.jpg?sig=1", "image/jpeg")]
    assert (button.kind, button.text, button.attributes["postback"]) == (
        "message",
        "Start a return",
        "START_RETURN",
    )
    assert button.interaction_id == message.interaction_id


def test_comments_and_posts_of_others_than_the_page() -> None:
    comment, post = sample("facebook_feed.json")
    assert (comment.kind, comment.event_id, comment.reply_to) == ("comment", "900_1", "900_1")
    assert comment.interaction_id == "104455667788_900"
    assert comment.occurred_at == 1_740_823_200_000
    assert comment.key == "social:facebook:24555111222"
    assert (post.kind, post.reply_to, post.text) == ("post", "104455667788_901", "Look at this")
    assert post.attachments == [Attachment("https://cdn.example/photos/torn.png", "image/png")]


def test_instagram_comments() -> None:
    (comment,) = sample("instagram_comment.json")
    assert (comment.kind, comment.source, comment.key) == (
        "comment",
        "instagram",
        "social:instagram:99887766",
    )
    assert comment.interaction_id == "17900000000000002"
    assert comment.occurred_at == 1_740_823_200_000


def test_attachments_that_are_no_links_are_left_out() -> None:
    files = [
        {"type": "image", "payload": {"url": url}} for url in ("javascript:alert(1)", "https://x.example/a")
    ]
    message = {
        "mid": "m",
        "attachments": [*files, {"type": "file", "payload": {"url": "http://x.example/b"}}],
    }
    (said,) = webhook(messaging={"sender": {"id": "u"}, "message": message})
    assert isinstance(said, Interaction)
    assert said.attachments == [
        Attachment("https://x.example/a", "image/*"),
        Attachment("http://x.example/b", "application/octet-stream"),
    ]
    assert said.occurred_at == RECEIVED


def test_edited_and_deleted_things_are_left_out() -> None:
    edited = {"item": "comment", "verb": "edited", "comment_id": "c", "post_id": "p", "from": {"id": "u"}}
    assert webhook(change={"field": "feed", "value": edited}) == []
    assert webhook(messaging={"sender": {"id": "u"}, "message": {"mid": "m", "is_deleted": True}}) == []


@pytest.mark.parametrize(
    ("payload", "code", "place"),
    [
        ({"object": "user", "entry": []}, "unsupported_event", "payload.object"),
        ({"entry": []}, "missing_field", "payload.object"),
        ({"object": "page", "entry": [5]}, "bad_field", "entry[0]"),
    ],
)
def test_refused_envelopes(payload: object, code: str, place: str) -> None:
    (failure,) = adapt("social", json.dumps(payload).encode(), RECEIVED)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message.partition(":")[0]) == (code, place)


@pytest.mark.parametrize(
    ("messaging", "code", "place"),
    [
        ({"message": {"mid": "m"}}, "missing_field", "entry[0].messaging[0].sender"),
        ({"sender": {"id": "u"}, "message": {}}, "missing_field", "entry[0].messaging[0].message.mid"),
        ({"sender": {"id": "u"}, "poll": {}}, "unsupported_event", "entry[0].messaging[0]"),
        ({"sender": {"id": ""}, "message": {"mid": "m"}}, "bad_field", "entry[0].messaging[0]"),
        ({"sender": {"id": "u"}, "timestamp": "x"}, "bad_time", "entry[0].messaging[0].timestamp"),
    ],
)
def test_refused_messages(messaging: object, code: str, place: str) -> None:
    (failure,) = webhook(messaging=messaging)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message.partition(":")[0]) == (code, place)


def test_refused_changes() -> None:
    added = {"item": "comment", "verb": "add", "post_id": "p"}
    (nobody,) = webhook(change={"field": "feed", "value": added})
    assert nobody == Failure("missing_field", "entry[0].changes[0].value.from: is required")
    (no_id,) = webhook(change={"field": "feed", "value": added | {"from": {"id": "u"}}})
    assert no_id == Failure("missing_field", "entry[0].changes[0].value.comment_id: is required")
    (other,) = webhook(change={"field": "ratings", "value": {}})
    assert isinstance(other, Failure)
    assert other.code == "unsupported_event"
