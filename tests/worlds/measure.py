"""Who ended up together, against the truth.

**Precision.** Of all pairs of events that ended up with one customer, those of one person. Events that nothing
tells whose they are (no verified customer number, a device or phone that several people use) are left out
and counted apart, and so are those among them that stand with somebody else.

**Recall.** Of all pairs of events of one person that evidence joins (`evidence.py` says what that is), those
that ended up with one customer.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.domain.replay import Replay
from pipeline.domain.rows import HistoryEntry
from tests.domain_values import rules
from tests.worlds.evidence import Evidence
from tests.worlds.visits import Deed
from tests.worlds.world import DAY, START, World, events


@dataclass
class Score:
    """What one world came to, or many. `together` to `needed` count pairs, `events` to `misplaced` events.

    Attributes:
        together, right: pairs with one customer, and those of them that are of one person.
        joinable, joined: pairs that evidence joins, and those of them that are with one customer.
        needed: `joinable` by the kind of evidence that was needed.
        unattributable, misplaced: events that nothing tells whose they are, and those that stand with another.
        problems: wrong and missed joins, in words.
    """

    together: int = 0
    right: int = 0
    joinable: int = 0
    joined: int = 0
    needed: Counter[str] = field(default_factory=Counter)
    events: int = 0
    unattributable: int = 0
    misplaced: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """The share of right pairs among those together."""
        return self.right / self.together if self.together else 1.0

    @property
    def recall(self) -> float:
        """The share of pairs that are together among those that evidence joins."""
        return self.joined / self.joinable if self.joinable else 1.0


def total(scores: Iterable[Score]) -> Score:
    """All worlds as one."""
    whole = Score()
    for score in scores:
        for name, value in vars(score).items():
            setattr(whole, name, getattr(whole, name) + value)
    return whole


def play(world: World) -> Replay:
    """Everything that arrives, at its time, and a day for the last timers."""
    replay = Replay(rules(), START)
    for arrival in world.arrivals:
        replay.advance(arrival.at)
        if isinstance(arrival.what, Deed):
            replay.fold(*events(arrival.what, arrival.at))
        else:
            replay.fold(arrival.what)
    replay.advance(replay.now + DAY)
    return replay


def measure(world: World, replay: Replay) -> Score:
    """Compare who is together with the truth."""
    evidence = Evidence(world)
    customers = placements(replay)
    score = Score(events=len(evidence.people), unattributable=len(evidence.people) - len(evidence.clear))
    _measure_precision(score, evidence, customers)
    _measure_recall(score, evidence, customers)
    return score


def placements(replay: Replay) -> dict[str, set[str]]:
    """By event id the customers with whom it ended up, after all merges."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in replay.rows.values():
        if isinstance(row, HistoryEntry):
            found[row.event_id].add(_merged(replay, row.customer_id))
    return found


def _merged(replay: Replay, customer_id: str) -> str:
    while (state := replay.customer(customer_id)) is not None and state.merged_into is not None:
        customer_id = state.merged_into
    return customer_id


def _measure_precision(score: Score, evidence: Evidence, customers: dict[str, set[str]]) -> None:
    held: dict[str, list[str]] = defaultdict(list)
    for name, ids in customers.items():
        for customer in ids:
            held[customer].append(name)
    for customer, names in sorted(held.items()):
        shares = Counter(evidence.people[name] for name in names if name in evidence.clear)
        score.together += _pairs(shares.total())
        score.right += sum(map(_pairs, shares.values()))
        others = [name for name in names if name not in evidence.clear and shares]
        score.misplaced += sum(evidence.people[name] not in shares for name in others)
        if len(shares) > 1:
            score.problems.append(f"{customer} holds events of the persons {', '.join(sorted(shares))}")


def _measure_recall(score: Score, evidence: Evidence, customers: dict[str, set[str]]) -> None:
    before = 0
    groups: list[list[str]] = []
    for kind, groups in evidence.groups():
        pairs = sum(_pairs(len(names)) for names in groups)
        score.needed[kind] += pairs - before
        before = pairs
    score.joinable = before
    for names in groups:
        shares = Counter(frozenset(customers[name]) for name in names)
        score.joined += sum(map(_pairs, shares.values()))
        if len(shares) > 1:
            whose = sorted("+".join(sorted(ids)) or "nobody" for ids in shares)
            score.problems.append(
                f"events of person {evidence.people[names[0]]} stand with {', '.join(whose)}"
            )


def _pairs(number: int) -> int:
    return number * (number - 1) // 2
