"""Times of day by a customer's own clock: what it shows, and when it shows a time next.

A zone is an IANA name or an offset such as `+02:00`; moments are epoch milliseconds.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, time, timedelta

from pipeline.domain.strategies.cel.problems import CelError
from pipeline.domain.strategies.cel.times import zone as zone_by_name

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def is_zone(name: str) -> bool:
    """Whether there is a time zone of that name."""
    try:
        zone_by_name(name)
    except CelError:
        return False
    return True


def clock(at: int, zone: str) -> datetime:
    """What a clock in the zone shows, without the zone."""
    return (_EPOCH + at * _MS).astimezone(zone_by_name(zone)).replace(tzinfo=None)


def shown(at: int, zone: str) -> str:
    """What a clock in the zone shows, in words."""
    return f"{clock(at, zone):%Y-%m-%d %H:%M}"


def next_at(minute: int, after: int, zone: str) -> int:
    """When a clock in the zone next shows this minute of the day (0 to 1,440) or, where it is put forward over
    it, a later one.

    Where the clock is put back, a time comes twice: the first one counts that is later than `after`.
    """
    day = datetime.combine(clock(after, zone).date(), time())
    while True:
        for at in _when(day + timedelta(minutes=minute), zone):
            if at > after:
                return at
        day += timedelta(days=1)


def _when(local: datetime, zone: str) -> tuple[int, int]:
    """The first and the last moment at which a clock in the zone shows a time; where it never does, the moment at
    which it is put forward over it, twice.
    """
    tz = zone_by_name(zone)
    early, late = sorted((local.replace(tzinfo=tz, fold=fold) - _EPOCH) // _MS for fold in (0, 1))
    if clock(early, zone).replace(microsecond=0) != local:
        early = late = bisect_left(range(late + 1), True, lo=early, key=lambda at: clock(at, zone) >= local)
    return early, late
