"""What the tables hold of one customer, found by reading every change of them."""

from __future__ import annotations

import msgspec

from pipeline.domain import state as states
from pipeline.domain.erasure import customer_mark, identifier_mark
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.rows import HeldIdentifier, HistoryEntry

KEPT = ("sessions", "identifiers", "history", "deadlines", "identities")
"""The tables that tell of a customer, by the names of their changelogs."""

MARKS = "suppressed"
"""The table of what remains of those who are forgotten."""

_DUE = 16  # a deadline's key: 15 digits and a bar, then the customer's id


class _Merged(msgspec.Struct, array_like=True):
    """The first fields of a hot record: all that is needed to know where its customer went."""

    customer_id: str
    known: bool = False
    merged_into: str | None = None


_merged = msgspec.msgpack.Decoder(_Merged)
_identity = msgspec.msgpack.Decoder(IdentityRecord)
_held = msgspec.msgpack.Decoder(HeldIdentifier)
_ROWS: dict[str, msgspec.msgpack.Decoder[HeldIdentifier] | msgspec.msgpack.Decoder[HistoryEntry]] = {
    "identifiers": _held,
    "history": msgspec.msgpack.Decoder(HistoryEntry),
}


class Trees:
    """Who was merged into whom."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}

    def see(self, customer_id: str, raw: bytes | None) -> None:
        """A change of the `sessions` table."""
        parent = _merged.decode(raw).merged_into if raw is not None else None
        if parent is None:
            self._parents.pop(customer_id, None)
        else:
            self._parents[customer_id] = parent

    def all_of(self, customer_id: str) -> list[str]:
        """Whom the customer is part of, then everybody merged into that one."""
        ids = {customer_id: None}
        while (parent := self._parents.get(next(reversed(ids)))) is not None and parent not in ids:
            ids[parent] = None
        ids = {next(reversed(ids)): None}
        while more := {
            one: None for one, parent in self._parents.items() if parent in ids and one not in ids
        }:
            ids |= more
        return list(ids)


class Traces:
    """What the tables hold of the customers with these ids: see every change from the first, then what comes after.

    Attributes:
        ids: all ids that the customer goes by, the one that stayed first.
        left: the keys by table of what is kept of them.
        identifiers: the keys of their identifiers.
    """

    def __init__(self, ids: list[str], secret: bytes) -> None:
        self.ids = ids
        self.left: dict[str, set[str]] = {table: set() for table in KEPT}
        self.identifiers: set[str] = set()
        self._secret = secret
        self._marks: dict[str, int] = {}
        # Most rows are somebody else's: this tells so without reading them.
        self._heads = {one.partition("|")[0] for one in ids}

    def see(self, table: str, key: str, raw: bytes | None) -> None:
        """A change that came before the customer was to be forgotten."""
        if table == MARKS:
            self._mark(key, raw)
        elif raw is None:
            self.left[table].discard(key)
        elif self._is_theirs(table, key, raw):
            self.left[table].add(key)

    def see_after(self, table: str, key: str, raw: bytes | None, erased_at: int) -> None:
        """A change since then. What begins anew after `erased_at` (epoch milliseconds) is not what was kept."""
        if table == MARKS:
            self._mark(key, raw)
        elif raw is None or _begun_anew(table, raw, erased_at):
            self.left[table].discard(key)

    def marks(self) -> dict[str, int]:
        """The mark of each id and identifier, and up to when nothing is taken in (-1: there is none)."""
        marks = [customer_mark(one, self._secret) for one in self.ids]
        marks += [identifier_mark(key, self._secret) for key in sorted(self.identifiers)]
        return {mark: self._marks.get(mark, -1) for mark in marks}

    def forgotten(self, erased_at: int) -> bool:
        """Whether nothing is left and everything is marked."""
        return not any(self.left.values()) and all(at >= erased_at for at in self.marks().values())

    def _mark(self, key: str, raw: bytes | None) -> None:
        self._marks[key] = -1 if raw is None else msgspec.msgpack.decode(raw, type=int)

    def _is_theirs(self, table: str, key: str, raw: bytes) -> bool:
        if table == "sessions":
            return key in self.ids
        if table == "deadlines":
            return key[_DUE:] in self.ids
        if table == "identities":
            record = _identity.decode(raw)
            theirs = not {record.customer_id, *record.rivals, *record.former_ids}.isdisjoint(self.ids)
            if theirs:
                self.identifiers.add(key)
            return theirs
        if key.partition("|")[0] not in self._heads:
            return False
        row = _ROWS[table].decode(raw)
        theirs = row.customer_id in self.ids
        if theirs and isinstance(row, HeldIdentifier):
            self.identifiers.add(row.identifier.key)
        return theirs


def _begun_anew(table: str, raw: bytes, erased_at: int) -> bool:
    match table:
        case "sessions":
            return states.decode(raw).erased_at >= erased_at
        case "identities":
            return _identity.decode(raw).erased_at >= erased_at
        case "identifiers":
            return _held.decode(raw).seen_at > erased_at
    return False
