"""What generated code refuses: schemas that do not fit, values that no record holds, bytes that are no record."""

from __future__ import annotations

import io
from typing import Any, Literal

import fastavro
import msgspec
import pytest

from benchmarks.codec import pairs
from pipeline.domain.actions import SendMessage
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionCommand, CustomerMoved, IdentifiedInteraction, IdentityLink
from pipeline.wire.codec import Codec
from pipeline.wire.compiled.binary import Longs, read_count, read_long, read_size
from pipeline.wire.compiled.decoder import make_decoder
from pipeline.wire.compiled.encoder import make_encoder
from pipeline.wire.files import load_released
from pipeline.wire.framing import frame_header
from pipeline.wire.ids import LocalIds

CODEC = Codec()
LONG = Longs()
LINK = IdentityLink(
    identifier=Identifier("email", "a@b.c"),
    customer_id="C1",
    known=True,
    source="s",
    linked_at=1,
    event_id="e",
)
EVENT = Interaction(
    event_id="e",
    channel="web",
    kind="login",
    interaction_id="i",
    occurred_at=1_772_445_600_000,
    received_at=1_772_445_600_040,
    source="/web",
    identifiers=[Identifier("device", "d")],
    facts={"size": "L"},
)
COMMAND = ActionCommand(
    action_id="a",
    customer_id="C1",
    kind="send_message",
    lane="proactive",
    body=SendMessage(channel="sms", to="+44", template="t", language="en", text="Hello"),
    strategy_id="s",
    strategy_version=1,
    attempt_key="k",
    step="one",
    occurrence=0,
)


class Flat(msgspec.Struct):
    """Every kind of field that is not nested."""

    text: str = ""
    count: int = 0
    amount: float = 0.0
    held: bool = False
    data: bytes = b""
    colour: Literal["red", "blue"] = "red"


def record(**fields: Any) -> Any:
    schema = {
        "type": "record",
        "name": "Flat",
        "fields": [{"name": name, "type": schema} for name, schema in fields.items()],
    }
    return fastavro.parse_schema(schema)


def colours(*symbols: str) -> dict[str, Any]:
    return {"type": "enum", "name": "Colour", "symbols": symbols}


def identified(event: Interaction) -> IdentifiedInteraction:
    return IdentifiedInteraction(customer_id="C1", known=True, resolved_by="device:d", interaction=event)


def bad_avro(raw: bytes) -> bool:
    result = CODEC.decode(raw)
    return isinstance(result, Failure) and result.code == "bad_avro"


@pytest.mark.parametrize(
    "number", [0, 1, -1, 63, 64, -64, -65, 1_772_445_600_000, -(2**41), 2**63 - 1, -(2**63)]
)
def test_a_number_is_written_as_fastavro_does_and_read_again(number: int) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, "long", number)
    assert LONG[number] == out.getvalue()
    assert read_long(LONG[number], 0) == (number, len(LONG[number]))
    assert read_long(b"\x80" + LONG[number] + bytes(9), 1) == (number, 1 + len(LONG[number]))


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1])
def test_a_number_beyond_64_bits_is_not_written(number: int) -> None:
    with pytest.raises(OverflowError):
        LONG[number]


@pytest.mark.parametrize("raw", [b"\xff" * 9 + b"\x02", b"\x80" * 10 + b"\x00"])
def test_a_number_beyond_64_bits_is_not_read(raw: bytes) -> None:
    with pytest.raises(ValueError, match="a number of more than"):
        read_long(raw, 0)


@pytest.mark.parametrize("raw", [b"", b"\x80", b"\x80\x80\x80\x80\x80\x80"])
def test_a_number_that_is_cut_off_is_not_read(raw: bytes) -> None:
    with pytest.raises(IndexError):
        read_long(raw, 0)


def test_a_length_is_not_negative_and_a_negative_count_comes_with_a_size() -> None:
    with pytest.raises(ValueError, match="negative"):
        read_size(LONG[-1], 0)
    assert read_count(LONG[-3] + LONG[500], 0) == (3, 3)


@pytest.mark.parametrize(
    "schema",
    [
        record(text="long"),
        record(text=["null", "string"]),
        record(count="double"),
        record(amount="long"),
        record(data="string"),
        record(held={"type": "array", "items": "boolean"}),
        record(data={"type": "map", "values": "bytes"}),
        record(text={"type": "record", "name": "Other", "fields": []}),
        record(colour="string"),
        record(colour=colours("red", "green")),
    ],
)
def test_a_schema_that_could_give_a_field_another_type_is_refused(schema: Any) -> None:
    with pytest.raises(TypeError, match="fits"):
        make_decoder(schema, Flat)
    with pytest.raises(TypeError, match="fits"):
        make_encoder(schema, Flat, {})


def test_an_enum_may_have_fewer_symbols_than_the_field_has_values() -> None:
    schema = record(colour=colours("blue"))
    assert make_decoder(schema, Flat)(b"\x00", 0) == (Flat(colour="blue"), 1)
    with pytest.raises(ValueError, match="'red' is none of blue"):
        make_encoder(schema, Flat, {})(Flat(colour="red"))


@pytest.mark.parametrize(
    ("value", "changes"),
    [
        (LINK, {"customer_id": None}),
        (LINK, {"customer_id": b"C1"}),
        (LINK, {"linked_at": "yesterday"}),
        (LINK, {"event_id": 7}),
        (LINK, {"identifier": None}),
        (LINK, {"known": None}),
        (EVENT, {"facts": None}),
        (EVENT, {"facts": {"size": None}}),
        (EVENT, {"facts": ["size"]}),
        (EVENT, {"identifiers": 1}),
        (COMMAND, {"body": LINK}),
        (CustomerMoved(winner="a", loser="b", state=b"", moved_at=1), {"state": None}),
    ],
)
def test_a_field_of_another_type_is_a_type_error(value: msgspec.Struct, changes: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        CODEC.encode(None, msgspec.structs.replace(value, **changes))


def test_text_that_is_no_unicode_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        CODEC.encode(None, msgspec.structs.replace(LINK, customer_id="\ud800"))


def test_a_fact_too_large_for_a_long_travels_as_a_double() -> None:
    large = msgspec.structs.replace(EVENT, facts={"count": 2**70, "small": 2**62})
    decoded = CODEC.decode(CODEC.encode(None, large), Interaction)
    assert isinstance(decoded, Interaction)
    assert repr(decoded.facts) == repr({"count": float(2**70), "small": 2**62})


@pytest.mark.parametrize("value", [EVENT, COMMAND, LINK])
def test_a_body_cut_anywhere_is_bad_avro(value: msgspec.Struct) -> None:
    raw = CODEC.encode(None, value)
    assert CODEC.decode(raw) == value
    for length in range(5, len(raw)):
        assert bad_avro(raw[:length])
    assert bad_avro(raw + b"\x00")


def test_no_branch_no_symbol_no_truth_and_no_length_are_bad_avro() -> None:
    raw = CODEC.encode(None, LINK)
    head, rest = raw[: raw.index(b"\x02\x02e")], raw[raw.index(b"\x02\x02e") + 3 :]
    assert not bad_avro(head + b"\x02\x02e" + rest)
    assert bad_avro(head + b"\x04\x02e" + rest)  # event_id: the third branch of two
    assert bad_avro(head + b"\x01\x02e" + rest)  # event_id: the branch before the first
    assert bad_avro(head + b"\x02\x01e" + rest)  # event_id: a length of -1
    known = raw.index(b"C1") + 2
    assert bad_avro(raw[:known] + b"\x02" + raw[known + 1 :])
    assurance = raw.index(b"a@b.c") + 5
    assert bad_avro(raw[:assurance] + b"\x06" + raw[assurance + 1 :])
    assert bad_avro(raw[:assurance] + b"\x01" + raw[assurance + 1 :])


def test_a_body_that_would_also_fit_another_kind_is_refused() -> None:
    """A SendMessage has every field that an OfferChat needs."""
    assert bad_avro(CODEC.encode(None, msgspec.structs.replace(COMMAND, kind="offer_chat")))


def test_a_count_of_items_that_are_not_there_ends_with_the_bytes() -> None:
    raw = CODEC.encode(None, EVENT)
    at = raw.index(b"\x0cdevice") - 1
    assert raw[at] == 2
    assert bad_avro(raw[:at] + LONG[2**62] + raw[at + 1 :])


def test_an_interaction_is_not_taken_for_the_one_read_before() -> None:
    """Its bytes are taken for the very value that was read, not for one that equals it or came later."""
    first = CODEC.decode(CODEC.encode(None, EVENT), Interaction)
    assert not isinstance(first, Failure)
    changed = msgspec.structs.replace(first, text="new")
    assert b"new" in CODEC.encode(None, identified(changed))
    CODEC.decode(CODEC.encode(None, changed))
    assert b"new" not in CODEC.encode(None, identified(first))


class Older(LocalIds):
    """The released schemas, and an Interaction that says nothing of its end."""

    def __init__(self) -> None:
        super().__init__(load_released())
        newest = load_released()["Interaction"][-1].schema
        self.schema = newest | {"fields": [field for field in newest["fields"] if field["name"] != "ended"]}
        self._schemas[9] = self.schema


def test_an_interaction_of_an_older_writer_is_identified_in_the_newest_schema() -> None:
    ids, out = Older(), io.BytesIO()
    codec = Codec(ids)
    fastavro.schemaless_writer(out, fastavro.parse_schema(ids.schema), msgspec.to_builtins(EVENT))
    event = codec.decode(frame_header(9) + out.getvalue(), Interaction)
    assert event == EVENT
    assert isinstance(event, Interaction)
    assert CODEC.decode(codec.encode(None, identified(event))) == identified(EVENT)


@pytest.mark.parametrize("value", [EVENT, identified(EVENT), COMMAND])
def test_the_benchmark_compares_the_same_work(value: msgspec.Struct) -> None:
    read, write = pairs(CODEC, value).values()
    ours, theirs = (call() for call in read)
    assert theirs == (ours, len(CODEC.encode(None, value)))
    ours, theirs = (call() for call in write)
    assert ours == CODEC.encode(None, value)[:5] + theirs
