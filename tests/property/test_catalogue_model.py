"""The catalogue against a model that says in a few lines what must be live, under records in any order."""

from __future__ import annotations

from domain_values import rules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from strategy_records import release, rollout, switch, text

from pipeline.domain.failures import Failure
from pipeline.domain.releases import KILL_SWITCH, StrategyRecord, StrategyRollout
from pipeline.domain.strategies.catalogue import Catalogue
from pipeline.domain.strategies.compiled import Rules, Strategy

BASE = rules(text("a", 1))
IDS, VERSIONS = ("a", "b"), (1, 2, 3)
CUSTOMERS = [f"C-{number}" for number in range(30)]
WRONG = "strategy: [a"

ids, versions = st.sampled_from(IDS), st.sampled_from(VERSIONS)
rollouts = st.builds(
    rollout,
    ids,
    versions,
    st.sampled_from(["validated", "shadow", "canary", "active", "retired"]),
    previous=st.none() | versions,
    percent=st.integers(1, 99),
    paused=st.booleans(),
    in_flight=st.sampled_from(["keep", "migrate", "cancel"]),
)


class Model:
    """What is live, by rules that look at everything after every record."""

    def __init__(self) -> None:
        self.releases: dict[tuple[str, int], str] = {}
        self.wanted: dict[str, StrategyRollout] = {}
        self.applied: dict[str, StrategyRollout] = {}
        self.stopped = False

    def good(self, strategy_id: str, version: int) -> bool:
        in_file = (strategy_id, version) == ("a", 1)
        return self.releases.get((strategy_id, version), "" if in_file else WRONG) != WRONG

    @staticmethod
    def needed(one: StrategyRollout) -> set[int]:
        new = {one.version} if one.stage in ("shadow", "canary", "active") else set()
        old = {one.previous} if one.stage in ("validated", "shadow", "canary") else set()
        return (new | old) - {None}

    def settle(self) -> None:
        for strategy_id, one in self.wanted.items():
            if all(self.good(strategy_id, version) for version in self.needed(one)):
                self.applied[strategy_id] = one

    def runs(self, strategy_id: str) -> set[int | None]:
        """The versions of which customers may have one."""
        one = self.applied.get(strategy_id)
        if one is None:
            return {1} if strategy_id == "a" else {None}
        match one.stage:
            case "active":
                return {one.version}
            case "canary":
                return {one.version, one.previous}
            case "retired":
                return {None}
        return {one.previous}


class Life(RuleBasedStateMachine):
    """Records as they may come: late, twice, wrong, deleted."""

    @initialize()
    def begin(self) -> None:
        self.catalogue = Catalogue(BASE)
        self.model = Model()

    @rule(strategy_id=ids, version=versions, wrong=st.booleans(), other=st.booleans())
    def released(self, strategy_id: str, version: int, wrong: bool, other: bool) -> None:
        definition = WRONG if wrong else text(strategy_id, version, on="web.other" if other else "web.start")
        known = self.model.releases.setdefault((strategy_id, version), definition)
        problem = self.catalogue.take(f"{strategy_id}@{version}", release(strategy_id, version, definition))
        if known != definition:
            assert problem is not None
        self.model.settle()

    @rule(one=rollouts)
    def rolled_out(self, one: StrategyRollout) -> None:
        problem = self.catalogue.take(one.strategy_id, one)
        if one.previous == one.version:
            assert problem is not None
            return
        self.model.wanted[one.strategy_id] = one
        self.model.settle()

    @rule(key=st.sampled_from([*IDS, "a@1", "b@2", KILL_SWITCH]))
    def unreadable(self, key: str) -> None:
        assert self.catalogue.take(key, Failure("bad_avro", "cannot be read")) is not None
        assert key in self.catalogue.refused

    @rule(strategy_id=ids)
    def rollout_deleted(self, strategy_id: str) -> None:
        assert self.catalogue.take(strategy_id, None) is None
        for known in (self.model.wanted, self.model.applied):
            known.pop(strategy_id, None)

    @rule(strategy_id=ids, version=versions)
    def release_deleted(self, strategy_id: str, version: int) -> None:
        one = self.model.applied.get(strategy_id)
        in_force = one is not None and version in self.model.needed(one)
        refused = self.catalogue.take(f"{strategy_id}@{version}", None)
        assert (refused is not None) == in_force
        if not in_force:
            self.model.releases.pop((strategy_id, version), None)
            self.model.settle()

    @rule(stopped=st.booleans())
    def switched(self, stopped: bool) -> None:
        assert self.catalogue.take(KILL_SWITCH, switch(stopped)) is None
        self.model.stopped = stopped

    @invariant()
    def live_as_the_model_says(self) -> None:
        live = self.catalogue.rules()
        names = [[(one.name, one.version) for one in found] for found in live.index.values()]
        assert all(len(found) == len(set(found)) for found in names)
        assert (live.stopped is not None) == self.model.stopped
        for strategy_id in IDS:
            have = {live.version_for(strategy_id, customer_id) for customer_id in CUSTOMERS}
            assert have <= self.model.runs(strategy_id)
            one = self.model.applied.get(strategy_id)
            asked = {(s.version, s.shadow, s.paused) for s in everything(live) if s.id == strategy_id}
            tried = {(one.version, True, one.paused)} if one is not None and one.stage == "shadow" else set()
            paused = one is not None and one.paused
            assert asked == tried | {
                (v, False, paused) for v in self.model.runs(strategy_id) if v is not None
            }


def everything(live: Rules) -> list[Strategy]:
    """Every version that is asked about some event."""
    return [strategy for found in live.index.values() for strategy in found]


Life.TestCase.settings = settings(deadline=None, max_examples=60, stateful_step_count=25)
test_the_life_of_strategies = Life.TestCase

RECORDS: list[StrategyRecord] = [
    *(release(strategy_id, version) for strategy_id in IDS for version in VERSIONS),
    rollout("a", 3, "canary", previous=2, percent=40, paused=True),
    rollout("b", 2, "shadow", previous=1),
    switch(True, "because"),
]


def described(live: Rules) -> object:
    return (
        live.stopped,
        live.rollouts,
        [[(s.name, s.version, s.share, s.paused) for s in live.index[key]] for key in sorted(live.index)],
    )


@settings(deadline=None)
@given(st.permutations(RECORDS), st.lists(st.sampled_from(RECORDS)))
def test_the_order_of_keys_and_repetition_do_not_matter(
    records: list[StrategyRecord], again: list[StrategyRecord]
) -> None:
    found = []
    for order in (RECORDS, [*records, *again]):
        catalogue = Catalogue(BASE)
        for record in order:
            catalogue.take(record.key, record)
        assert catalogue.refused == {}
        found.append(described(catalogue.rules()))
    assert found[0] == found[1]
