"""The form of a strategy file, before its conditions are compiled (`docs/strategies.md` is the manager's guide)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field, model_validator

from pipeline.domain.actions import BODIES, Lane
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.releases import KILL_SWITCH, InFlight
from pipeline.domain.state import COUNTED
from pipeline.domain.strategies.fields import (
    FORM,
    Caps,
    Conditions,
    DurationMs,
    Id,
    QuietHoursPart,
    Score,
    Triggers,
    TriggersOrWord,
    mistake,
)
from pipeline.domain.strategies.problems import one_of
from pipeline.domain.templates import Texts

ENTRY = "entry"
REPEATS = 100
"""How often an attempt may carry a step out at most."""


class _Part(BaseModel):
    model_config = FORM


class Entry(_Part):
    """What starts an attempt: an event, and conditions that must all hold."""

    on: Triggers
    """The events that start an attempt."""
    when: Conditions = []
    """Conditions that must all hold."""


class Branch(_Part):
    """One way that a step can go: what to do when its conditions hold and those of the branches before do not."""

    when: Conditions = []
    """Conditions that must all hold; the last branch may be without."""
    do: list[dict[str, Any]] = Field(min_length=1)
    """The actions."""


class Step(_Part):
    """One decision: its moment (`on`, `after` or `absent`), its conditions, and what to do."""

    id: Id
    """The step's name; each of a strategy has its own."""
    on: TriggersOrWord | None = None
    """The step comes with the entry (`entry`) or with these events."""
    count: int = Field(1, ge=1, le=COUNTED)
    """With `on` and events: the step comes when so many of them have come for which `when` holds."""
    within: DurationMs | None = None
    """With `count`: all of these events happened in so long."""
    after: DurationMs | None = None
    """The step comes so long after `since`."""
    absent: Triggers | None = None
    """The step comes when none of these events has come `for` so long after `since`."""
    for_: DurationMs | None = Field(None, alias="for")
    """How long the absence must last."""
    since: TriggersOrWord = ENTRY
    """What starts the clock of `after` and `absent`: the entry, another step by its id, or events."""
    when: Conditions = []
    """Conditions that must all hold when the step's moment has come."""
    hold_until: Conditions = []
    """The step's moment has come and `when` holds: wait until these conditions hold as well."""
    hold_for: DurationMs | None = None
    """Wait for `hold_until` so long at most; after that the step is not carried out."""
    do: list[dict[str, Any]] = []
    """The actions."""
    branch: list[Branch] = []
    """Instead of `do`: several ways, of which the first whose conditions hold is taken."""
    repeat: int = Field(1, ge=1, le=REPEATS)
    """How often an attempt carries the step out at most."""
    every: DurationMs | None = None
    """With `after` or `absent`: having been carried out, the step waits so long again."""
    resolve_thread: bool = False
    """Carrying the step out resolves the customer's thread."""

    @model_validator(mode="after")
    def _one_moment(self) -> Step:
        moments = [name for name in ("on", "after", "absent") if getattr(self, name) is not None]
        if len(moments) != 1:
            raise mistake(
                "a step has exactly one of on, after and absent", "write one of them", *moments[1:2]
            )
        if self.absent is not None and self.for_ is None:
            raise mistake("absent and for belong together", "say how long: for: 5m", "absent")
        if self.absent is None and self.for_ is not None:
            raise mistake("absent and for belong together", "add absent, or remove for", "for")
        if self.on is not None and "since" in self.model_fields_set:
            raise mistake("since belongs to after or absent", "remove it", "since")
        if isinstance(self.on, str) and self.on != ENTRY:
            raise mistake(f"{self.on!r} is no event", "write entry, or channel.event", "on")
        return self

    @model_validator(mode="after")
    def _counts_events(self) -> Step:
        if self.count > 1 and not isinstance(self.on, list):
            raise mistake("count belongs to events", "write on: and the events that are counted", "count")
        if self.within is not None and self.count == 1:
            raise mistake("within belongs to count", "say how many events: count: 3", "within")
        return self

    @model_validator(mode="after")
    def _something_to_do(self) -> Step:
        if not (self.do or self.branch or self.resolve_thread):
            raise mistake("the step does nothing", "give it do, branch or resolve_thread")
        if self.do and self.branch:
            raise mistake("a step has do or branch, not both", "make what is under do a branch", "do")
        for at, branch in enumerate(self.branch[:-1]):
            if not branch.when:
                remedy = "give this branch when, or make it the last"
                raise mistake("the branches after this one can never be reached", remedy, "branch", at)
        check_actions(self.do, "do")
        for at, branch in enumerate(self.branch):
            check_actions(branch.do, "branch", at, "do")
        return self

    @model_validator(mode="after")
    def _bounded(self) -> Step:
        if self.hold_until and self.hold_for is None:
            raise mistake("hold_until needs hold_for", "say how long at most: hold_for: 2h", "hold_until")
        if self.hold_for is not None and not self.hold_until:
            raise mistake("hold_for belongs to hold_until", "add hold_until, or remove hold_for", "hold_for")
        if self.every is not None and self.on is not None:
            raise mistake("every belongs to after or absent", "remove it", "every")
        if self.every is not None and self.repeat == 1:
            raise mistake("every has no end", f"say how often at most: repeat: 3 (2 to {REPEATS})", "every")
        if self.every == 0:
            raise mistake("every must be more than 0s", "write a longer duration", "every")
        if self.repeat > 1 and self.every is None and ENTRY in (self.on, self.on is None and self.since):
            remedy = "remove it" if self.on is not None else "add every: 1d, or remove it"
            raise mistake("there is one entry only, so the step never repeats", remedy, "repeat")
        return self


class Exit(_Part):
    """What ends an attempt early."""

    on: Triggers
    """The events that end it."""
    when: Conditions = []
    """Conditions that must all hold."""


class StrategyFile(_Part):
    """A whole strategy."""

    strategy: Id
    """The strategy's name: small letters, digits, - and _."""
    version: int = Field(ge=1)
    """Counts up with every change."""
    title: str
    """What the strategy is for, in one line."""
    lane: Lane
    """What kind of action it takes; `proactive` (nobody asked for it) needs consent to marketing."""
    priority: int = Field(50, ge=0, le=100)
    """The larger goes first among the strategies of a lane."""
    score: Score = 0.0
    """A number, or = and an expression: the larger goes first among those of equal priority."""
    entry: Entry
    """What starts an attempt."""
    key: str = "thread.thread_id"
    """What one attempt is about: there is one attempt for each value of this expression."""
    max_age: DurationMs = Field("1d", validate_default=True)
    """An event older than this starts nothing."""
    lifetime: DurationMs = Field("30d", validate_default=True)
    """An attempt ends after this at the latest."""
    caps: Caps = []
    """At most so many actions of this strategy to one customer."""
    quiet_hours: QuietHoursPart | None = None
    """Hours of the customer's day in which the strategy sends nothing; instead of the brand's."""
    exclusive: Id | None = None
    """A group of strategies: a customer is in one of them at a time."""
    control: int | None = Field(None, ge=1, le=99)
    """The percentage of customers who get nothing, to compare with."""
    in_flight: InFlight = "keep"
    """What publishing this version does to attempts of earlier ones."""
    templates: Texts = {}
    """Texts of this strategy alone, as in the brand file; they go before the brand's of the same name."""
    steps: list[Step] = Field(min_length=1, max_length=50)
    """The decisions."""
    exits: list[Exit] = []
    """What ends an attempt before its steps are done."""

    @model_validator(mode="after")
    def _names(self) -> StrategyFile:
        if self.strategy == KILL_SWITCH:
            raise mistake(f"{KILL_SWITCH} is no strategy's name", "choose another one", "strategy")
        ids = [step.id for step in self.steps]
        for at, step in enumerate(self.steps):
            if step.id in ids[:at]:
                raise mistake(
                    f"two steps have the same id {step.id}", "give each a name of its own", "steps", at, "id"
                )
            if isinstance(step.since, str) and step.since not in (ENTRY, *ids):
                message = f"since: there is no step {step.since!r}"
                raise mistake(message, one_of(step.since, (ENTRY, *ids)), "steps", at, "since")
        for at, step in enumerate(self.steps):
            if self._waits_for_itself(step):
                message = f"step {step.id} waits for itself, so it never comes"
                raise mistake(
                    message, "write entry, a step that comes before it, or events", "steps", at, "since"
                )
        return self

    def _waits_for_itself(self, step: Step) -> bool:
        """Whether the steps since which a step counts lead round to it."""
        since = {one.id: one.since for one in self.steps if one.on is None}
        before = since.get(step.id)
        for _ in self.steps:
            if before == step.id:
                return True
            before = since.get(before) if isinstance(before, str) else None
        return False

    @model_validator(mode="after")
    def _fits_its_lane(self) -> StrategyFile:
        refused = {"safety": ("caps", "quiet_hours", "control"), "service_reply": ("control",)}
        for name in refused.get(self.lane, ()):
            if name in self.model_fields_set:
                raise mistake(
                    f"{name} is not for lane {self.lane}", "remove it, or choose another lane", name
                )
        return self


def check_actions(actions: list[dict[str, Any]], *path: str | int) -> None:
    """Raise an error of pydantic's for what is not one action kind with its settings."""
    for at, action in enumerate(actions):
        if len(action) != 1:
            kinds = ", ".join(BODIES)
            message = "an action is its kind, a colon and its settings"
            raise mistake(message, f"begin each one with a dash; kinds are {kinds}", *path, at)
        (kind,) = action
        if kind not in BODIES:
            remedy = one_of(kind, tuple(BODIES))
            raise mistake(f"there is no action {kind!r}", remedy, *path, at, kind, type_="misnamed")


def pairs(triggers: list[str]) -> frozenset[tuple[str, str]]:
    """The (channel, kind) pairs that triggers stand for; `*` stands for every channel."""
    split = [trigger.split(".") for trigger in triggers]
    return frozenset(
        (name, kind) for channel, kind in split for name in (CHANNELS if channel == "*" else (channel,))
    )
