"""Whatever a value holds comes back; whatever bytes come in, decoding gives a value or a Failure."""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Attachment, Identifier, Interaction
from pipeline.domain.messages import Decision, IdentifiedInteraction, Reason
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released
from pipeline.wire.framing import frame_header
from pipeline.wire.headers import EventHeaders, TraceParent, build_headers, read_headers
from pipeline.wire.ids import local_id
from pipeline.wire.records import RECORDS

CODEC = Codec()
IDS = [local_id(load_released()[record][-1].schema) for record in RECORDS]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
longs = st.integers(-(2**63), 2**63 - 1)
scalars = st.dictionaries(texts, texts | longs | st.floats(allow_nan=False) | st.booleans(), max_size=5)
optional = st.none() | texts
identifiers = st.builds(Identifier, texts, texts, st.sampled_from(["verified", "asserted", "observed"]))
interactions = st.builds(
    Interaction,
    **dict.fromkeys(("event_id", "channel", "kind", "interaction_id", "source"), texts),
    **dict.fromkeys(("occurred_at", "received_at"), longs),
    **dict.fromkeys(("text", "language", "subject", "reply_to"), optional),
    **dict.fromkeys(("facts", "attributes"), scalars),
    identifiers=st.lists(identifiers, max_size=4),
    attachments=st.lists(st.builds(Attachment, texts, texts, longs), max_size=3),
    ended=st.booleans(),
)


@given(interactions)
def test_an_interaction_comes_back(interaction: Interaction) -> None:
    decoded = CODEC.decode(CODEC.encode(None, interaction), Interaction)
    assert decoded == interaction
    assert isinstance(decoded, Interaction)
    # Equal is not enough: 1 == 1.0 == True.
    assert {key: type(value) for key, value in decoded.facts.items()} == {
        key: type(value) for key, value in interaction.facts.items()
    }


@given(st.builds(IdentifiedInteraction, customer_id=texts, resolved_by=texts, interaction=interactions))
def test_an_identified_interaction_comes_back(identified: IdentifiedInteraction) -> None:
    assert CODEC.decode(CODEC.encode(None, identified)) == identified


decisions = st.builds(
    Decision,
    **dict.fromkeys(("decision_id", "customer_id", "strategy_id", "attempt_key", "step"), texts),
    **dict.fromkeys(("event_id", "session_id", "thread_id"), optional),
    outcome=st.sampled_from(["fired", "suppressed", "error"]),
    strategy_version=st.integers(1, 2**31 - 1),
    decided_at=longs,
    action_ids=st.lists(texts, max_size=3),
    reasons=st.lists(
        st.builds(Reason, rule=texts, held=st.booleans(), values=st.dictionaries(texts, texts, max_size=3)),
        max_size=3,
    ),
)


@given(decisions)
def test_a_decision_comes_back(decision: Decision) -> None:
    assert CODEC.decode(CODEC.encode(None, decision)) == decision


@given(st.sampled_from(IDS), st.binary(max_size=400))
def test_any_body_gives_a_value_or_a_failure(schema_id: int, body: bytes) -> None:
    result = CODEC.decode(frame_header(schema_id) + body)
    if isinstance(result, Failure):
        assert result.code == "bad_avro"
    else:
        assert type(result) in RECORDS.values()


@given(st.binary(max_size=64))
def test_any_bytes_give_a_value_or_a_failure(raw: bytes) -> None:
    result = CODEC.decode(raw)
    assert isinstance(result, Failure)
    assert result.code in {"not_avro", "unknown_schema"}


@given(interactions, st.data())
def test_a_damaged_record_never_raises(interaction: Interaction, data: st.DataObject) -> None:
    raw = bytearray(CODEC.encode(None, interaction))
    place = data.draw(st.integers(5, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    result = CODEC.decode(bytes(raw), Interaction)
    assert isinstance(result, Interaction | Failure)


@given(
    st.lists(
        st.tuples(st.text(max_size=12) | st.sampled_from(["ce_time", "traceparent"]), st.none() | st.binary())
    )
)
def test_any_headers_can_be_read(headers: list[tuple[str, bytes | None]]) -> None:
    assert isinstance(read_headers(headers), EventHeaders)


@given(st.datetimes().map(lambda moment: (moment - datetime(1970, 1, 1)) // timedelta(milliseconds=1)))
def test_a_time_of_the_calendar_comes_back(time: int) -> None:
    assert read_headers(build_headers("e", "t", "s", time)).time == time


@given(st.text(max_size=70) | st.from_regex(r"\A[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z"))
def test_a_traceparent_is_written_as_it_was_read(text: str) -> None:
    parent = TraceParent.parse(text)
    if parent is not None:
        assert TraceParent.parse(str(parent)) == parent
        assert str(parent)[3:52] == text[3:52]
