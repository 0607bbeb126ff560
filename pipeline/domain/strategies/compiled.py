"""A strategy ready to run: its conditions are programs, its triggers sets, its actions typed.

`VOCABULARY` is what conditions can name; `compile.py` makes these values, `evaluate.py` runs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.domain.actions import ActionBody, ActionKind, Lane
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import Customer, GoingOn, History, Session, Thread
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.cel.types import Declarations, Timestamp
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
class Step:
    """A step. Exactly one moment: `on` or `on_entry`; or a wait of `wait_ms`, begun by `since`,
    `since_entry` or `since_step`, and, when `absent` is not empty, called off by those events.
    """

    id: str
    conditions: tuple[Program, ...]
    actions: tuple[Action, ...]
    repeat: int
    resolve_thread: bool
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
    """A strategy. Times in milliseconds.

    `unique_key` is true when the key alone tells customers apart; otherwise the customer's id goes into the
    ids of actions as well.
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

    def triggers(self) -> Triggers:
        """Every (channel, kind) that the strategy could care about."""
        care = set(self.entry_on)
        for step in self.steps:
            care |= step.on | step.since | step.absent
        for way_out in self.exits:
            care |= way_out.on
        return frozenset(care)


class Rules:
    """What is live: strategies by id, the brand, and for every (channel, kind) the strategies that could
    care.
    """

    def __init__(self, strategies: list[Strategy], brand: Brand) -> None:
        self.brand = brand
        self.strategies = {strategy.id: strategy for strategy in sorted(strategies, key=lambda one: one.id)}
        self.index: dict[tuple[str, str], tuple[Strategy, ...]] = {}
        for strategy in self.strategies.values():
            for trigger in strategy.triggers():
                self.index[trigger] = (*self.index.get(trigger, ()), strategy)
