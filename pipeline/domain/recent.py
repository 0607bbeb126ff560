"""The events that a hot record remembers, to know them when they come again.

`state.recent` has a row of 16 bytes for each, its fingerprint and when it happened: bytes are read and written with
the record at no cost, a map of 128 numbers would be most of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.state import CustomerState

EVENTS = 128
_MARK, _ROW = 8, 16


def seen(state: CustomerState, mark: bytes) -> bool:
    """Whether the event with this fingerprint is among those remembered."""
    at = state.recent.find(mark)
    while at % _ROW and at > 0:
        at = state.recent.find(mark, at + 1)
    return at >= 0


def remember(state: CustomerState, mark: bytes, at: int) -> None:
    """Remember the fingerprint of an event that happened at `at`, and forget the first beyond the bound."""
    _keep(state, state.recent + mark + max(at, 0).to_bytes(_ROW - _MARK, "big"))


def remember_all(state: CustomerState, rows: bytes) -> None:
    """Take in what another record remembers; the result does not depend on which takes in which."""
    either = sorted({*_rows(state.recent), *_rows(rows)}, key=lambda row: (row[_MARK:], row))
    _keep(state, b"".join(either))


def remembered(state: CustomerState) -> list[bytes]:
    """The fingerprints of the events remembered."""
    return [row[:_MARK] for row in _rows(state.recent)]


def forget_before(state: CustomerState, before: int) -> None:
    """Remember no event any longer that happened before a time: such an event may be a duplicate from then on."""
    rows = _rows(state.recent)
    kept = [row for row in rows if int.from_bytes(row[_MARK:], "big") >= before]
    if len(kept) < len(rows):
        gone = set(rows).difference(kept)
        state.forgotten_at = max(state.forgotten_at, *(int.from_bytes(row[_MARK:], "big") for row in gone))
        state.recent = b"".join(kept)


def forget_events(state: CustomerState, marks: Iterable[bytes]) -> None:
    """Forget the events with these fingerprints, as if they had never been seen."""
    gone = set(marks)
    state.recent = b"".join(row for row in _rows(state.recent) if row[:_MARK] not in gone)


def _keep(state: CustomerState, rows: bytes) -> None:
    excess = len(rows) - EVENTS * _ROW
    if excess > 0:
        for row in _rows(rows[:excess]):
            state.forgotten_at = max(state.forgotten_at, int.from_bytes(row[_MARK:], "big"))
        rows = rows[excess:]
    state.recent = rows


def _rows(rows: bytes) -> list[bytes]:
    return [rows[at : at + _ROW] for at in range(0, len(rows), _ROW)]
