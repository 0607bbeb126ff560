"""Whatever the order of arrival, the duplicates and the moments at which links come: the same customers,
sessions and threads.

What may differ is left out of the comparison, and nothing else:

- the id of a provisional customer: it comes from one of their identifiers, and an identifier that is first heard
  of beside another one makes no customer of its own;
- the id of a thread, and those that it had before (`case:` among its refs): it comes from the event by which it was
  opened, so from the one that arrived first; and the order of what is kept as a list of arrivals;
- what an event that names neither order nor case belongs to. It goes to the customer's only open thread, and
  whether there is one, and only one, is judged when it arrives. So events here name an order or say nothing.
"""

from __future__ import annotations

from random import Random
from typing import Any

from domain_values import MINUTE, NOW, SECOND, event, profile, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.customers import Profile
from pipeline.domain.ids import is_provisional
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import IdentityLink
from pipeline.domain.replay import Replay
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import CustomerState

RULES = rules()
HOUR = 60 * MINUTE
NUMBERS = ("C-1", "C-2", None, None)
"""Four people, two of them known to the system of record."""

Arrival = Interaction | Profile | IdentityLink


def owned(person: int) -> list[Identifier]:
    """The identifiers of one person, nobody else's."""
    return [
        Identifier("device", f"d-{person}a", "observed"),
        Identifier("device", f"d-{person}b", "observed"),
        Identifier("email", f"{person}@example.com", "asserted"),
        Identifier("phone", f"+44207946001{person}", "asserted"),
    ]


@st.composite
def doings(draw: st.DrawFn, at: int) -> Interaction:
    """One event of one of the four, under one of their identifiers; sometimes with another or their number."""
    person = draw(st.integers(0, 3))
    mine = owned(person)
    primary = draw(st.sampled_from(mine))
    named = [primary]
    number = NUMBERS[person]
    if number and draw(st.integers(0, 3)) == 0:
        named.append(Identifier("customer_number", number, "verified"))
    if draw(st.integers(0, 3)) == 0:
        named.append(draw(st.sampled_from([one for one in mine if one is not primary])))
    channel = {"device": "web", "email": "email", "phone": "sms"}[primary.type]
    attempt = draw(st.integers(0, 1))
    told = draw(st.dictionaries(st.sampled_from(["size", "reason"]), st.integers(0, 3), max_size=1))
    return event(
        f"e{at}",
        NOW + at,
        draw(st.sampled_from(["page_viewed", "form_field", "message"])),
        channel,
        interaction_id=f"{primary.value}-{attempt}",
        identifiers=named,
        facts={**told, "order_id": f"{person}00{attempt}"} if told else {},
        received_at=NOW + 2 * MINUTE,
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Interaction]:
    """Up to 14 events within a minute, no two at the same time."""
    moments = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=14)))
    return [draw(doings(at * SECOND)) for at in moments]


def link(identifier: Identifier, number: str) -> IdentityLink:
    return IdentityLink(
        identifier=identifier, customer_id=number, known=True, source="accounts", linked_at=NOW
    )


@st.composite
def evidence(draw: st.DrawFn) -> list[Arrival]:
    """Profiles and links that contradict nothing; in some, the two known people turn out to be one."""
    told: list[Arrival] = []
    if draw(st.integers(0, 3)) == 0:
        told.append(link(Identifier("customer_number", "C-2", "verified"), "C-1"))
    for person, number in enumerate(NUMBERS):
        if number is None:
            continue
        listed = draw(st.sets(st.sampled_from(range(4)), max_size=2))
        if listed or draw(st.booleans()):
            sure = [
                Identifier(owned(person)[n].type, owned(person)[n].value, "verified") for n in sorted(listed)
            ]
            told.append(profile(number, identifiers=sure, updated_at=NOW))
        for n in draw(st.sets(st.sampled_from(range(4)), max_size=1)):
            told.append(link(owned(person)[n], number))
    return told


def played(arrivals: list[Arrival]) -> Replay:
    """All that arrives, in this order and at one moment, while every session is open."""
    replay = Replay(RULES, NOW + 2 * MINUTE)
    replay.fold(*arrivals)
    return replay


def lived(arrivals: list[tuple[int, Arrival]]) -> Replay:
    """All that arrives, each at its time, until the last session is over."""
    replay = Replay(RULES, NOW)
    for at, what in sorted(arrivals, key=lambda one: one[0]):
        replay.advance(at)
        replay.fold(replace(what, received_at=at) if isinstance(what, Interaction) else what)
    replay.advance(replay.now + 3 * HOUR)
    return replay


def owner(replay: Replay, customer_id: str) -> str:
    state = replay.customer(customer_id)
    return owner(replay, state.merged_into) if state is not None and state.merged_into else customer_id


def names(replay: Replay) -> dict[str, str]:
    """A name for every customer with events, after all merges: a provisional one is called by the first event."""
    held: dict[str, list[tuple[int, str]]] = {}
    for row in replay.rows.values():
        if isinstance(row, HistoryEntry):
            held.setdefault(owner(replay, row.customer_id), []).append((row.occurred_at, row.event_id))
    return {one: min(rows)[1] if is_provisional(one) else one for one, rows in held.items()}


def whose(replay: Replay) -> dict[str, str]:
    """Each event's customer after all merges."""
    named = names(replay)
    return {
        row.event_id: named[owner(replay, row.customer_id)]
        for row in replay.rows.values()
        if isinstance(row, HistoryEntry)
    }


def going_on(state: CustomerState) -> dict[str, Any]:
    return {key: (one.started_at, one.last_at, one.events, one.kind) for key, one in state.going_on.items()}


def sessions(state: CustomerState) -> list[Any]:
    return [
        (it.session_id, it.started_at, it.last_at, it.closes_at, it.events, it.channels)
        for it in state.sessions
    ]


def threads(state: CustomerState) -> list[Any]:
    return sorted(
        (
            it.opened_at,
            it.last_at,
            sorted(it.facts.items()),
            sorted(ref for ref in it.refs if not ref.startswith("case:")),
            sorted(it.channels),
            it.resolved,
        )
        for it in state.threads
    )


def closed(replay: Replay) -> list[Any]:
    """The sessions that are over, with the customers who had them."""
    named = names(replay)
    return sorted(
        (
            named[owner(replay, it.customer_id)],
            it.session_id,
            it.started_at,
            it.last_at,
            it.events,
            sorted(it.channels.items()),
        )
        for it in replay.closed
    )


def picture(replay: Replay) -> dict[str, Any]:
    """Everything that must not depend on the order of arrival."""
    shown: dict[str, Any] = {"whose": whose(replay)}
    for customer, name in names(replay).items():
        state = replay.customer(customer)
        assert state is not None
        shown |= {
            f"{name}: known": state.known,
            f"{name}: sessions": sessions(state),
            f"{name}: going on": going_on(state),
            f"{name}: threads": threads(state),
            f"{name}: contacts": (state.history.contacts, state.history.channels),
            f"{name}: identifiers": {key: seen.last_at for key, seen in state.identifiers.items()},
        }
    return shown


@settings(deadline=None, max_examples=150)
@given(stories(), evidence(), st.randoms(use_true_random=False), st.data())
def test_the_order_of_arrival_does_not_matter(
    story: list[Interaction], told: list[Arrival], random: Random, data: st.DataObject
) -> None:
    in_order = [*told, *story]
    again = data.draw(st.lists(st.sampled_from(story), max_size=5))
    shuffled = [*in_order, *again]
    random.shuffle(shuffled)
    assert picture(played(shuffled)) == picture(played(in_order))


GAPS = (
    SECOND,
    8 * SECOND,
    15 * MINUTE,
    29 * MINUTE + 55 * SECOND,
    30 * MINUTE + SECOND,
    31 * MINUTE,
    2 * HOUR,
)


@st.composite
def days(draw: st.DrawFn) -> list[Interaction]:
    """Events of the four over hours, in order, around the ends of sessions."""
    at, story = 0, []
    for gap in draw(st.lists(st.sampled_from(GAPS), min_size=2, max_size=14)):
        at += gap
        story.append(draw(doings(at)))
    return story


@settings(deadline=None, max_examples=100)
@given(days(), evidence(), st.data())
def test_within_the_grace_sessions_are_what_they_would_be_in_order(
    story: list[Interaction], told: list[Arrival], data: st.DataObject
) -> None:
    first = [(NOW, one) for one in told]
    delays = data.draw(st.lists(st.integers(0, GRACE_MS), min_size=len(story), max_size=len(story)))
    late = [(one.occurred_at + delay, one) for one, delay in zip(story, delays, strict=True)]
    twice = [(at + data.draw(st.integers(0, 2 * HOUR)), one) for at, one in late if data.draw(st.booleans())]
    in_order = lived([*first, *((one.occurred_at, one) for one in story)])
    shuffled = lived([*first, *late, *twice])
    assert closed(shuffled) == closed(in_order)
    assert whose(shuffled) == whose(in_order)


@settings(deadline=None, max_examples=100)
@given(days(), evidence(), st.data())
def test_it_does_not_matter_when_a_link_comes(
    story: list[Interaction], told: list[Arrival], data: st.DataObject
) -> None:
    """For whom an event is; a session that was closed before its customer was known stays as it was."""
    events = [(one.occurred_at, one) for one in story]
    until = story[-1].occurred_at
    anywhen = [(data.draw(st.integers(NOW, until)), one) for one in told]
    assert whose(lived([*events, *anywhen])) == whose(lived([*((NOW, one) for one in told), *events]))
