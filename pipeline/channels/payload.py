"""Reading a payload: bounds first, then typed values; every refusal is a `Failure` that names the field.

Failure codes: payload_too_large, bad_json, too_deep, string_too_long, too_many_events, missing_field,
bad_field, bad_time, unsupported_event. Messages name fields and what is expected there, never the values:
those may be personal.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_EVENTS = 1_000
MAX_STRING = 16 * 1024

MAX_ID = 256
"""Characters of an id: ids become keys, and the latest of them stay in the customer's state."""

Id = Annotated[str, msgspec.Meta(max_length=MAX_ID)] | int
"""An id as services write it; always kept as text, so that 1001 and "1001" are the same order."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in RFC 3339; without a zone it would be ambiguous and is refused."""

Adapted = list[Interaction | Failure]

_EVENT_IDS = uuid.UUID("6f0e2a54-2f2b-5c39-9d5c-0c6c1a3f7b1e")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MILLISECONDS = 10**11
_TIME_FIELD = re.compile(r"datetime|(?:time|timestamp|At)`$")
_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `(?P<key>key in )?\$(?P<path>.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")

T = TypeVar("T")


def read_json(payload: bytes, max_bytes: int = MAX_BYTES) -> object | Failure:
    """The JSON document in `payload`, within the bounds on bytes, depth, strings and whole numbers."""
    if len(payload) > max_bytes:
        return Failure("payload_too_large", f"payload: {len(payload)} bytes, at most {max_bytes} are read")
    try:
        document = msgspec.json.decode(payload)
    except RecursionError:
        return _too_deep()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Failure("bad_json", f"payload: not JSON in UTF-8 ({error})")
    return _beyond_bounds(document) or document


def parse(value: object, type_: type[T], where: str) -> T | Failure:
    """`value` as a `type_`, or a failure that names the field below `where`."""
    try:
        return msgspec.convert(value, type_)
    except msgspec.ValidationError as error:
        return _named(str(error), where)


def too_many_events(events: int) -> Failure | None:
    """A failure when a payload holds more events than one call may bring."""
    if events <= MAX_EVENTS:
        return None
    return Failure(
        "too_many_events", f"payload: {events} events, at most {MAX_EVENTS} in one; send it in parts"
    )


def epoch_ms(moment: datetime) -> int:
    """Epoch milliseconds, rounded down; any year, so that a wrong clock is the domain's to judge."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def epoch_number_ms(value: int) -> int:
    """Epoch milliseconds from a number in seconds or milliseconds.

    Some services use both in one payload. A number below 10^11 is in seconds: as milliseconds it would lie
    before 1973, as seconds it lies before the year 5138.
    """
    return value * 1_000 if value < _FIRST_MILLISECONDS else value


def event_id(channel: str, event: object, own: Id | None) -> str:
    """The event's own id, else one made from its content, the same whatever its batch or white space."""
    if own:
        return str(own)
    content = msgspec.json.encode(event, order="deterministic").decode()
    return str(uuid.uuid5(_EVENT_IDS, f"{channel}\n{content}"))


def _beyond_bounds(document: object) -> Failure | None:
    level = [document]
    for _ in range(MAX_DEPTH + 1):
        below: list[object] = []
        for value in level:
            if isinstance(value, str):
                if len(value) > MAX_STRING:
                    return Failure(
                        "string_too_long", f"payload: a text of {len(value)} characters, at most {MAX_STRING}"
                    )
            elif isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, int) and not -(2**63) <= value < 2**63:
                return Failure("bad_field", "payload: a whole number beyond 64 bits; send it as text")
        if not below:
            return None
        level = below
    return _too_deep()


def _too_deep() -> Failure:
    return Failure("too_deep", f"payload: nested more than {MAX_DEPTH} levels deep")


def _named(error: str, where: str) -> Failure:
    found = _PLACE.match(error)
    what, path = (found["what"], found["path"] or "") if found else (error, "")
    if missing := _MISSING.fullmatch(what):
        return Failure("missing_field", f"{where}{path}.{missing[1]}: is required")
    code = "bad_time" if _TIME_FIELD.search(error) else "bad_field"
    return Failure(code, f"{where}{path}: {what[:1].lower()}{what[1:]}")
