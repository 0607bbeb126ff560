"""Values to bytes and back, and every kind of bytes that is none."""

from __future__ import annotations

import copy
import io
import struct
from typing import Any

import fastavro
import msgspec
import pytest

from pipeline.domain.actions import BODIES, Refund, SendMessage
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Attachment, Identifier, Interaction
from pipeline.domain.messages import ActionCommand, ActionReceipt, IdentifiedInteraction
from pipeline.domain.rows import HistoryEntry
from pipeline.wire.codec import MAX_BYTES, Codec
from pipeline.wire.dead_letters import MAX_RAW_BYTES, DeadLetter, Source, dead_letter
from pipeline.wire.files import load_released
from pipeline.wire.framing import frame_header, schema_id_of
from pipeline.wire.ids import LocalIds, local_id

CODEC = Codec()
RECEIPT = ActionReceipt(action_id="a-1", customer_id="C1", status="sent", at=1_763_900_000_000)


def command(**changes: Any) -> ActionCommand:
    body = Refund(order_id="1001", amount=4.5, currency="GBP", reason="wrong_size")
    values: dict[str, Any] = {
        "action_id": "a-1",
        "customer_id": "C1",
        "kind": "refund",
        "lane": "service_reply",
        "body": body,
        "strategy_id": "wrong-size-return",
        "strategy_version": 1,
        "attempt_key": "1001",
        "step": "refund",
        "occurrence": 0,
        "decided_at": 1_763_900_000_000,
    }
    return ActionCommand(**values | changes)


def failure_code(raw: bytes, *expected: type[msgspec.Struct]) -> str:
    result = CODEC.decode(raw, *expected)
    assert isinstance(result, Failure)
    assert "\n" not in result.message
    return result.code


def test_the_wire_format_is_confluents() -> None:
    raw = CODEC.encode(None, RECEIPT)
    assert raw[0] == 0
    schema = load_released()["ActionReceipt"][-1].schema
    assert struct.unpack(">I", raw[1:5])[0] == local_id(schema) == schema_id_of(raw)
    # Any Avro library reads the body with the released file alone.
    record = fastavro.schemaless_reader(io.BytesIO(raw[5:]), fastavro.parse_schema(schema), None)
    assert isinstance(record, dict)
    assert (record["status"], record["at"].isoformat()) == ("sent", "2025-11-23T12:13:20+00:00")


def test_an_interaction_comes_back_as_it_was() -> None:
    interaction = Interaction(
        event_id="e-1",
        channel="social",
        kind="comment",
        interaction_id="post-1",
        occurred_at=1_763_900_000_123,
        received_at=-1,
        source="/facebook",
        identifiers=[Identifier("social", "facebook:1"), Identifier("customer_number", "C1", "verified")],
        text="Größe 👕 falsch",
        facts={"size": "L", "count": 1, "weight": 1.0, "gift": True},
        attachments=[Attachment("https://example.com/p.jpg", "image/jpeg", 12)],
        ended=True,
    )
    decoded = CODEC.decode(CODEC.encode("interactions.social", interaction), Interaction)
    assert decoded == interaction
    assert isinstance(decoded, Interaction)
    assert [type(value) for value in decoded.facts.values()] == [str, int, float, bool]


@pytest.mark.parametrize("kind", sorted(BODIES))
def test_each_kind_of_action_carries_its_own_body(kind: str) -> None:
    samples = {str: "text", int: 3, float: 2.5, dict[str, str]: {"a": "b"}}
    fields = {one.name: samples.get(one.type) for one in msgspec.structs.fields(BODIES[kind])}
    sent = command(kind=kind, body=BODIES[kind](**fields), expires_at=5)
    assert CODEC.decode(CODEC.encode(None, sent), ActionCommand) == sent


def test_a_body_of_another_kind_is_refused() -> None:
    message = SendMessage(channel="sms", to="+44", template="t", language="en", text="Hello")
    assert failure_code(CODEC.encode(None, command(body=message))) == "bad_avro"


def test_what_is_no_record_cannot_be_encoded() -> None:
    entry = HistoryEntry(
        customer_id="C1", event_id="e", occurred_at=1, channel="web", kind="login", interaction_id="i"
    )
    with pytest.raises(KeyError):
        CODEC.encode(None, entry)
    with pytest.raises((ValueError, OverflowError)):
        CODEC.encode(None, msgspec.structs.replace(RECEIPT, at=2**64))
    with pytest.raises(ValueError, match="lost"):
        CODEC.encode(None, msgspec.structs.replace(RECEIPT, status="lost"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "raw", [b"", b"\x00", b"\x00\x01\x02\x03", b"{}", b"\x01" + CODEC.encode(None, RECEIPT)[1:]]
)
def test_bytes_without_the_header_are_not_avro(raw: bytes) -> None:
    assert failure_code(raw) == "not_avro"


def test_an_unknown_id_is_told_apart() -> None:
    assert failure_code(frame_header(1) + b"body") == "unknown_schema"


def test_a_body_cut_anywhere_or_too_long_is_bad_avro() -> None:
    raw = CODEC.encode(None, RECEIPT)
    for length in range(5, len(raw)):
        assert failure_code(raw[:length]) == "bad_avro"
    assert failure_code(raw + b"\x00") == "bad_avro"


def test_another_record_than_expected_is_refused_without_reading_it() -> None:
    assert failure_code(CODEC.encode(None, RECEIPT)[:6], Interaction) == "wrong_record"
    assert CODEC.decode(CODEC.encode(None, RECEIPT), Interaction, ActionReceipt) == RECEIPT


def test_too_large_is_refused_before_reading() -> None:
    header = CODEC.encode(None, RECEIPT)[:5]
    assert failure_code(header + bytes(MAX_BYTES - 5)) == "bad_avro"
    assert failure_code(header + bytes(MAX_BYTES - 4)) == "too_large"


def test_an_interaction_of_the_greatest_size_can_be_identified() -> None:
    interaction = Interaction(
        event_id="e",
        channel="email",
        kind="message",
        interaction_id="i",
        occurred_at=1,
        received_at=1,
        source="/mail",
        identifiers=[Identifier("email", "a@example.com")],
        text="",
    )
    room = MAX_BYTES - len(CODEC.encode(None, interaction)) - 2  # the length of the text takes two bytes more
    interaction.text = "x" * room
    assert len(CODEC.encode(None, interaction)) == MAX_BYTES
    identified = IdentifiedInteraction(
        customer_id="C1", known=True, resolved_by="email:a@example.com", interaction=interaction
    )
    assert CODEC.decode(CODEC.encode(None, identified)) == identified


class Registry(LocalIds):
    """The released schemas, and one more."""

    def __init__(self, schema: Any) -> None:
        super().__init__(load_released())
        self._schemas[9] = schema


def receipt_schema() -> Any:
    return copy.deepcopy(load_released()["ActionReceipt"][-1].schema)


def framed(schema: Any, record: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(copy.deepcopy(schema)), record)
    return frame_header(9) + out.getvalue()


def test_older_and_newer_writers_are_resolved_to_the_current_record() -> None:
    older, newer = receipt_schema(), receipt_schema()
    older["fields"] = [field for field in older["fields"] if field["name"] != "detail"]
    newer["fields"].insert(0, {"name": "carrier", "type": "string"})
    fields = msgspec.structs.asdict(RECEIPT)
    assert Codec(Registry(older)).decode(framed(older, fields)) == RECEIPT
    assert Codec(Registry(newer)).decode(framed(newer, fields | {"carrier": "post"})) == RECEIPT


def test_a_writer_that_does_not_fit_is_bad_avro() -> None:
    schema = receipt_schema()
    schema["fields"] = schema["fields"][:2]
    result = Codec(Registry(schema)).decode(framed(schema, {"action_id": "a", "customer_id": "c"}))
    assert isinstance(result, Failure)
    assert result.code == "bad_avro"


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"type": "record", "name": "com.example.Receipt", "fields": []}, "wrong_record"),
        ({"type": "array", "items": "string"}, "wrong_record"),
        (receipt_schema() | {"fields": [{"name": "x", "type": "Elsewhere"}]}, "unknown_schema"),
    ],
)
def test_a_foreign_schema_is_a_failure(schema: Any, code: str) -> None:
    result = Codec(Registry(schema)).decode(frame_header(9))
    assert isinstance(result, Failure)
    assert result.code == code


def test_a_profile_travels_as_customer_profile() -> None:
    profile = Profile(customer_id="C1", value=812.5, consent={"service/sms": True}, tier="gold")
    raw = CODEC.encode("customers", profile)
    assert schema_id_of(raw) == local_id(load_released()["CustomerProfile"][-1].schema)
    assert CODEC.decode(raw) == profile


def test_a_dead_letter_tells_where_it_came_from() -> None:
    raw = frame_header(7) + b"\xff"
    source = Source("interactions.web", 3, 12, b"device:1")
    letter = dead_letter("identity", Failure("bad_avro", "no body"), source, raw, failed_at=5, event_id="e")
    assert letter == DeadLetter(
        stage="identity",
        code="bad_avro",
        message="no body",
        source="interactions.web",
        partition=3,
        offset=12,
        schema_id=7,
        key=b"device:1",
        raw=raw,
        attempts=1,
        failed_at=5,
        event_id="e",
    )
    assert CODEC.decode(CODEC.encode("dead-letters", letter)) == letter


def test_a_dead_letter_keeps_the_largest_record_and_cuts_a_larger_one() -> None:
    failure = Failure("payload_too_large", "too large")
    whole = dead_letter("intake", failure, Source("web"), b"x" * MAX_RAW_BYTES, failed_at=5)
    cut = dead_letter("intake", failure, Source("web"), b"x" * (MAX_RAW_BYTES + 1), failed_at=5)
    assert (whole.message, len(whole.raw)) == ("too large", MAX_RAW_BYTES)
    assert (cut.raw, cut.schema_id, cut.partition) == (whole.raw, None, -1)
    assert cut.message == "too large (only the first 1048576 of 1048577 bytes are kept)"
    assert CODEC.decode(CODEC.encode("dead-letters", cut)) == cut
