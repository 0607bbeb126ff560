"""Whatever arrives, adapters give interactions or failures, never an exception, and the same again for it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.channels import customers
from pipeline.channels.registry import ADAPTERS, adapt
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction

SAMPLES = Path(__file__).parents[1] / "data" / "channels"
DOCUMENTS = {
    "web": ["web_return_form.json"],
    "mobile_app": ["mobile_checkout.json"],
    "social": ["facebook_messages.json", "facebook_feed.json", "instagram_comment.json"],
    "order": ["order_delivered.json"],
    "voice": ["call_from_a_known_number.json"],
    "email": ["email_with_attachment.json"],
}
RECEIVED = 1_740_823_300_000

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
odd_texts = st.sampled_from(
    ["", " ", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "\x00", "#", "\ud800", "💥"]
)
values = st.recursive(
    scalars | odd_texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, below in inner for place in paths(below, (*path, key)))]


def replaced(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """A copy of the document with another value at a place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@st.composite
def damaged_samples(draw: st.DrawFn) -> tuple[str, bytes]:
    """A real payload with one to three places replaced by something else."""
    channel = draw(st.sampled_from(sorted(DOCUMENTS)))
    document = json.loads((SAMPLES / draw(st.sampled_from(DOCUMENTS[channel]))).read_bytes())
    for _ in range(draw(st.integers(1, 3))):
        document = replaced(document, draw(st.sampled_from(paths(document))), draw(values))
    return channel, json.dumps(document).encode()


def check(channel: str, payload: bytes) -> None:
    adapted = adapt(channel, payload, RECEIVED)
    assert adapt(channel, payload, RECEIVED) == adapted
    for one in adapted:
        if isinstance(one, Failure):
            assert one.code
            assert "\n" not in one.message
            continue
        assert isinstance(one, Interaction)
        assert one.channel == channel
        assert one.event_id
        assert one.interaction_id
        assert one.kind
        assert one.identifiers
        assert all(identifier.value for identifier in one.identifiers)
        assert isinstance(one.occurred_at, int)
        assert msgspec.convert(msgspec.to_builtins(one), Interaction) == one


@pytest.mark.parametrize("channel", sorted(ADAPTERS))
@settings(max_examples=50)
@given(payload=st.binary(max_size=200))
def test_arbitrary_bytes(channel: str, payload: bytes) -> None:
    check(channel, payload)


@pytest.mark.parametrize("channel", sorted(ADAPTERS))
@settings(max_examples=50)
@given(document=values)
def test_arbitrary_json(channel: str, document: Any) -> None:
    check(channel, json.dumps(document).encode())


@settings(max_examples=400)
@given(damaged=damaged_samples())
def test_damaged_payloads(damaged: tuple[str, bytes]) -> None:
    check(*damaged)


@settings(max_examples=100)
@given(data=st.binary(max_size=200), media_type=st.sampled_from(["text/csv", "application/json", "x"]))
def test_arbitrary_customer_files(data: bytes, media_type: str) -> None:
    for prefix in (b"", b"customer_id,name,value\n"):
        assert all(isinstance(one, Profile | Failure) for one in customers.read(prefix + data, media_type))


@settings(max_examples=150)
@given(
    cells=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=len(customers.COLUMNS)).map(
        lambda texts: texts[: len(customers.COLUMNS)]
    )
)
def test_arbitrary_cells(cells: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerows([customers.COLUMNS, cells])
    read = customers.read(file.getvalue().encode(), "text/csv")
    assert read
    assert all(isinstance(one, Profile | Failure) for one in read)
    assert sum(isinstance(one, Profile) for one in read) <= 1
