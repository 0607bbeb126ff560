"""CloudEvents headers and trace context: what is written, and what is made of broken ones."""

from __future__ import annotations

import pytest

from pipeline.domain.messages import ActionReceipt
from pipeline.wire.headers import EventHeaders, TraceParent, build_headers, event_type, read_headers

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_headers_are_those_of_the_binary_mode() -> None:
    parent = TraceParent.parse(TRACE)
    headers = build_headers("e-1", "io.throughline.v1.Interaction", "/web", 1_763_900_000_123, parent)
    assert dict(headers) == {
        "ce_specversion": b"1.0",
        "ce_id": b"e-1",
        "ce_type": b"io.throughline.v1.Interaction",
        "ce_source": b"/web",
        "ce_time": b"2025-11-23T12:13:20.123Z",
        "content-type": b"application/avro",
        "traceparent": TRACE.encode(),
    }
    assert read_headers(headers) == EventHeaders(
        "e-1", "io.throughline.v1.Interaction", "/web", 1_763_900_000_123, parent
    )


def test_the_type_is_the_records_full_name() -> None:
    receipt = ActionReceipt(action_id="a", customer_id="c", status="sent", at=1)
    assert event_type(receipt) == "io.throughline.v1.ActionReceipt"


@pytest.mark.parametrize("time", [2**63 - 1, -(2**63), 253_402_300_800_000])
def test_a_time_that_no_calendar_holds_is_left_out(time: int) -> None:
    headers = build_headers("e", "t", "s", time)
    assert "ce_time" not in dict(headers)
    assert read_headers(headers).time is None


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("2025-11-23T13:13:20.5+01:00", 1_763_900_000_500),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2025-11-23T12:13:20", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_when_they_name_a_moment(text: str, ms: int | None) -> None:
    assert read_headers([("ce_time", text.encode())]).time == ms


@pytest.mark.parametrize(
    "headers",
    [
        None,
        [],
        [("ce_id", None)],
        [("ce_id", b"\xff\xfe")],
        [("ce_id", b"x" * 5000), ("traceparent", b"x" * 5000)],
        [("traceparent", b"00-0-0-0"), ("other", b"1")],
    ],
)
def test_broken_headers_are_absent(headers: list[tuple[str, bytes | None]] | None) -> None:
    assert read_headers(headers) == EventHeaders()


def test_names_are_compared_without_case_and_the_last_counts() -> None:
    assert read_headers([("CE_ID", b"first"), ("ce_id", b"last")]).id == "last"


@pytest.mark.parametrize(
    "text",
    [
        "ff" + TRACE[2:],
        TRACE.upper(),
        TRACE + "-more",
        TRACE[:-1],
        "00-" + "0" * 32 + TRACE[35:],
        TRACE[:36] + "0" * 16 + "-01",
        TRACE + "\n",
        " " + TRACE,
    ],
)
def test_an_invalid_traceparent_is_none(text: str) -> None:
    assert TraceParent.parse(text) is None


def test_a_later_version_may_say_more() -> None:
    assert str(TraceParent.parse("cc" + TRACE[2:] + "-what-comes")) == TRACE
    assert TraceParent.parse("cc" + TRACE[2:] + "more") is None


def test_a_child_stays_in_its_trace() -> None:
    parent = TraceParent.parse(TRACE[:-1] + "2")
    assert parent is not None
    child = parent.child()
    assert (child.trace_id, child.sampled) == (parent.trace_id, False)
    assert child.span_id != parent.span_id
    assert TraceParent.parse(str(child)) == child


def test_a_new_trace_is_valid_and_sampled() -> None:
    root = TraceParent.new()
    assert TraceParent.parse(str(root)) == root
    assert root.sampled
