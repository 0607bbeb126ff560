"""Counting the attempts of a strategy that are in flight: in one record, and in the pages of a worker's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from domain_values import NOW

from pipeline.api import tallying as paging
from pipeline.api.tallying import count_page
from pipeline.domain.card import Card
from pipeline.domain.state import Anchor, Attempt, CustomerState, Wait, decode, encode
from pipeline.domain.tallies import StepTally, Tallies, Tally, add_all, count
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store

ENTRY = Anchor("e-1", "web", "form_started", "visit", NOW)
LONG_AGO = NOW - 1


def attempt(strategy_id: str, version: int, ended: bool = False, started_at: int = NOW) -> Attempt:
    """One that has carried out `help` and waits in `remind`; `later` was called off."""
    return Attempt(
        strategy_id=strategy_id,
        version=version,
        key="order-1",
        owner="C-1",
        started_at=started_at,
        entry=ENTRY,
        done={"help": 1},
        waits={"remind": Wait(due=NOW + 1, anchor=ENTRY), "later": Wait(stopped_at=NOW)},
        ended_at=NOW if ended else None,
    )


def record(customer_id: str, *attempts: Attempt) -> bytes:
    named = {f"{one.strategy_id}|{at}": one for at, one in enumerate(attempts)}
    return encode(CustomerState(customer_id, attempts=named))


def counted(raw: bytes, strategy_id: str = "greeting") -> Tallies:
    tallies: Tallies = {}
    count(tallies, raw, strategy_id, LONG_AGO)
    return tallies


def tally(attempts: int) -> Tally:
    """Of so many attempts as `attempt` makes them."""
    return Tally(attempts, {"help": StepTally(done=attempts), "remind": StepTally(waiting=attempts)})


def test_attempts_are_counted_by_version_and_step() -> None:
    raw = record("C-1", attempt("greeting", 1), attempt("greeting", 2), attempt("greeting", 2))
    assert counted(raw) == {1: tally(1), 2: tally(2)}


def test_what_is_over_or_of_another_strategy_is_not_counted() -> None:
    assert counted(record("C-1", attempt("greeting", 1, ended=True))) == {}
    assert counted(record("C-1", attempt("greeting", 1, started_at=LONG_AGO))) == {}
    others = ("greeting-again", "a-greeting", "greeting@1")
    assert counted(record("greeting|1", *(attempt(one, 1) for one in others))) == {}


def test_a_held_step_waits_though_nobody_knows_until_when() -> None:
    held = attempt("greeting", 1)
    held.waits = {"remind": Wait(anchor=ENTRY, held=True)}
    assert counted(record("C-1", held)) == {1: tally(1)}


def test_tallies_of_two_partitions_add_up() -> None:
    sums: Tallies = {}
    first = {1: tally(1)}
    add_all(sums, first)
    add_all(sums, {1: tally(2), 2: tally(1)})
    assert (sums, first) == ({1: tally(3), 2: tally(1)}, {1: tally(1)})


@pytest.fixture
def states(tmp_path: Path) -> Iterator[TablePartition[CustomerState]]:
    """Seven customers with an attempt each and one with none, on disk."""
    store = Store(tmp_path)
    rows: dict[bytes, bytes | None] = {
        f"C-{n}".encode(): record(f"C-{n}", attempt("greeting", 1)) for n in range(7)
    }
    store.write(rows | {b"C-30": record("C-30")}, 1)
    yield TablePartition("sessions", 0, store, encode, decode, 100)
    store.close()


def pages(states: TablePartition[CustomerState]) -> list[Card]:
    found = [asyncio.run(count_page(lambda: states, "greeting", "", LONG_AGO))]
    while found[-1]["next"] is not None:
        found.append(asyncio.run(count_page(lambda: states, "greeting", found[-1]["next"], LONG_AGO)))
    return found


@pytest.mark.parametrize(("page", "portion"), [(4_000, 200), (4, 2), (4, 4), (8, 8), (3, 1)])
def test_every_customer_is_counted_once_however_many_a_page_has(
    states: TablePartition[CustomerState], monkeypatch: pytest.MonkeyPatch, page: int, portion: int
) -> None:
    monkeypatch.setattr(paging, "PAGE", page)
    monkeypatch.setattr(paging, "PORTION", portion)
    found = pages(states)
    assert sum(one["looked_at"] for one in found) == 8
    assert sum(one["versions"].get("1", {"attempts": 0})["attempts"] for one in found) == 7
    assert all(one["looked_at"] <= page for one in found)


def test_counting_lets_others_have_their_turn(
    states: TablePartition[CustomerState], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PORTION", 2)
    turns = 0

    async def fold() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def both() -> None:
        folding = asyncio.create_task(fold())
        await count_page(lambda: states, "greeting", "", LONG_AGO)
        folding.cancel()

    asyncio.run(both())
    assert turns >= 3


def test_a_partition_that_goes_away_meanwhile_is_not_counted_in_part(
    states: TablePartition[CustomerState], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "PORTION", 2)
    owned = {0: states}

    async def both() -> Card:
        page = asyncio.ensure_future(count_page(lambda: owned[0], "greeting", "", LONG_AGO))
        await asyncio.sleep(0)
        owned.clear()
        return await page

    with pytest.raises(KeyError):
        asyncio.run(both())
