"""What a customer's clock shows, over the days on which it is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.local_time import clock, is_zone, next_at, shown

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
SECOND = timedelta(seconds=1)


def utc(text: str) -> int:
    """Epoch milliseconds of a time written in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


@pytest.mark.parametrize(
    ("zone", "now", "wanted", "then"),
    [
        # An ordinary day, before and after the time; and on the very moment, which is over.
        (BERLIN, "2026-01-10T05:00", "08:00", "2026-01-10T07:00"),
        (BERLIN, "2026-01-10T07:30", "08:00", "2026-01-11T07:00"),
        (BERLIN, "2026-01-10T07:00", "08:00", "2026-01-11T07:00"),
        # Overnight into another offset: the clock is what counts, not the hours in between.
        (BERLIN, "2026-03-28T20:00", "08:00", "2026-03-29T06:00"),
        (BERLIN, "2026-10-24T19:00", "08:00", "2026-10-25T07:00"),
        (NEW_YORK, "2026-03-08T02:00", "08:00", "2026-03-08T12:00"),
        (NEW_YORK, "2026-11-01T01:00", "08:00", "2026-11-01T13:00"),
        # The clock is put forward over the time: 2:00 is 3:00.
        (BERLIN, "2026-03-28T20:00", "02:30", "2026-03-29T01:00"),
        (BERLIN, "2026-03-29T00:59", "02:30", "2026-03-29T01:00"),
        (BERLIN, "2026-03-29T01:00", "02:30", "2026-03-30T00:30"),
        (NEW_YORK, "2026-03-08T02:00", "02:30", "2026-03-08T07:00"),
        # It is put back: the time comes twice.
        (BERLIN, "2026-10-24T19:00", "02:30", "2026-10-25T00:30"),
        (BERLIN, "2026-10-25T00:30", "02:30", "2026-10-25T01:30"),
        (BERLIN, "2026-10-25T01:30", "02:30", "2026-10-26T01:30"),
        (NEW_YORK, "2026-11-01T05:10", "01:30", "2026-11-01T05:30"),
        (NEW_YORK, "2026-11-01T05:40", "01:30", "2026-11-01T06:30"),
        # Midnight, as the beginning of a day and as its end.
        (BERLIN, "2026-01-10T12:00", "00:00", "2026-01-10T23:00"),
        (BERLIN, "2026-01-10T12:00", "24:00", "2026-01-10T23:00"),
        (BERLIN, "2026-01-10T23:00", "24:00", "2026-01-11T23:00"),
        # Where a day begins at one o'clock, and where a whole one was left out.
        ("Asia/Beirut", "2026-03-28T12:00", "24:00", "2026-03-28T22:00"),
        ("Pacific/Apia", "2011-12-30T09:00", "08:00", "2011-12-30T10:00"),
        ("Pacific/Apia", "2011-12-30T10:00", "08:00", "2011-12-30T18:00"),
        ("+02:00", "2026-01-10T05:00", "08:00", "2026-01-10T06:00"),
    ],
)
def test_when_a_clock_shows_a_time_next(zone: str, now: str, wanted: str, then: str) -> None:
    assert shown(next_at(minute(wanted), utc(now), zone), "UTC") == then.replace("T", " ")


@given(
    st.integers(utc("1990-01-01T00:00"), utc("2040-01-01T00:00")),
    st.integers(0, 1_440),
    st.sampled_from(
        [BERLIN, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]
    ),
)
def test_it_is_later_and_the_clock_shows_it_or_jumps_over_it(now: int, wanted: int, zone: str) -> None:
    then = next_at(wanted, now, zone)
    shows, before = clock(then, zone), clock(then - 1, zone)
    assert now < then <= now + 49 * 3_600_000
    assert (shows.hour * 60 + shows.minute, shows.second) == (wanted % 1_440, 0) or shows - before > SECOND


def test_the_clock_is_that_of_the_time_zone_data() -> None:
    now = utc("2026-07-01T12:34")
    assert clock(now, BERLIN) == datetime.fromtimestamp(now / 1000, ZoneInfo(BERLIN)).replace(tzinfo=None)
    assert shown(now, NEW_YORK) == "2026-07-01 08:34"


@pytest.mark.parametrize(
    "name", ["Mars/Base", "", "Europe", "../../etc/passwd", "x" * 5_000, "Europe/Berlin\0"]
)
def test_what_is_no_time_zone(name: str) -> None:
    assert is_zone(BERLIN)
    assert not is_zone(name)
