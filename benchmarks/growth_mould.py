"""Rows of any number of customers, copied from a few who were really folded.

A customer's number has seven digits in all of their identifiers, and a provisional id has always the same length,
so a copy is the model's bytes with these replaced.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from benchmarks.growth_pipe import Pipe, store_path
from pipeline.domain.ids import provisional_id
from pipeline.runtime.store import Store

Row = tuple[bytes, bytes]

_NUMBER = re.compile(rb"(?:C-|d-|c|instagram:u|\+4470{2})(\d{7})")
_IDENTIFIERS = (
    "device:d-{:07d}-web",
    "device:d-{:07d}-app",
    "email:c{:07d}@example.com",
    "phone:+447{:09d}",
    "social:instagram:u{:07d}",
)
_CHUNK = 20_000


class Mould:
    """The rows of a pipe's `customers` first customers in these tables, as a model for others."""

    def __init__(self, pipe: Pipe, customers: int, tables: tuple[str, ...]) -> None:
        self.tables = tables
        self._customers = customers
        ids = [
            (number, key, provisional_id(key.format(number)).encode())
            for number in range(customers)
            for key in _IDENTIFIERS
        ]
        self._owners = {provisional: number for number, _, provisional in ids}
        self._rows: dict[str, defaultdict[int, list[Row]]] = {}
        for table in tables:
            found = self._rows[table] = defaultdict(list)
            for key, value in pipe.rows(table):
                found[self._owner(key)].append((key, value))
        # The provisional ids that a customer goes or went by, each with the identifier that it is made of.
        self._provisional: defaultdict[int, list[tuple[bytes, str]]] = defaultdict(list)
        for number, identifier, provisional in ids:
            if any(provisional in row for row, _ in self._rows["sessions"][number]):
                self._provisional[number].append((provisional, identifier))

    def rows(self, table: str, number: int) -> Iterator[Row]:
        """The rows of customer `number` in a table."""
        model = number % self._customers
        replaced = [(b"%07d" % model, b"%07d" % number)]
        for old, identifier in self._provisional[model]:
            replaced.append((old, provisional_id(identifier.format(number)).encode()))
        for key, value in self._rows[table][model]:
            for old, new in replaced:
                key, value = key.replace(old, new), value.replace(old, new)  # noqa: PLW2901
            yield key, value

    def _owner(self, key: bytes) -> int:
        bare = key.partition(b"|")[2] if key[:15].isdigit() else key.partition(b"|")[0]
        if bare in self._owners:
            return self._owners[bare]
        found = _NUMBER.search(bare)
        assert found is not None, bare
        return int(found[1])


def fill(directory: Path, mould: Mould, customers: int) -> None:
    """Write the tables of a `Pipe` in `directory`, as they are with so many customers."""
    for table in mould.tables:
        store = Store(store_path(directory, table))
        changes: dict[bytes, bytes | None] = {}
        for number in range(customers):
            changes.update(mould.rows(table, number))
            if len(changes) >= _CHUNK:
                store.write(changes, 0)
                changes.clear()
        store.write(changes, 0)
        store.close()
