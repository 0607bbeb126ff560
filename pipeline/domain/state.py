"""Everything about one customer that a decision needs, in one record: the hot record, and what conditions
call it.

The fields are the published vocabulary of strategies (`session.events`, `thread.facts.order_id`, …). Structs
that are stored are MessagePack arrays: fields are only ever appended, and every collection has a bound.
Times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Attachment, Identifier, Scalar
from pipeline.domain.strategies.cel.types import Timestamp

GOING_ON = 16
THREADS = 8
THREAD_FACTS = 32
REFS = 32
ATTACHMENTS = 16
ADVISERS = 8
STEPS_DONE = 32
ABOUT = 24
ORDERS = 20
ORDER_FACTS = 32
ATTEMPTS = 32
COUNTED = 20
KEPT = 16
ACTIONS = 16
ABSORBED = 128
HELD = 32
APART = 32
EARLY = 8
TOLD = 16
DISPUTED = 16
TEXT = 256
"""Characters kept of any text in the hot record."""
NAME = 128
"""Characters kept of the name of something: of a queue, an adviser, a reference."""


class GoingOn(msgspec.Struct, array_like=True):
    """`interaction`: one visit, call, chat or form attempt, from its first event until it ends or goes quiet.

    `kind` is its last event's kind, `step` where the customer is in it (for a form `form/field`), `events`
    how many there were; `thread_id` is the thread that it belongs to, when it said what it is about. `queue` is
    what the customer waits in, since `queued_at`, or None; `adviser` is who talks to them. Both come from the
    desk's latest event, at `desk_at`.
    """

    channel: str
    interaction_id: str
    started_at: Timestamp
    last_at: Timestamp
    kind: str = ""
    step: str | None = None
    events: int = 0
    ended: bool = False
    thread_id: str | None = None
    queue: str | None = None
    queued_at: Timestamp | None = None
    adviser: str | None = None
    desk_at: Timestamp = -1


class Session(msgspec.Struct, array_like=True):
    """`session`: all that the customer does close in time, across channels.

    `channels` counts the events by channel; it closes when nothing has happened until `closes_at`.
    """

    session_id: str
    started_at: Timestamp
    last_at: Timestamp
    closes_at: Timestamp
    events: int = 0
    channels: dict[str, int] = msgspec.field(default_factory=dict)


class Told(msgspec.Struct, array_like=True, frozen=True):
    """When a fact was told, and in which interaction (`channel:interaction_id`)."""

    at: Timestamp
    by: str


class Thread(msgspec.Struct, array_like=True):
    """`thread`: what the customer wants, under one id that can be quoted; it outlives sessions.

    `facts` were told once and are not asked for again; `steps_done` are `strategy/step` in the order in
    which they were carried out. `intent` is what the customer wants, as far as it was recognised, with a
    `confidence` of 0 to 1; `refs` are names by which others know the thread: its interactions
    (`channel:interaction_id`), `case:4711`, `order:1001`, `message:` and the id of one sent or answered.
    `attachments` are what was sent along, `advisers` who handled it, the latest last. `told` has the origin of
    each fact, `subject_at` when the subject was given, `verdict_at` when it was last said whether the thread is
    resolved; `counted_as` is the name under which the history counts it.
    """

    thread_id: str
    opened_at: Timestamp
    last_at: Timestamp
    subject: str | None = None
    facts: dict[str, Scalar] = msgspec.field(default_factory=dict)
    channels: list[str] = msgspec.field(default_factory=list)
    steps_done: list[str] = msgspec.field(default_factory=list)
    resolved: bool = False
    resolved_at: Timestamp | None = None
    intent: str | None = None
    confidence: float = 0.0
    refs: list[str] = msgspec.field(default_factory=list)
    attachments: list[Attachment] = msgspec.field(default_factory=list)
    advisers: list[str] = msgspec.field(default_factory=list)
    verdict_at: Timestamp = -1
    told: dict[str, Told] = msgspec.field(default_factory=dict)
    subject_at: Timestamp | None = None
    counted_as: str | None = None


class About(msgspec.Struct, array_like=True):
    """How often a customer came about one thing: threads, those of them resolved, when they spoke of it last, and
    when it was resolved last.
    """

    times: int = 0
    resolved: int = 0
    last_at: Timestamp | None = None
    resolved_at: Timestamp | None = None


class Stated(msgspec.Struct, array_like=True, frozen=True):
    """A preference in the customer's own words, and when it was stated."""

    at: Timestamp
    value: str


class History(msgspec.Struct, array_like=True):
    """`history`: the customer over the years, in counters.

    `contacts` counts interactions, `channels` the same by channel; `orders` holds what the system of record
    told about the latest orders, by order id, with `status` (the kind of the last event) and `status_at`;
    `about` counts by intent (by subject where none was recognised), `last_adviser` is who helped last, at
    `last_adviser_at`; `stated` are preferences that the customer told (`channel`, `language`).
    """

    contacts: int = 0
    channels: dict[str, int] = msgspec.field(default_factory=dict)
    first_contact_at: Timestamp | None = None
    last_contact_at: Timestamp | None = None
    last_channel: str | None = None
    threads_opened: int = 0
    threads_resolved: int = 0
    orders: dict[str, dict[str, Scalar]] = msgspec.field(default_factory=dict)
    about: dict[str, About] = msgspec.field(default_factory=dict)
    last_adviser: str | None = None
    last_adviser_at: Timestamp | None = None
    stated: dict[str, Stated] = msgspec.field(default_factory=dict)


class Customer(msgspec.Struct):
    """`customer`: the profile as conditions see it, with defaults where the system of record says nothing."""

    id: str
    known: bool = False
    name: str | None = None
    tier: str | None = None
    value: float = 0.0
    postcode: str | None = None
    timezone: str | None = None
    language: str | None = None
    consent: dict[str, bool] = msgspec.field(default_factory=dict)
    preferences: dict[str, str] = msgspec.field(default_factory=dict)


class Seen(msgspec.Struct, array_like=True):
    """An identifier that the customer was seen under, and when last."""

    identifier: Identifier
    last_at: int


class Anchor(msgspec.Struct, array_like=True, frozen=True):
    """What is remembered of an event that a later step goes back to: enough to answer it and to name it."""

    event_id: str
    channel: str
    kind: str
    interaction_id: str
    occurred_at: int
    reply_to: str | None = None


class Kept(msgspec.Struct, array_like=True, frozen=True):
    """What a held step keeps of its event besides the anchor: what its actions may read when they go out."""

    text: str | None = None
    subject: str | None = None
    language: str | None = None
    facts: dict[str, Scalar] = msgspec.field(default_factory=dict)
    attributes: dict[str, Scalar] = msgspec.field(default_factory=dict)


class Wait(msgspec.Struct, array_like=True):
    """A step that waits: due at `due` (None: nothing to wait for), because of `anchor`.

    `due` includes the grace for late events. `stopped_at` is when the awaited event happened last; what
    happened before it starts no new wait.

    A step that is `held` has had its moment and is carried out when what holds it is over: it is looked at again
    with every event of the customer and at `due`, not after `until`. `branch` is the one that it has taken, `sent`
    are the positions of those of its actions that are out. `held_by` is all that holds it, where that is a `time`
    or a `call`: until that is over events need not look. `counted` holds when the events happened that a step
    counts.
    """

    due: int | None = None
    anchor: Anchor | None = None
    stopped_at: int = -1
    held: bool = False
    until: int | None = None
    branch: int = 0
    sent: list[int] = msgspec.field(default_factory=list)
    counted: list[int] = msgspec.field(default_factory=list)
    kept: Kept | None = None
    held_by: str = ""


class Attempt(msgspec.Struct, array_like=True):
    """One run of a strategy for one customer and one business key.

    `owner` is the customer id under which it began (it stays when customers are merged), `done` counts how
    often each step has been carried out, `noted` holds per step a checksum of the reason recorded last, so that
    the same suppression is not recorded over and over.
    """

    strategy_id: str
    version: int
    key: str
    owner: str
    started_at: int
    entry: Anchor
    thread_id: str | None = None
    done: dict[str, int] = msgspec.field(default_factory=dict)
    waits: dict[str, Wait] = msgspec.field(default_factory=dict)
    noted: dict[str, int] = msgspec.field(default_factory=dict)
    ended_at: int | None = None


class Early(msgspec.Struct, array_like=True, frozen=True):
    """An intent that was recognised in an event which has not come yet: the event's fingerprint (`mark`) and its
    interaction (`channel:interaction_id`).
    """

    mark: bytes
    interaction: str
    intent: str
    confidence: float


class CustomerState(msgspec.Struct, array_like=True):
    """The hot record of one customer.

    `merged_into` names the customer that has taken over, `absorbed` those that this one has taken over;
    `sessions` are those not closed yet (two only while a late event may still join them); `recent` holds the
    events seen last (see `recent`) and `forgotten_at` is the newest time dropped from it; `actions` holds the
    latest action ids with their last receipt; `noted` as in Attempt, for entries; `next_due` is when to look
    whether something must happen without an event, no later than it must. `before_merge` is what a customer who
    has been merged brought along (MessagePack), `apart` are customers with whom a merge was undone or refused;
    nothing that happened up to `erased_at` is taken in. `held` has fingerprints of identifiers that have a row in
    the `identifiers` table without being in `identifiers`. `early` are intents that wait for their events,
    `spent` is what caps count (see `ledger`). While `holding` is false no attempt has a step that an event
    could let go.
    `disputed` are identifiers that other known customers claim as well, the last ones. `circumstances` are
    those that have begun for the customer, each with when to look whether it is over.
    """

    customer_id: str
    known: bool = False
    merged_into: str | None = None
    profile: Profile | None = None
    sessions: list[Session] = msgspec.field(default_factory=list)
    going_on: dict[str, GoingOn] = msgspec.field(default_factory=dict)
    threads: list[Thread] = msgspec.field(default_factory=list)
    history: History = msgspec.field(default_factory=History)
    attempts: dict[str, Attempt] = msgspec.field(default_factory=dict)
    identifiers: dict[str, Seen] = msgspec.field(default_factory=dict)
    recent: bytes = b""
    forgotten_at: int = -1
    actions: dict[str, str] = msgspec.field(default_factory=dict)
    noted: dict[str, int] = msgspec.field(default_factory=dict)
    absorbed: list[str] = msgspec.field(default_factory=list)
    next_due: int | None = None
    before_merge: bytes = b""
    apart: list[str] = msgspec.field(default_factory=list)
    erased_at: int = -1
    held: bytes = b""
    early: list[Early] = msgspec.field(default_factory=list)
    spent: bytes = b""
    holding: bool = False
    disputed: list[Identifier] = msgspec.field(default_factory=list)
    circumstances: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def session(self) -> Session | None:
        """The session going on, None when there is none."""
        return self.sessions[-1] if self.sessions else None


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(CustomerState)


def encode(state: CustomerState) -> bytes:
    """The state as MessagePack."""
    return _encoder.encode(state)


def decode(raw: bytes) -> CustomerState:
    """The state from MessagePack; raises msgspec.DecodeError when `raw` is not one."""
    return _decoder.decode(raw)


def add_early(state: CustomerState, early: Iterable[Early]) -> None:
    """Keep recognised intents until their events come, each once, the last ones beyond the bound."""
    added = [one for one in early if one not in state.early]
    state.early = [*state.early, *added][-EARLY:]


def add_disputed(state: CustomerState, identifiers: Iterable[Identifier]) -> None:
    """Keep identifiers that others claim as well, each once, the last ones beyond the bound."""
    disputed = {one.key: one for one in (*state.disputed, *identifiers)}
    state.disputed = [*disputed.values()][-DISPUTED:]


def cut(value: Scalar) -> Scalar:
    """The value as the hot record keeps it: texts no longer than `TEXT` characters."""
    return value[:TEXT] if isinstance(value, str) else value


def short(name: str) -> str:
    """The name as the hot record keeps it."""
    return name[:NAME]


def customer_view(state: CustomerState) -> Customer:
    """The customer as conditions and templates see them."""
    profile = state.profile
    if profile is None:
        view = Customer(id=state.customer_id, known=state.known)
    else:
        view = Customer(
            id=state.customer_id,
            known=state.known,
            name=profile.name,
            tier=profile.tier,
            value=profile.value,
            postcode=profile.postcode,
            timezone=profile.timezone,
            language=profile.language,
            consent=profile.consent,
            preferences=profile.preferences,
        )
    if state.history.stated:
        view.preferences = preferences(state)
        view.language = view.preferences.get("language", view.language)
    return view


def preferences(state: CustomerState) -> dict[str, str]:
    """What the customer prefers (`channel`, `language` …): of the profile and their own words, the later."""
    profile = state.profile
    known, since = (profile.preferences, profile.updated_at) if profile else ({}, 0)
    stated = state.history.stated.items()
    return known | {name: one.value for name, one in stated if name not in known or one.at >= since}
