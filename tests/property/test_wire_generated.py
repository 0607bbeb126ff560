"""Generated code against fastavro: the same bytes for a value, and of any bytes the same value or none."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import fastavro
import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, IdentifiedInteraction
from pipeline.wire.codec import Codec
from pipeline.wire.compiled.binary import Longs
from pipeline.wire.files import load_released
from pipeline.wire.framing import HEADER, frame_header
from pipeline.wire.ids import local_id
from pipeline.wire.records import NAMESPACE, RECORD_NAMES, RECORDS
from pipeline.wire.resolution import parsed, resolving_decoder

CODEC = Codec()
RELEASED = {record: load_released()[record][-1].schema for record in RECORDS}
SCHEMAS = {record: parsed(schema) for record, schema in RELEASED.items()}
FASTAVRO = {record: resolving_decoder(SCHEMAS[record], None, RECORDS[record]) for record in RECORDS}
LONG = Longs()

PLAIN = {
    inspect.NoneType: st.none(),
    inspect.BoolType: st.booleans(),
    inspect.IntType: st.integers(-(2**63), 2**63 - 1) | st.integers(-70, 70),
    inspect.FloatType: st.floats(allow_nan=False),
    inspect.StrType: st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    inspect.BytesType: st.binary(max_size=70),
}


def values(info: Any) -> st.SearchStrategy[Any]:
    """Values of a type, as msgspec describes it."""
    match info:
        case inspect.StructType():
            fields = {field.name: values(field.type) for field in info.fields}
            return st.builds(info.cls, **fields).map(of_one_kind)
        case inspect.UnionType():
            return st.one_of([values(one) for one in info.types])
        case inspect.LiteralType():
            return st.sampled_from(info.values)
        case inspect.ListType():
            return st.lists(values(info.item_type), max_size=3)
        case inspect.DictType():
            return st.dictionaries(values(info.key_type), values(info.value_type), max_size=3)
    return PLAIN[type(info)]


def of_one_kind(value: msgspec.Struct) -> msgspec.Struct:
    if isinstance(value, ActionCommand):
        return msgspec.structs.replace(value, kind=value.body.__struct_config__.tag)
    return value


records = st.sampled_from(sorted(RECORDS)).flatmap(lambda name: values(inspect.type_info(RECORDS[name])))
interactions = values(inspect.type_info(Interaction))
identified = values(inspect.type_info(IdentifiedInteraction))


def by_fastavro(value: msgspec.Struct) -> bytes:
    fields = msgspec.to_builtins(value, builtin_types=(bytes,))
    if isinstance(value, ActionCommand):
        fields["body"] = (f"{NAMESPACE}.{type(value.body).__name__}", fields["body"])
    out = BytesIO()
    fastavro.schemaless_writer(out, SCHEMAS[RECORD_NAMES[type(value)]], fields)
    return out.getvalue()


@given(records)
@settings(max_examples=300)
def test_a_value_is_written_as_fastavro_writes_it_and_comes_back(value: msgspec.Struct) -> None:
    raw = CODEC.encode(None, value)
    assert raw[HEADER.size :] == by_fastavro(value)
    decoded = CODEC.decode(raw)
    assert decoded == value
    # Equal is not enough: 1 == 1.0 == True.
    assert repr(decoded) == repr(value)


def assert_agree(record: str, body: bytes) -> None:
    """The same value by both or none by either; ours alone may refuse only what no writer at hand writes."""
    ours = CODEC.decode(frame_header(local_id(RELEASED[record])) + body)
    try:
        theirs, end = FASTAVRO[record](body, 0)
    except Exception:
        theirs, end = None, 0
    if theirs is not None and end == len(body):
        if isinstance(ours, Failure):
            assert ours.code == "bad_avro"
            assert by_fastavro(theirs) != body
        else:
            # Not ==, for a damaged number may be none (NaN).
            assert repr(ours) == repr(theirs)
    else:
        assert isinstance(ours, Failure)
        assert ours.code == "bad_avro"


@given(st.sampled_from(sorted(RECORDS)), st.binary(max_size=300))
@settings(max_examples=300)
def test_of_any_bytes_both_read_the_same(record: str, body: bytes) -> None:
    assert_agree(record, body)


@given(records, st.data())
@settings(max_examples=300)
def test_of_damaged_bytes_both_read_the_same(value: msgspec.Struct, data: st.DataObject) -> None:
    body = bytearray(by_fastavro(value))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        body[start : start + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
    assert_agree(RECORD_NAMES[type(value)], bytes(body))


class LongWinded:
    """Writes an Interaction as the specification allows and no writer at hand does.

    Numbers have bytes more than they need; every item of an array or map is a block, with its size.
    """

    def __init__(self, data: st.DataObject) -> None:
        self._data = data

    def long(self, number: int) -> bytes:
        short = LONG[number]
        more = self._data.draw(st.integers(0, 10 - len(short)))
        if not more:
            return short
        return short[:-1] + bytes([short[-1] | 0x80]) + b"\x80" * (more - 1) + b"\x00"

    def text(self, value: str) -> bytes:
        raw = value.encode()
        return self.long(len(raw)) + raw

    def optional(self, value: str | None) -> bytes:
        return self.long(0) if value is None else self.long(1) + self.text(value)

    def blocks(self, items: list[bytes]) -> bytes:
        return b"".join(self.long(-1) + self.long(len(one)) + one for one in items) + self.long(0)

    def scalar(self, value: Any) -> bytes:
        if isinstance(value, str):
            return self.long(0) + self.text(value)
        if isinstance(value, bool):
            return self.long(3) + bytes([value])
        if isinstance(value, int):
            return self.long(1) + self.long(value)
        out = BytesIO()
        fastavro.schemaless_writer(out, "double", value)
        return self.long(2) + out.getvalue()

    def interaction(self, value: Interaction) -> bytes:
        assurances = ("verified", "asserted", "observed")
        texts = (value.event_id, value.channel, value.kind, value.interaction_id)
        identifiers = [
            self.text(one.type) + self.text(one.value) + self.long(assurances.index(one.assurance))
            for one in value.identifiers
        ]
        attachments = [
            self.text(one.uri) + self.text(one.media_type) + self.long(one.size) for one in value.attachments
        ]
        return b"".join(
            [
                *map(self.text, texts),
                self.long(value.occurred_at),
                self.long(value.received_at),
                self.text(value.source),
                self.blocks(identifiers),
                *map(self.optional, (value.text, value.language, value.subject, value.reply_to)),
                self.blocks([self.text(key) + self.scalar(one) for key, one in value.facts.items()]),
                self.blocks([self.text(key) + self.scalar(one) for key, one in value.attributes.items()]),
                self.blocks(attachments),
                bytes([value.ended]),
            ]
        )


@given(interactions, st.data())
def test_a_long_winded_writer_is_understood(value: Interaction, data: st.DataObject) -> None:
    body = LongWinded(data).interaction(value)
    assert FASTAVRO["Interaction"](body, 0) == (value, len(body))
    assert repr(CODEC.decode(CODEC.encode(None, value)[: HEADER.size] + body)) == repr(value)


@given(identified)
def test_what_was_read_is_identified_in_the_bytes_that_it_came_in(message: IdentifiedInteraction) -> None:
    event = CODEC.decode(CODEC.encode(None, message.interaction), Interaction)
    assert not isinstance(event, Failure)
    spliced = CODEC.encode(None, msgspec.structs.replace(message, interaction=event))
    assert spliced[HEADER.size :] == by_fastavro(message)
    assert CODEC.encode(None, message) == spliced


@given(identified, st.data())
def test_what_a_long_winded_writer_wrote_is_identified(
    message: IdentifiedInteraction, data: st.DataObject
) -> None:
    body = LongWinded(data).interaction(message.interaction)
    event = CODEC.decode(CODEC.encode(None, message.interaction)[: HEADER.size] + body, Interaction)
    assert not isinstance(event, Failure)
    spliced = CODEC.encode(None, msgspec.structs.replace(message, interaction=event))
    assert spliced.endswith(body)
    assert CODEC.decode(spliced) == message
