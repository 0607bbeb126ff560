"""What the domain says to the rest of the pipeline: one value for every record that it puts on a topic.

Field names equal those of the Avro records in `schemas/`; the bodies of actions are in `actions.py`. All
times are epoch milliseconds, UTC. `key` is the Kafka key under which a message travels.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from pipeline.domain.actions import ActionBody, ActionKind, Lane
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.requests import Request
from pipeline.domain.rows import Row

ReceiptStatus = Literal["accepted", "sent", "delivered", "failed", "unknown"]
Outcome = Literal["fired", "suppressed", "error", "shadow", "cancelled"]
Change = Literal["merged", "blocked", "unmerged"]
RECEIPT_RANK = {"decided": 0, "accepted": 1, "sent": 2, "unknown": 3, "failed": 4, "delivered": 5}
"""How far an action has come; a receipt never takes it back."""


class IdentityLink(msgspec.Struct, kw_only=True):
    """Evidence that an identifier belongs to a customer.

    `known` is true when the customer is known to the system of record, false for a provisional one; `source`
    says who claims it; `event_id` is the event that showed it, None when it comes from a profile. `replaces` is
    the customer whose it was until a merge, or until a merge was `undone`.
    """

    identifier: Identifier
    customer_id: str
    known: bool
    source: str
    linked_at: int
    event_id: str | None = None
    replaces: str | None = None
    undone: bool = False

    @property
    def key(self) -> str:
        """The identifier's own key: evidence meets the record that it is about."""
        return self.identifier.key


class IdentifierErased(msgspec.Struct, kw_only=True):
    """An identifier of somebody who is forgotten: what it told of up to `erased_at` identifies nobody.

    `customers` are ids that they went by.
    """

    identifier: Identifier
    customers: list[str]
    erased_at: int

    @property
    def key(self) -> str:
        """The identifier's own key."""
        return self.identifier.key


class IdentifiedInteraction(msgspec.Struct, kw_only=True):
    """An interaction and whose it is; `resolved_by` is the key of the identifier that told."""

    customer_id: str
    known: bool
    resolved_by: str
    interaction: Interaction

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class MergeRequested(msgspec.Struct, kw_only=True):
    """Two customer ids are one person: `loser` hands over to `winner`, by `rule`, because of `evidence`.

    Two rules of the journal merge nobody: `MOVED_ON` tells the loser who has taken them in, and by
    `CLAIMED_BY_BOTH` a known customer says where the identifier goes that the winner claims too.
    """

    loser: str
    winner: str
    evidence: Identifier
    rule: str
    requested_at: int

    @property
    def key(self) -> str:
        """The loser's id: only its own partition may read its state."""
        return self.loser


class CustomerMoved(msgspec.Struct, kw_only=True):
    """The loser's hot record (`state`, MessagePack) on its way to the winner, by `rule`, because of `evidence`.

    `moved_at` is when that was known, so that what is asked of the customer at a time is asked of all that is known
    to be theirs at that time; `through` is the customer that it was handed to, when that one had been merged itself
    and sent it on.
    """

    winner: str
    loser: str
    state: bytes
    moved_at: int
    rule: str = ""
    evidence: Identifier | None = None
    through: str | None = None

    @property
    def key(self) -> str:
        """The winner's id."""
        return self.winner


class CustomerTakenOut(msgspec.Struct, kw_only=True):
    """A merge is undone by `rule`: `state` (MessagePack) is what the loser had brought, to be given back.

    `through` is the customer, merged as well, who sent it on.
    """

    winner: str
    loser: str
    state: bytes
    rule: str
    taken_out_at: int
    through: str | None = None

    @property
    def key(self) -> str:
        """The winner's id."""
        return self.winner


class IdentityChange(msgspec.Struct, kw_only=True):
    """The journal of identities: `customer_id` took in `other`, was kept apart from it, or gave it back.

    `rule` names what allowed or forbade it, `evidence` the identifier that spoke for it, None when a person did.
    """

    change_id: str
    outcome: Change
    customer_id: str
    other: str
    rule: str
    evidence: Identifier | None = None
    at: int = 0

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class SessionClosed(msgspec.Struct, kw_only=True):
    """A customer's session is over; `event_id` comes from the session's id, so it stays the same in a replay.

    `channels` counts the events by channel; `threads` are the threads that it was about.
    """

    event_id: str
    customer_id: str
    session_id: str
    started_at: int
    last_at: int
    closed_at: int
    events: int
    channels: dict[str, int] = msgspec.field(default_factory=dict)
    threads: list[str] = msgspec.field(default_factory=list)

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class IntentRecognised(msgspec.Struct, kw_only=True):
    """What the customer wants, as `model` reads it from the event: `confidence` is its probability, 0 to 1."""

    customer_id: str
    event_id: str
    channel: str
    interaction_id: str
    intent: str
    confidence: float
    model: str
    occurred_at: int

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class ActionCommand(msgspec.Struct, kw_only=True):
    """Something to be done for a customer, once; `action_id` stays the same when events are replayed.

    `attempt_key`, `step` and `occurrence` (from 0) name the place in the strategy; `event_id` is the event
    that caused it, None for a timer; after `expires_at` it must not be carried out any more.
    """

    action_id: str
    customer_id: str
    kind: ActionKind
    lane: Lane
    body: ActionBody
    strategy_id: str
    strategy_version: int
    attempt_key: str
    step: str
    occurrence: int
    event_id: str | None = None
    interaction_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    decided_at: int = 0
    expires_at: int | None = None

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class ActionReceipt(msgspec.Struct, kw_only=True):
    """What became of an action, from whoever carries it out; `detail` is one line for people."""

    action_id: str
    customer_id: str
    status: ReceiptStatus
    at: int
    detail: str | None = None

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


class Reason(msgspec.Struct, kw_only=True):
    """Why a decision went so: the condition's text or the gate's name, whether it held, and what it saw."""

    rule: str
    held: bool
    values: dict[str, str] = msgspec.field(default_factory=dict)


class Decision(msgspec.Struct, kw_only=True):
    """One evaluation of a strategy's step: fired (with its actions), suppressed or in error, and why.

    `shadow` is an evaluation beside the version that runs: `action_ids` are those that its actions would have had.
    `cancelled` is an attempt that a change of its strategy has ended.
    """

    decision_id: str
    customer_id: str
    outcome: Outcome
    strategy_id: str
    strategy_version: int
    attempt_key: str
    step: str
    event_id: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    decided_at: int = 0
    action_ids: list[str] = msgspec.field(default_factory=list)
    reasons: list[Reason] = msgspec.field(default_factory=list)

    @property
    def key(self) -> str:
        """The customer's id."""
        return self.customer_id


Output = (
    IdentityLink
    | IdentifierErased
    | IdentifiedInteraction
    | MergeRequested
    | CustomerMoved
    | CustomerTakenOut
    | IdentityChange
    | SessionClosed
    | IntentRecognised
    | ActionCommand
    | ActionReceipt
    | Decision
    | Request
    | Row
)
"""What folds put out: records for topics, and rows for the tables beside the hot record."""
