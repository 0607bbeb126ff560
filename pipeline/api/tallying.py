"""Counting attempts in flight over the customers of a partition, beside the fold and never instead of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import islice

import msgspec

from pipeline.domain.card import Card
from pipeline.domain.state import CustomerState
from pipeline.domain.tallies import Tallies, count
from pipeline.runtime.partition import TablePartition

PAGE = 4_000
"""The most customers that one answer looks at."""
PORTION = 200
"""Customers between two turns of the fold: some milliseconds."""


async def count_page(
    states: Callable[[], TablePartition[CustomerState]], strategy_id: str, after: str, begun_after: int
) -> Card:
    """The attempts by version among the next customers behind the id `after`, as they are on disk.

    `next` is where the next page goes on, None at the end; `looked_at` is how many customers this one has.
    Raises KeyError when the partition goes to another worker meanwhile.
    """
    tallies: Tallies = {}
    start = _behind(after.encode()) if after else b""
    looked_at, last = 0, b""
    while looked_at < PAGE:
        rows = list(islice(states().store.scan(start), PORTION))
        for _, raw in rows:
            count(tallies, raw, strategy_id, begun_after)
        looked_at += len(rows)
        if len(rows) < PORTION:
            last = b""
            break
        last = rows[-1][0]
        start = _behind(last)
        await asyncio.sleep(0)
    return {
        "versions": {str(version): msgspec.to_builtins(tally) for version, tally in sorted(tallies.items())},
        "looked_at": looked_at,
        "next": last.decode() or None,
    }


def _behind(key: bytes) -> bytes:
    """The first key that can come after this one."""
    return key + b"\x00"
