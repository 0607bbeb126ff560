"""A strategy ready to run: its conditions are programs, its triggers sets, its actions typed.

`VOCABULARY` is what conditions can name; `compile.py` makes these values, `evaluate.py` runs them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.domain.actions import ActionBody, ActionKind, Lane
from pipeline.domain.circumstances import Circumstance
from pipeline.domain.ids import bucket
from pipeline.domain.interactions import Interaction
from pipeline.domain.releases import InFlight, StrategyRollout
from pipeline.domain.state import Customer, GoingOn, History, Session, Thread
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.cel.types import Declarations, Timestamp
from pipeline.domain.strategies.policy import Policy
from pipeline.domain.templates import Brand

VOCABULARY: dict[str, object] = {
    "event": Interaction,
    "interaction": GoingOn,
    "session": Session,
    "thread": Thread,
    "customer": Customer,
    "history": History,
    "interactions": list[GoingOn],
    "circumstances": list[str],
    "now": Timestamp,
}
"""The names in conditions and what they stand for, in the order in which programs take their values."""

DECLARATIONS = Declarations(VOCABULARY)
Triggers = frozenset[tuple[str, str]]
NEVER: Triggers = frozenset()

LANES: tuple[Lane, ...] = ("safety", "service_reply", "transactional", "proactive")
"""The lanes, the one that goes first before the others."""

Share = tuple[int, int]
"""Buckets of customers, the first and the one after the last of 0 to 99."""
EVERYBODY: Share = (0, 100)
NOBODY: Share = (0, 0)


@dataclass(frozen=True, slots=True)
class Param:
    """A setting of an action: a value as written, a program, or several by name."""

    value: Any = None
    program: Program | None = None
    members: dict[str, Param] | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action to build when its step fires; `template` and `channel` only where it sends a text."""

    kind: ActionKind
    body: type[ActionBody]
    params: dict[str, Param]
    template: str | None = None
    channel: str | None = None
    variables: dict[str, Param] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Branch:
    """One way that a step can go; `positions` are those of its actions among all of the step's.

    `lasting` as in Step.
    """

    conditions: tuple[Program, ...]
    positions: range
    lasting: tuple[Program, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """A step. Exactly one moment: `on` or `on_entry`; or a wait of `wait_ms`, begun by `since`,
    `since_entry` or `since_step`, and, when `absent` is not empty, called off by those events.

    When the moment has come and `conditions` hold, the first of `branches` whose conditions hold is taken (a step
    that names none has one without conditions), and `hold_until` is waited for, up to `hold_for_ms`. While a step
    is held, `lasting` is asked in place of `conditions`: what does not read of the event what is not remembered.
    `every_ms` after it was carried out, a step with a wait comes again. A step with a `count` above 1 comes with
    the last of so many events for which `conditions` hold, all within `within_ms` if that is given.
    """

    id: str
    conditions: tuple[Program, ...]
    actions: tuple[Action, ...]
    branches: tuple[Branch, ...]
    repeat: int
    resolve_thread: bool
    lasting: tuple[Program, ...] = ()
    hold_until: tuple[Program, ...] = ()
    hold_for_ms: int | None = None
    every_ms: int | None = None
    count: int = 1
    within_ms: int | None = None
    on: Triggers = NEVER
    on_entry: bool = False
    wait_ms: int | None = None
    since: Triggers = NEVER
    since_entry: bool = False
    since_step: str | None = None
    absent: Triggers = NEVER


@dataclass(frozen=True, slots=True)
class Exit:
    """What ends an attempt early."""

    on: Triggers
    conditions: tuple[Program, ...]


@dataclass(frozen=True, slots=True)
class Strategy:
    """A version of a strategy. Times in milliseconds.

    `unique_key` is true when the key alone tells customers apart; otherwise the customer's id goes into the
    ids of actions as well. `share`, `shadow` and `paused` are how it is rolled out (`releases.StrategyRollout`):
    it begins attempts of customers in these buckets, sends nothing, or does nothing. `brand` is the brand with the
    strategy's own texts, None where it has none. `name` is what hot records call the strategy: a shadow's attempts
    and notes are apart from those of what runs. `rank` tells who goes first at one moment: the lane, the larger
    priority, then the id.
    """

    id: str
    version: int
    title: str
    lane: Lane
    entry_on: Triggers
    entry_conditions: tuple[Program, ...]
    key: Program
    unique_key: bool
    max_age_ms: int
    lifetime_ms: int
    steps: tuple[Step, ...]
    exits: tuple[Exit, ...]
    policy: Policy
    in_flight: InFlight = "keep"
    brand: Brand | None = None
    share: Share = EVERYBODY
    shadow: bool = False
    paused: bool = False
    name: str = field(init=False)
    rank: tuple[int, int, str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.id}@{self.version}" if self.shadow else self.id)
        object.__setattr__(self, "rank", (LANES.index(self.lane), -self.policy.priority, self.id))

    def begins_for(self, customer_id: str) -> bool:
        """Whether attempts of the customer begin with this version."""
        if self.share is EVERYBODY:
            return True
        first, end = self.share
        return first <= bucket("canary", self.id, customer_id) < end

    def triggers(self) -> Triggers:
        """Every (channel, kind) that the strategy could care about."""
        care = set(self.entry_on)
        for step in self.steps:
            care |= step.on | step.since | step.absent
        for way_out in self.exits:
            care |= way_out.on
        return frozenset(care)


def scores_matter(strategies: Iterable[Strategy]) -> bool:
    """Whether two strategies differ in nothing but their scores, as far as their order goes."""
    groups: defaultdict[tuple[int, int], list[Strategy]] = defaultdict(list)
    for strategy in strategies:
        groups[strategy.rank[:2]].append(strategy)
    return any(len(group) > 1 and any(one.policy.score != 0.0 for one in group) for group in groups.values())


def _none(strategy_id: str, version: int) -> Strategy | None:
    return None


class Rules:
    """What is live.

    Attributes:
        strategies: the newest version of each strategy that runs for anybody, by id.
        index: for every (channel, kind) the versions that could care, in the order in which they are asked.
        scored: those of them where scores can change that order.
        in_force: the version that all customers have, by name; nothing of a strategy of which they have different
            ones.
        rollouts: what is to hold for each strategy that is not as its file says, by id.
        stopped: why no command is sent; None while commands are.
    """

    def __init__(
        self,
        strategies: list[Strategy],
        brand: Brand,
        circumstances: tuple[Circumstance, ...] = (),
        *,
        rollouts: Mapping[str, StrategyRollout] | None = None,
        stopped: str | None = None,
        earlier: Callable[[str, int], Strategy | None] = _none,
    ) -> None:
        """`strategies` are the versions that begin attempts; `earlier` finds others, for attempts in flight."""
        self.brand = brand
        self.circumstances = circumstances
        self.rollouts = rollouts or {}
        self.stopped = stopped
        self._earlier = earlier
        self._standing = {(one.name, one.version): one for one in strategies}
        self._others: dict[tuple[str, int], Strategy | None] = {}
        ordered = sorted(strategies, key=lambda one: (one.id, one.version))
        self.strategies = {one.id: one for one in ordered if not one.shadow}
        self.in_force = {one.name: one.version for one in ordered if one.share == EVERYBODY}
        self._shared: defaultdict[str, list[Strategy]] = defaultdict(list)
        index: defaultdict[tuple[str, str], list[Strategy]] = defaultdict(list)
        for strategy in sorted(ordered, key=lambda one: one.rank):
            if strategy.share != EVERYBODY:
                self._shared[strategy.id].append(strategy)
            for trigger in strategy.triggers():
                index[trigger].append(strategy)
        self.index = {trigger: tuple(found) for trigger, found in index.items()}
        self.scored = frozenset(trigger for trigger, found in index.items() if scores_matter(found))

    def version_for(self, strategy_id: str, customer_id: str) -> int | None:
        """The version that the customer has of a strategy; None when nothing of it runs for them."""
        for strategy in self._shared.get(strategy_id, ()):
            if strategy.begins_for(customer_id):
                return strategy.version
        return self.in_force.get(strategy_id)

    def version(self, name: str, version: int) -> Strategy | None:
        """A version of a strategy, for attempts that began with it; None when nobody knows it (any more)."""
        found = self._standing.get((name, version))
        if found is not None:
            return found
        if (name, version) not in self._others:
            other, rollout = self._earlier(name, version), self.rollouts.get(name)
            paused = rollout is not None and rollout.paused
            self._others[name, version] = other and replace(other, share=NOBODY, paused=paused)
        return self._others[name, version]
