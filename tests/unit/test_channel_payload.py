"""The bounds on payloads, the registry, and identifiers' one spelling."""

from __future__ import annotations

import json

import pytest

from pipeline.channels import payload
from pipeline.channels.registry import ADAPTERS, adapt
from pipeline.domain import normalise
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Identifier, Interaction


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b'"' + b"x" * payload.MAX_BYTES + b'"', "payload_too_large"),
        (b'"' + b"x" * (payload.MAX_STRING + 1) + b'"', "string_too_long"),
        (b'{"' + b"x" * (payload.MAX_STRING + 1) + b'": 1}', "string_too_long"),
        (nested(payload.MAX_DEPTH + 2), "too_deep"),
        (nested(100_000), "too_deep"),
        (b"9223372036854775808", "bad_field"),
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"\xff\xfe", "bad_json"),
        (b'"\\ud800"', "bad_json"),
        (b"NaN", "bad_json"),
    ],
)
def test_bounds(document: bytes, code: str) -> None:
    for channel in ADAPTERS:
        (failure,) = adapt(channel, document, 0)
        assert isinstance(failure, Failure)
        assert failure.code == code


def test_what_lies_within_the_bounds_is_read() -> None:
    assert payload.read_json(b'"' + b"x" * payload.MAX_STRING + b'"') == "x" * payload.MAX_STRING
    assert not isinstance(payload.read_json(nested(payload.MAX_DEPTH)), Failure)
    assert payload.read_json(b"9223372036854775807") == 2**63 - 1
    assert payload.read_json(b"null") is None
    assert payload.read_json(b"0") == 0


@pytest.mark.parametrize(
    ("channel", "document"),
    [
        ("web", lambda events: {"batch": events}),
        ("order", lambda events: events),
        ("voice", lambda events: {"events": events}),
        ("social", lambda events: {"object": "page", "entry": [{"id": "P", "messaging": events}]}),
    ],
)
def test_a_thousand_events_are_read_and_no_more(channel: str, document: object) -> None:
    assert callable(document)
    within = adapt(channel, json.dumps(document([{}] * payload.MAX_EVENTS)).encode(), 0)
    assert len(within) == payload.MAX_EVENTS
    (failure,) = adapt(channel, json.dumps(document([{}] * (payload.MAX_EVENTS + 1))).encode(), 0)
    assert isinstance(failure, Failure)
    assert failure.code == "too_many_events"


def test_an_unknown_channel_is_told_which_there_are() -> None:
    expected = f"channel: expected one of {', '.join(ADAPTERS)}"
    assert adapt("fax", b"{}", 0) == [Failure("unknown_channel", expected)]
    assert set(ADAPTERS) == set(CHANNELS)


def test_events_carry_the_channel_that_they_came_in_on() -> None:
    for channel in ("web", "mobile_app"):
        (event,) = adapt(channel, b'{"type": "page", "anonymousId": "a"}', 0)
        assert isinstance(event, Interaction)
        assert event.channel == channel


@pytest.mark.parametrize(
    ("type_", "value", "normal"),
    [
        ("email", "Jose\u0301@Example.com", "jos\u00e9@example.com"),
        ("email", " Ann.Lee@Example.COM ", "ann.lee@example.com"),
        ("phone", "+44 (0)20 7946 0018", "+442079460018"),
        ("phone", "tel:+1-201-555-0123", "+12015550123"),
        ("social", "Facebook:Abc", "facebook:Abc"),
        ("loyalty_card", "63-00 12ab", "630012AB"),
        ("order_number", " #1001", "1001"),
        ("device", " a-B ", "a-B"),
        ("customer_number", "c-1", "c-1"),
    ],
)
def test_identifiers_have_one_spelling(type_: str, value: str, normal: str) -> None:
    assert normalise.identifier(type_, value, "asserted") == Identifier(type_, normal, "asserted")


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("email", "ann"),
        ("email", "a b@example.com"),
        ("phone", "020 7946 0018"),
        ("phone", "+44"),
        ("phone", "call me"),
        ("social", "facebook"),
        ("social", ":1"),
        ("device", ""),
        ("device", "   "),
        ("device", "a\x00b"),
        ("device", "x" * 257),
        ("order_number", "#"),
        ("loyalty_card", "- -"),
    ],
)
def test_what_identifies_nobody_is_refused_without_repeating_it(type_: str, value: str) -> None:
    failure = normalise.identifier(type_, value, "asserted")
    assert isinstance(failure, Failure)
    assert failure.code == "bad_identifier"
    assert failure.message.startswith(f"{type_}: ")


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("en", "en"),
        ("en-GB", "en"),
        ("de_AT.UTF-8", "de"),
        ("YUE-Hant", "yue"),
        ("", None),
        ("english", None),
    ],
)
def test_languages(tag: str, language: str | None) -> None:
    assert normalise.language(tag) == language


@pytest.mark.parametrize(
    ("number", "milliseconds"),
    [
        (1_740_823_200, 1_740_823_200_000),
        (1_740_823_200_123, 1_740_823_200_123),
        (0, 0),
        (2**63 - 1, 2**63 - 1),
    ],
)
def test_epoch_numbers_in_seconds_or_milliseconds(number: int, milliseconds: int) -> None:
    assert payload.epoch_number_ms(number) == milliseconds
