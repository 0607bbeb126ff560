"""The system of record's customers: CSV with a header row, a JSON list, or JSON lines → profiles.

Columns (JSON: the same names, or objects nested at the dots; only `customer_id` is required, an empty cell
says nothing): customer_id, name, tier, value (lifetime value, a number), postcode, timezone (IANA), language,
updated_at (RFC 3339), email, phone, facebook, instagram, loyalty_card, device (several of one kind parted by
`;`), consent.service.<channel>, consent.marketing.<channel> (true/false), preference.channel.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pipeline.channels.customer_rows import Row, read_rows
from pipeline.channels.payload import MAX_STRING, epoch_ms, parse
from pipeline.domain import normalise
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Identifier

MEDIA_TYPES = {".csv": "text/csv", ".json": "application/json", ".jsonl": "application/x-ndjson"}
"""What the ending of a file's name says of it."""

_IDENTIFIERS = ("email", "phone", "facebook", "instagram", "loyalty_card", "device")
_NETWORKS = frozenset({"facebook", "instagram"})
_CONSENTS = {
    f"consent.{purpose}.{channel}": f"{purpose}/{channel}"
    for purpose in ("service", "marketing")
    for channel in CHANNELS
}
_PREFERRED = "preference.channel"
COLUMNS = (
    *("customer_id", "name", "tier", "value", "postcode", "timezone", "language", "updated_at"),
    *_IDENTIFIERS,
    *_CONSENTS,
    _PREFERRED,
)
_KNOWN = frozenset(COLUMNS)
_YES_NO = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Profiles = list[Profile | Failure]

T = TypeVar("T")


def read(data: bytes, media_type: str, updated_at: int = 0, region: str | None = None) -> Profiles:
    """A profile for every good row, in file order, and failures that name row and column for the others.

    `media_type` is text/csv, application/json (list or lines) or application/x-ndjson. `updated_at` (epoch
    milliseconds) stands for rows that do not say; `region` (ISO 3166) is where phone numbers without country
    code belong. Rows count from 1, in CSV with the header as row 1. Each unknown column is reported once.
    """
    profiles: Profiles = []
    unknown: set[str] = set()
    for number, row in read_rows(data, media_type):
        if isinstance(row, Failure):
            profiles.append(row)
            continue
        for column in sorted(row.keys() - unknown - _KNOWN):
            unknown.add(column)
            profiles.append(_unknown_column(number, column))
        profiles.extend(_profile(row, number, updated_at, region))
    return profiles


class _Cells:
    """One row's cells, and everything that is wrong with them."""

    def __init__(self, row: Row, number: int) -> None:
        self.texts = {column: text.strip() for column, text in row.items() if text.strip()}
        self.number = number
        self.failures: Profiles = []
        for column, text in self.texts.items():
            if len(text) > MAX_STRING:
                self.refuse(column, "string_too_long", f"at most {MAX_STRING} characters")

    def refuse(self, column: str, code: str, expected: str) -> None:
        self.failures.append(Failure(code, f"row {self.number}, {column}: {expected}"))

    def read(self, column: str, reader: Callable[[str], T | None], expected: str) -> T | None:
        """The cell as `reader` understands it; None when it is empty, or refused as making no sense."""
        text = self.texts.get(column)
        if text is None:
            return None
        value = reader(text)
        if value is None:
            self.refuse(column, "bad_field", expected)
        return value

    def identifiers(self, region: str | None) -> list[Identifier]:
        """What the system of record says the customer goes by: verified."""
        found = []
        for column in _IDENTIFIERS:
            for text in self.texts.get(column, "").split(";"):
                if not text.strip():
                    continue
                type_, value = (
                    ("social", f"{column}:{text.strip()}") if column in _NETWORKS else (column, text)
                )
                one = normalise.identifier(type_, value, "verified", region)
                if isinstance(one, Failure):
                    self.refuse(column, one.code, one.message.partition(": ")[2])
                else:
                    found.append(one)
        return found


def _profile(row: Row, number: int, updated_at: int, region: str | None) -> Profiles:
    """The row's profile, or every reason why it is none."""
    cells = _Cells(row, number)
    if "customer_id" not in cells.texts:
        cells.refuse("customer_id", "missing_field", "is required")
    moment = cells.read("updated_at", _time, "expected a time with its zone, like 2025-03-01T12:00:00Z")
    preferred = cells.read(_PREFERRED, _channel, f"expected one of {', '.join(CHANNELS)}")
    consent = {
        key: cells.read(column, _yes_no, "expected true or false") for column, key in _CONSENTS.items()
    }
    profile = Profile(
        customer_id=cells.read("customer_id", _customer_id, "cannot be used as an id") or "",
        updated_at=updated_at if moment is None else moment,
        name=cells.texts.get("name"),
        tier=cells.texts.get("tier"),
        value=cells.read("value", _number, "expected a number like 1250.50") or 0.0,
        postcode=cells.read("postcode", normalise.postcode, "expected a postcode"),
        timezone=cells.read("timezone", _zone, "expected an IANA zone like Europe/London"),
        language=cells.read("language", normalise.language, "expected a language like en or en-GB"),
        consent={key: given for key, given in consent.items() if given is not None},
        preferences={"channel": preferred} if preferred else {},
        identifiers=cells.identifiers(region),
    )
    return cells.failures or [profile]


def _customer_id(text: str) -> str | None:
    found = normalise.identifier("customer_number", text, "verified")
    return found.value if isinstance(found, Identifier) else None


def _yes_no(text: str) -> bool | None:
    return _YES_NO.get(text.lower())


def _channel(text: str) -> str | None:
    return text if text in CHANNELS else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _time(text: str) -> int | None:
    moment = parse(text, datetime, "")
    return epoch_ms(moment) if isinstance(moment, datetime) and moment.tzinfo else None


def _zone(text: str) -> str | None:
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return None


def _unknown_column(number: int, column: str) -> Failure:
    similar = difflib.get_close_matches(column[:100], COLUMNS, n=1)
    hint = f"; did you mean {similar[0]}?" if similar else "; it was not read"
    return Failure("unknown_column", f"row {number}: no column is called {column[:100]!r}{hint}")
