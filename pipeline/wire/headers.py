"""Kafka headers: CloudEvents 1.0 in binary mode, and the W3C trace context.

The body stays Avro; `ce_*` headers tell any consumer what it is without decoding it. Headers are advice: a
broken one is read as absent and never stops a record.
"""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from pipeline.wire.records import NAMESPACE, RECORD_NAMES

CONTENT_TYPE = "application/avro"
Headers = list[tuple[str, bytes]]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Versions after 00 may append fields, which a reader of 00 ignores (W3C Trace Context, section 4.3).
_TRACEPARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]([0-9a-f])(-.*)?"
)
_ODD = "13579bdf"
_MAX_HEADER_BYTES = 1024
_TYPES = {struct: f"{NAMESPACE}.{record}" for struct, record in RECORD_NAMES.items()}
_spans = random.Random()  # noqa: S311


class TraceParent(msgspec.Struct, frozen=True):
    """One place in a trace: 32 and 16 lower-case hex digits, and whether the trace is sampled."""

    trace_id: str
    span_id: str
    sampled: bool = True

    @classmethod
    def new(cls) -> TraceParent:
        """The root of a new, sampled trace."""
        return cls(secrets.token_hex(16), secrets.token_hex(8))

    @classmethod
    def parse(cls, text: str) -> TraceParent | None:
        """The value of a `traceparent` header, None when it is not a valid one."""
        match = _TRACEPARENT.fullmatch(text)
        if match is None:
            return None
        version, trace_id, span_id, flags, more = match.groups()
        if more and version == "00":
            return None
        return cls(trace_id, span_id, flags in _ODD)

    def child(self) -> TraceParent:
        """A new place in the same trace."""
        # Unique is enough: a span id guards nothing, and this is done for every record.
        return TraceParent(self.trace_id, f"{_spans.getrandbits(64) or 1:016x}", self.sampled)

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class EventHeaders(msgspec.Struct, frozen=True):
    """What a record's headers say; None for whatever is absent or broken. `time` is epoch milliseconds."""

    id: str | None = None
    type: str | None = None
    source: str | None = None
    time: int | None = None
    traceparent: TraceParent | None = None


def event_type(value: msgspec.Struct) -> str:
    """The CloudEvents type of a value: the full name of its Avro record. Raises KeyError for no record."""
    return _TYPES[type(value)]


def build_headers(
    event_id: str, event_type: str, source: str, time: int, traceparent: TraceParent | None = None
) -> Headers:
    """The headers of one record. `time` (epoch ms) is left out when no calendar holds it."""
    headers = [*_same_for_all(event_type, source), ("ce_id", event_id.encode())]
    second, ms = divmod(time, 1000)
    if (text := _rfc3339(second)) is not None:
        headers.append(("ce_time", b"%b.%03dZ" % (text, ms)))
    if traceparent is not None:
        headers.append(("traceparent", str(traceparent).encode()))
    return headers


def read_headers(headers: Iterable[tuple[str, bytes | None]] | None) -> EventHeaders:
    """What the headers say. Of a name that comes twice, the last counts; names are compared without case."""
    texts: dict[str, str] = {}
    for name, value in headers or ():
        # Longer ones are nobody's id; they are dropped rather than carried into logs and dead letters.
        if value is None or len(value) > _MAX_HEADER_BYTES:
            continue
        try:
            texts[name.lower()] = value.decode()
        except UnicodeDecodeError:
            continue
    return EventHeaders(
        id=texts.get("ce_id"),
        type=texts.get("ce_type"),
        source=texts.get("ce_source"),
        time=_epoch_ms(texts.get("ce_time", "")),
        traceparent=TraceParent.parse(texts.get("traceparent", "")),
    )


def read_trace(headers: Iterable[tuple[str, bytes | None]] | None) -> TraceParent | None:
    """Only the trace that the headers tell of, None when they tell of none."""
    for name, value in headers or ():
        if name == "traceparent" and value is not None and len(value) <= _MAX_HEADER_BYTES:
            return TraceParent.parse(value.decode("ascii", "replace"))
    return None


# Every output has headers, and most of what they say was said just before.
@lru_cache(maxsize=1024)
def _same_for_all(event_type: str, source: str) -> tuple[tuple[str, bytes], ...]:
    return (
        ("ce_specversion", b"1.0"),
        ("ce_type", event_type.encode()),
        ("ce_source", source.encode()),
        ("content-type", CONTENT_TYPE.encode()),
    )


@lru_cache(maxsize=1024)
def _rfc3339(second: int) -> bytes | None:
    """A second since the epoch, without the zone; None when no calendar holds it."""
    try:
        return (_EPOCH + timedelta(seconds=second)).replace(tzinfo=None).isoformat().encode()
    except OverflowError:
        return None


def _epoch_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
