"""Whose a partition is, by what workers tell of themselves in order."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.runtime.workers import Roster, partition_of
from pipeline.wire.codec import Codec
from pipeline.wire.routes import route
from pipeline.wire.workers import WorkerStatus


def status(worker_id: str, *partitions: int, since: int = 2) -> WorkerStatus:
    return WorkerStatus(
        worker_id=worker_id,
        address=f"{worker_id}:80",
        partitions=[*partitions],
        started_at=1,
        updated_at=since,
    )


def after(*told: tuple[str, tuple[int, ...] | None]) -> Roster:
    roster = Roster()
    for since, (name, partitions) in enumerate(told):
        roster = roster.told(name, None if partitions is None else status(name, *partitions, since=since))
    return roster


def owners(roster: Roster) -> dict[str, list[int]]:
    return {one.worker_id: one.partitions for one in roster.workers()}


def test_a_partition_is_whose_who_claimed_it_last() -> None:
    roster = after(("w1", (0, 1)), ("w2", ()), ("w1", (0,)), ("w2", (1,)))
    assert owners(roster) == {"w1": [0], "w2": [1]}
    owner = roster.owner(1)
    assert owner is not None and owner.address == "w2:80"
    assert roster.owner(2) is None


def test_a_worker_that_stops_is_gone_with_its_partitions() -> None:
    assert owners(after(("w1", (0,)), ("w2", (1,)), ("w1", None))) == {"w2": [1]}


def test_a_worker_that_died_is_gone_when_others_have_all_that_it_had() -> None:
    assert owners(after(("w1", (0, 1)), ("w2", (0,)))) == {"w1": [1], "w2": [0]}
    assert owners(after(("w1", (0, 1)), ("w2", (0,)), ("w3", (1,)))) == {"w2": [0], "w3": [1]}


def test_a_worker_that_tells_of_something_else_takes_no_partition_back() -> None:
    roster = after(("w1", (0, 1)), ("w2", (1,)))
    again = msgspec.structs.replace(roster.statuses["w1"], strategies_offset=7)
    assert owners(roster.told("w1", again)) == {"w1": [0], "w2": [1]}
    assert roster.told("w1", again).statuses["w1"].strategies_offset == 7
    assert owners(after(("w1", (0, 1)), ("w2", (1,)), ("w1", (0, 1)))) == {"w1": [0, 1]}


def test_a_worker_that_waits_for_partitions_is_there() -> None:
    assert owners(after(("w1", (0, 1)), ("w2", ()))) == {"w1": [0, 1], "w2": []}


telling = st.tuples(
    st.sampled_from(["w1", "w2", "w3"]), st.none() | st.sets(st.integers(0, 3)).map(lambda one: (*one,))
)


@given(st.lists(telling, max_size=20))
def test_every_partition_has_one_owner_who_runs_and_said_so(
    told: list[tuple[str, tuple[int, ...] | None]],
) -> None:
    roster = after(*told)
    last = dict(told)
    shown = [number for one in roster.workers() for number in one.partitions]
    assert len(shown) == len(set(shown))
    for number in range(4):
        owner = roster.owner(number)
        assert owner is None or number in (last[owner.worker_id] or ())


def test_a_status_travels_under_the_workers_id() -> None:
    codec = Codec()
    told = status("w1", 0, 3, 1_000)
    assert codec.decode(codec.encode("workers", told), WorkerStatus) == told
    assert (route(told).topic, route(told).key) == ("workers", "w1")


def test_a_key_has_javas_partition() -> None:
    """Values of Java's Utils.murmur2, made positive: its own test has these keys."""
    hashes = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536}
    for key, value in hashes.items():
        assert partition_of(key, 10_000) == (value & 0x7FFFFFFF) % 10_000
