"""What must have come of the events that were acknowledged, by a fold without Kafka; and what did come of them.

The oracle reads the input topics, every record once, in the order of the broker's clock, and folds it with all that
comes of it before it takes the next, in one thread, by the functions of `pipeline.domain` alone. See `workload` for
why there is one right answer. Times at which something was decided are set to zero on both sides.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal, NamedTuple

import msgspec

from pipeline.domain import state as states
from pipeline.domain.customers import Profile
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.failures import Failure
from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    CustomerMoved,
    CustomerTakenOut,
    Decision,
    IdentifiedInteraction,
    IdentityChange,
    IdentityLink,
    MergeRequested,
)
from pipeline.domain.recent import seen
from pipeline.domain.replay import Message, Replay
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.wire.codec import Codec
from pipeline.wire.routes import route

Fate = Literal["folded", "duplicate", "late", "dead-letter"]
FIRST_HOP = (Interaction, IdentityLink)
SECOND_HOP = (
    Profile,
    IdentifiedInteraction,
    MergeRequested,
    CustomerMoved,
    CustomerTakenOut,
    ActionReceipt,
)


class Record(NamedTuple):
    """A record that was acknowledged: where it lies (topic without prefix), when it arrived (ms), what it is."""

    topic: str
    partition: int
    offset: int
    arrived: int
    key: bytes | None
    value: bytes


class Result(NamedTuple):
    """What came of events: things that may be there only once, by name, and states, by key.

    `once` counts actions, decisions, history entries, changes of identities and dead letters. `content` maps
    `actions <customer>` and `decisions <customer>` to what was decided, in order, and the rows of tables to their
    last value.
    """

    once: Counter[str]
    content: dict[str, Any]


class Oracle:
    """Folds records one after the other; `result` and `fates` tell what must have come of them.

    `now` (epoch ms) is the wall clock for all of it.
    """

    def __init__(self, rules: Rules, now: int) -> None:
        self.fates: Counter[Fate] = Counter()
        self._replay = Replay(rules, now)
        self._codec = Codec()
        self._dead: Counter[str] = Counter()

    def fold(self, records: Iterable[Record]) -> None:
        """Take in records, by their time of arrival, and then let fall due what is."""
        for record in sorted(records, key=lambda r: (r.arrived, r.topic, r.partition, r.offset)):
            self.fates[self._take_in(record)] += 1
        self._replay.advance(self._replay.now)

    def result(self) -> Result:
        """What must be found on the topics and in the tables."""
        replay = self._replay
        once, content = self._dead.copy(), dict[str, Any]()
        entries = (row for row in replay.rows.values() if isinstance(row, HistoryEntry))
        for value in (*entries, *replay.commands, *replay.decisions, *replay.changes):
            note(once, content, value)
        for key in replay.identities():
            content[f"identities {key}"] = timeless_record(replay.identity(key))
        for customer_id in replay.customers():
            state = self._state(customer_id)
            content[f"sessions {customer_id}"] = timeless_state(state)
            if state.next_due is not None:
                content[f"deadlines {state.next_due:015d}|{customer_id}"] = True
        return Result(once, content)

    def _take_in(self, record: Record) -> Fate:
        first_hop = record.topic.startswith("interactions.") and record.topic != "interactions.identified"
        first_hop = first_hop or record.topic == "identity.links"
        value = self._codec.decode(record.value, *(FIRST_HOP if first_hop else SECOND_HOP))
        nameless = isinstance(value, Interaction) and not value.identifiers
        if isinstance(value, Failure) or nameless or record.key != route(value).key.encode():
            self._dead[dead_letter_name(record.topic, record.partition, record.offset)] += 1
            return "dead-letter"
        return self._run(value)

    def _run(self, value: Message) -> Fate:
        """Fold a value and all that comes of it; the fate of the event that it is or causes."""
        fate: Fate = "folded"
        rows = len(self._replay.rows)
        queue = deque([value])
        while queue:
            message = queue.popleft()
            if isinstance(message, IdentifiedInteraction) and self._knows(message):
                fate = "duplicate"
            queue.extend(self._replay.step(message))
        added = islice(reversed(self._replay.rows.values()), len(self._replay.rows) - rows)
        late = any(isinstance(row, HistoryEntry) and row.late for row in added)
        return "late" if late else fate

    def _state(self, customer_id: str) -> CustomerState:
        return self._replay.customer(customer_id) or CustomerState(customer_id)

    def _knows(self, value: IdentifiedInteraction) -> bool:
        return seen(self._state(value.customer_id), fingerprint(value.interaction.event_id))


def note(
    once: Counter[str],
    decided: dict[str, Any],
    value: ActionCommand | Decision | HistoryEntry | IdentityChange,
) -> None:
    """Count something that may be there once, and keep what was decided by customer, without its time."""
    match value:
        case HistoryEntry():
            once[f"history {value.key}"] += 1
        case IdentityChange():
            once[f"change {value.change_id}"] += 1
        case ActionCommand():
            once[f"action {value.action_id}"] += 1
            timeless = msgspec.structs.replace(value, decided_at=0)
            decided.setdefault(f"actions {value.customer_id}", []).append(timeless)
        case Decision():
            once[f"decision {value.decision_id}"] += 1
            timeless_one = msgspec.structs.replace(value, decided_at=0)
            decided.setdefault(f"decisions {value.customer_id}", []).append(timeless_one)


def dead_letter_name(topic: str, partition: int, offset: int) -> str:
    """The name of the dead letter of a record; `topic` is without the prefix."""
    return f"dead letter {topic}/{partition}/{offset}"


def timeless_state(state: CustomerState) -> CustomerState:
    """The state without the times at which a decision was taken (0 where there was one)."""
    for attempt in state.attempts.values():
        attempt.ended_at = None if attempt.ended_at is None else 0
    for thread in state.threads:
        thread.resolved_at = None if thread.resolved_at is None else 0
    if state.before_merge:
        state.before_merge = states.encode(timeless_state(states.decode(state.before_merge)))
    return state


def timeless_record(record: IdentityRecord | None) -> IdentityRecord | None:
    """The record of an identifier without the end of a handover: a duplicate may come before it began or after."""
    return None if record is None else msgspec.structs.replace(record, handover_until=0)


class Verdict(NamedTuple):
    """The comparison: events, what became of them, and how many effects are lost, repeated or different."""

    events: int
    fates: dict[Fate, int]
    lost: int
    repeated: int
    differing: int
    examples: list[str]

    @property
    def problems(self) -> list[str]:
        """One line for each kind of fault found; none when all is as it must be."""
        counts = {"lost": self.lost, "repeated": self.repeated, "differing": self.differing}
        return [f"{count} {what}, such as {self.examples[:3]}" for what, count in counts.items() if count]


def compare(oracle: Oracle, found: Result) -> Verdict:
    """What was found against what the oracle says."""
    expected = oracle.result()
    lost, repeated = expected.once - found.once, found.once - expected.once
    names = expected.content.keys() | found.content.keys()
    differing = sorted(name for name in names if expected.content.get(name) != found.content.get(name))
    return Verdict(
        events=oracle.fates.total(),
        fates=dict(oracle.fates),
        lost=lost.total(),
        repeated=repeated.total(),
        differing=len(differing),
        examples=[*lost, *repeated, *differing],
    )
