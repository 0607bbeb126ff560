"""Random worlds with the truth known: never two people in one customer, and what evidence joins is joined."""

from __future__ import annotations

from itertools import combinations

import pytest

from pipeline.domain.interactions import Interaction
from tests.worlds.evidence import KINDS, Evidence
from tests.worlds.measure import measure, placements, play, total
from tests.worlds.world import World, events, make

SEEDS = range(1001, 1061)
RECALL = 0.99


def test_people_are_told_apart_and_recognised() -> None:
    scores = []
    for seed in SEEDS:
        world = make(seed)
        score = measure(world, play(world))
        assert score.precision == 1.0, f"seed {seed}: {score.problems}"
        scores.append(score)
    whole = total(scores)
    missed = [
        f"seed {seed}: {score.problems}" for seed, score in zip(SEEDS, scores, strict=True) if score.problems
    ]
    assert whole.recall >= RECALL, missed
    # A world in which a kind of evidence is never needed, or nothing is shared, would hold nothing to it.
    assert all(whole.needed[kind] > 100 for kind in KINDS)
    assert whole.unattributable > 100


def test_a_seed_gives_the_same_world() -> None:
    one, again, other = make(1), make(1), make(2)
    assert one.arrivals == again.arrivals != other.arrivals


@pytest.fixture(scope="module")
def world() -> World:
    return make(7)


def truth(world: World) -> dict[str, tuple[str, Interaction]]:
    return {one.event_id: (deed.person, one) for deed in world.deeds for one in events(deed, deed.at)}


def test_every_event_of_a_world_is_read(world: World) -> None:
    assert all(len(events(deed, deed.at)) == 1 for deed in world.deeds)
    assert set(placements(play(world))) == set(truth(world))


def test_evidence_never_joins_two_people(world: World) -> None:
    """The yardstick itself: whoever is joined by it is one person."""
    evidence = Evidence(world)
    for _, groups in evidence.groups():
        for names in groups:
            assert len({evidence.people[name] for name in names}) == 1


def test_the_measure_counts_pairs(world: World) -> None:
    """The same figures, by looking at every pair."""
    replay = play(world)
    score = measure(world, replay)
    evidence, customers = Evidence(world), placements(replay)
    together = [
        (one, two) for one, two in combinations(sorted(evidence.clear), 2) if customers[one] & customers[two]
    ]
    assert score.together == len(together)
    assert score.right == sum(evidence.people[one] == evidence.people[two] for one, two in together)
    (*_, (_, groups)) = evidence.groups()
    joinable = [pair for names in groups for pair in combinations(names, 2)]
    assert score.joinable == len(joinable) == score.needed.total()
    assert score.joined == sum(customers[one] == customers[two] for one, two in joinable)
