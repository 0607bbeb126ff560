"""The ledger of caps: what was sent to a customer that a cap counts, and what became of it.

A command is *reserved* when it is decided, *committed* by its receipts, and *released* by a definite failure: it
counts no longer. Nobody knows what became of an `unknown` one, so it counts. A receipt never takes a command back
to where it was, whatever the order in which receipts come, so a command is released once at most; a delivery that
is told after all makes it count again.

In the hot record (`state.spent`) a command is a row of 24 bytes, the rows in their order: when it was decided
(epoch milliseconds), its fingerprint, its strategy's, the position of its channel in `CHANNELS`, its lane and last
receipt. Bytes are read and written with the record at no cost. A ledger that is full has lost what was before its
first row; what cannot be told any more counts as too much.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.messages import RECEIPT_RANK, ActionCommand
from pipeline.domain.state import CustomerState

ROWS = 256
_ROW = 24
_AT, _MARK, _STRATEGY, _CHANNEL, _STATUS = slice(0, 6), slice(6, 14), slice(14, 22), 22, 23
_PROACTIVE = 0x80
"""In the last byte, above the rank of the receipt."""


def reserve(state: CustomerState, command: ActionCommand, channel: str) -> None:
    """Count a command that is decided; the same one counts once."""
    mark = fingerprint(command.action_id)
    rows = _rows(state.spent)
    if all(row[_MARK] != mark for row in rows):
        status = RECEIPT_RANK["decided"] | (_PROACTIVE if command.lane == "proactive" else 0)
        at = command.decided_at.to_bytes(6, "big")
        end = bytes((CHANNELS.index(channel), status))
        _keep(state, [*rows, at + mark + fingerprint(command.strategy_id) + end])


def settle(state: CustomerState, action_id: str, status: str) -> None:
    """Note what a receipt says of a command, if it is in the ledger."""
    mark = fingerprint(action_id)
    if mark in state.spent:
        state.spent = b"".join(
            _advanced(row, RECEIPT_RANK[status]) if row[_MARK] == mark else row for row in _rows(state.spent)
        )


def sent_since(
    state: CustomerState, since: int, strategy_id: str | None, channel: str | None = None
) -> int | None:
    """How many commands of a strategy (None: of the lane `proactive`) were sent after `since`, epoch milliseconds,
    on `channel` or on any; None when that cannot be told any more.
    """
    spent = state.spent
    if len(spent) == ROWS * _ROW and _time(spent) > since:
        return None
    strategy = None if strategy_id is None else fingerprint(strategy_id)
    where = None if channel is None else CHANNELS.index(channel)
    sent = 0
    for end in range(len(spent), 0, -_ROW):
        row = spent[end - _ROW : end]
        if _time(row) <= since:
            break
        proactive, rank = row[_STATUS] & _PROACTIVE, row[_STATUS] & ~_PROACTIVE
        counts = proactive if strategy is None else row[_STRATEGY] == strategy
        if counts and rank != RECEIPT_RANK["failed"] and where in (None, row[_CHANNEL]):
            sent += 1
    return sent


def unite(state: CustomerState, spent: bytes) -> None:
    """Take in another customer's ledger: the union by command, whichever takes in which."""
    found: dict[bytes, bytes] = {}
    for row in sorted([*_rows(state.spent), *_rows(spent)]):
        before = found.get(row[_MARK])
        found[row[_MARK]] = row if before is None else _advanced(row, before[_STATUS] & ~_PROACTIVE)
    _keep(state, found.values())


def take_out(state: CustomerState, spent: bytes) -> None:
    """Take out what was in another customer's ledger; a full one stays, because it has lost what was its own."""
    rows = _rows(state.spent)
    if len(rows) < ROWS:
        gone = {row[_MARK] for row in _rows(spent)}
        state.spent = b"".join(row for row in rows if row[_MARK] not in gone)


def forget_sent(state: CustomerState, before: int) -> None:
    """Forget what was decided before a time."""
    if state.spent:
        state.spent = b"".join(row for row in _rows(state.spent) if _time(row) >= before)


def _keep(state: CustomerState, rows: Iterable[bytes]) -> None:
    state.spent = b"".join(sorted(rows)[-ROWS:])


def _rows(rows: bytes) -> list[bytes]:
    return [rows[at : at + _ROW] for at in range(0, len(rows), _ROW)]


def _time(row: bytes) -> int:
    return int.from_bytes(row[_AT], "big")


def _advanced(row: bytes, rank: int) -> bytes:
    """The row after a receipt of this rank."""
    status = row[_STATUS]
    return row[:_STATUS] + bytes(((status & _PROACTIVE) | max(status & ~_PROACTIVE, rank),))
