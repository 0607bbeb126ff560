"""Timestamps and durations of generated code: ints of milliseconds; which is which the compiler knows."""

from __future__ import annotations

import functools
import re
import zoneinfo
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from pipeline.domain.strategies.cel.problems import CelError
from pipeline.domain.strategies.cel.values import mismatch

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = -62_135_596_800_000, 253_402_300_799_999
"""The first and the last millisecond of the years 1 to 9999, which are all that a timestamp can name."""
LONGEST = (2**63 - 1) // 1_000_000
"""The milliseconds of the longest duration, 292 years: CEL's have 64 bits of nanoseconds."""
RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
DURATION = re.compile(r"([+-]?)((?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:h|ms|m|s|us|µs|ns))+|0)")
PART = re.compile(r"([0-9]*)\.?([0-9]*)(h|ms|m|s|us|µs|ns)")
NANOSECONDS = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000}
NANOSECONDS |= {"us": 1000, "µs": 1000, "ns": 1}
OFFSET = re.compile(r"([+-]?)([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def _point(operation: str, milliseconds: int) -> int:
    if FIRST <= milliseconds <= LAST:
        return milliseconds
    raise CelError("overflow", f"the result of {operation} is not in the years 1 to 9999")


def _span(operation: str, milliseconds: int) -> int:
    if -LONGEST <= milliseconds <= LONGEST:
        return milliseconds
    raise CelError("overflow", f"the result of {operation} is longer than 292 years")


def there(value: Any) -> int:
    """timestamp() of a timestamp and duration() of a duration: the same, unless it is null."""
    if value is None:
        raise mismatch("a conversion", value)
    return int(value)


def to_timestamp(value: Any) -> int:
    """timestamp(): an RFC 3339 text, or an int of seconds since 1970. Finer than a millisecond is cut off."""
    if type(value) is int:
        return _point("timestamp()", value * 1000)
    if type(value) is not str:
        raise mismatch("timestamp()", value)
    parts = RFC3339.fullmatch(value)
    if parts is None:
        raise CelError("bad_conversion", "not a timestamp: write it like 2026-01-31T18:00:00Z")
    clock, fraction, sign, hours, minutes = parts.groups()
    offset = (int(hours) * 60 + int(minutes)) * (-1 if sign == "-" else 1) if sign else 0
    try:
        moment = datetime.fromisoformat(f"{clock}+00:00")
    except ValueError as error:
        raise CelError("bad_conversion", f"not a timestamp: {error}") from None
    whole = (moment - EPOCH) // timedelta(milliseconds=1) - offset * 60_000
    return _point("timestamp()", whole + int((fraction or "")[:3].ljust(3, "0")))


def to_duration(value: Any) -> int:
    """duration(): a text such as 90s, 5m, 1h30m or 1.5h. Finer than a millisecond is cut off."""
    if type(value) is not str:
        raise mismatch("duration()", value)
    whole = DURATION.fullmatch(value) if len(value) <= 100 else None
    if whole is None:
        raise CelError("bad_conversion", "not a duration: write it like 90s, 5m or 1h30m")
    total = 0
    for digits, fraction, unit in PART.findall(whole[2]):
        total += int(digits or 0) * NANOSECONDS[unit] + int(fraction or 0) * NANOSECONDS[unit] // 10 ** len(
            fraction
        )
    milliseconds = total // 1_000_000
    return _span("duration()", -milliseconds if whole[1] == "-" else milliseconds)


def timestamp_text(value: Any) -> str:
    """string() of a timestamp: RFC 3339 in UTC."""
    if value is None:
        raise mismatch("string()", value)
    moment = _local(value, None)
    fraction = f".{moment.microsecond // 1000:03d}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f"{fraction}Z"


def duration_text(value: Any) -> str:
    """string() of a duration: seconds, such as 90s or 1.5s."""
    if value is None:
        raise mismatch("string()", value)
    seconds, rest = divmod(abs(value), 1000)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{seconds}{fraction}s"


def timestamp_seconds(value: Any) -> int:
    """int() of a timestamp: seconds since 1970."""
    if value is None:
        raise mismatch("int()", value)
    return int(value // 1000)


def _combine(name: str, sign: int, limit: Callable[[str, int], int]) -> Callable[[Any, Any], int]:
    def combine(left: Any, right: Any) -> int:
        if left is None or right is None:
            raise mismatch(name, left, right)
        return limit(name, left + sign * right)

    return combine


later = _combine("+", 1, _point)
earlier = _combine("-", -1, _point)
difference = _combine("-", -1, _span)
longer = _combine("+", 1, _span)


@functools.lru_cache(maxsize=1024)
def zone(name: str) -> tzinfo:
    """A time zone by its IANA name or its offset such as +02:00. Raises CelError `bad_timezone`."""
    if name in _zones():
        return zoneinfo.ZoneInfo(name)
    offset = OFFSET.fullmatch(name)
    if offset is None:
        raise CelError("bad_timezone", "not a time zone: write Europe/London or +01:00")
    span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
    return timezone(-span if offset[1] == "-" else span)


@functools.cache
def _zones() -> set[str]:
    """The names that there are: to look for one that is none takes a thousand times as long as to know it."""
    return zoneinfo.available_timezones()


def _local(value: int, zone_name: str | None) -> datetime:
    try:
        moment = EPOCH + timedelta(milliseconds=value)
        return moment if zone_name is None else moment.astimezone(zone(zone_name))
    except OverflowError:
        raise CelError("overflow", "the timestamp is not in the years 1 to 9999") from None


PARTS: dict[str, Callable[[datetime], int]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
    "getMilliseconds": lambda moment: moment.microsecond // 1000,
}
WITHOUT_CALENDAR: dict[str, Callable[[int], int]] = {
    "getDayOfWeek": lambda value: (value // 86_400_000 + 4) % 7,
    "getHours": lambda value: value // 3_600_000 % 24,
    "getMinutes": lambda value: value // 60_000 % 60,
    "getSeconds": lambda value: value // 1000 % 60,
    "getMilliseconds": lambda value: value % 1000,
}
"""The parts that are arithmetic in UTC; 1970 began on a Thursday."""


def _getter_in_utc(name: str) -> Callable[[Any], int]:
    part, operation = PARTS[name], f"{name}()"
    in_utc: Callable[[int], int] = WITHOUT_CALENDAR.get(name) or (lambda value: part(_local(value, None)))

    def get(value: Any) -> int:
        if value is None:
            raise mismatch(operation, value)
        return in_utc(_point(operation, value))

    return get


def _getter_in_zone(name: str) -> Callable[[Any, Any], int]:
    part = PARTS[name]

    def get(value: Any, zone_name: Any) -> int:
        if value is None or type(zone_name) is not str:
            raise mismatch(f"{name}()", value, zone_name)
        return part(_local(value, zone_name))

    return get


GETTERS_IN_UTC = {name: _getter_in_utc(name) for name in PARTS}
GETTERS_IN_ZONE = {name: _getter_in_zone(name) for name in PARTS}


def _in_units(name: str, unit: int) -> Callable[[Any], int]:
    def get(value: Any) -> int:
        if value is None:
            raise mismatch(f"{name}()", value)
        return int(abs(value) // unit) * (-1 if value < 0 else 1)

    return get


def duration_milliseconds(value: Any) -> int:
    """getMilliseconds() of a duration: what is left beside its whole seconds."""
    if value is None:
        raise mismatch("getMilliseconds()", value)
    return int(abs(value) % 1000) * (-1 if value < 0 else 1)


DURATION_GETTERS: dict[str, Callable[[Any], int]] = {
    "getHours": _in_units("getHours", 3_600_000),
    "getMinutes": _in_units("getMinutes", 60_000),
    "getSeconds": _in_units("getSeconds", 1000),
    "getMilliseconds": duration_milliseconds,
}
