"""How large a hot record gets: of somebody ordinary after a year, and of somebody there is no end to."""

from __future__ import annotations

import pytest
from domain_values import DAY, HOUR, NOW, NUMBER, SECOND, SMS, event, profile, rules

from pipeline.domain import state as states
from pipeline.domain.ids import fingerprint
from pipeline.domain.interactions import Attachment, Identifier, Interaction
from pipeline.domain.messages import IdentifiedInteraction
from pipeline.domain.recent import seen
from pipeline.domain.replay import Replay
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import CustomerState

ORDINARY_BYTES = 4 * 1024
EXTRAORDINARY_BYTES = 256 * 1024
ROWS_AN_EVENT = 2

HELP = """
strategy: help
version: 1
title: Help
lane: service_reply
entry: {on: web.form_submitted}
key: event.interaction_id
steps:
  - {id: ticket, on: web.form_submitted, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
  - {id: after, on: web.never, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
"""
LIVE = rules(HELP)
PRIMARY = {
    "web": Identifier("device", "9f1c2e77-51aa-4c0e-9a5e-0d7c2f4b6a11", "observed"),
    "social": Identifier("social", "facebook:7361004", "asserted"),
    "voice": SMS,
    "email": Identifier("email", "maya@example.com", "asserted"),
}
"""What an ordinary customer is seen under, by channel."""


def a_year() -> list[Interaction]:
    """50 interactions of a few events, one a week: five orders, three things to be sorted out, ten forms sent."""
    story: list[Interaction] = []
    for number in range(50):
        at, channel = NOW + number * 7 * DAY, tuple(PRIMARY)[number % 4]
        about = {"order_id": f"1{number // 20:03d}", "size": "M", "reason": "wrong_size"}
        told = [PRIMARY[channel], NUMBER] if channel == "web" else [PRIMARY[channel]]
        for step in range(5):
            kind = "form_submitted" if channel == "web" and step == 4 and number < 40 else "message"
            story.append(
                event(
                    f"6f9619ff-8b86-4011-b42d-{number:06d}{step:06d}",
                    at + step * 20 * SECOND,
                    kind,
                    channel,
                    interaction_id=f"{channel}-4c0e-9a5e-{number:08d}",
                    identifiers=told,
                    facts=about if step == 2 else {},
                )
            )
        if number % 10 == 0:
            story.append(
                event(
                    f"order-{number}",
                    at + HOUR,
                    "delivered",
                    "order",
                    interaction_id=f"1{number:03d}",
                    identifiers=[NUMBER],
                    facts={"order_id": f"1{number:03d}", "size_ordered": "M", "size_sent": "L"},
                    attributes={"carrier": "dpd", "delivery_charge": 4.95, "currency": "GBP"},
                )
            )
    return story


def state_of(replay: Replay, customer_id: str) -> CustomerState:
    state = replay.customer(customer_id)
    assert state is not None
    return state


def test_an_ordinary_customer_after_a_year() -> None:
    replay = Replay(LIVE, NOW)
    replay.fold(profile(timezone="Europe/London", language="en", identifiers=list(PRIMARY.values())))
    for one in a_year():
        replay.advance(one.occurred_at)
        replay.fold(one)
    replay.advance(replay.now + DAY)
    state = state_of(replay, "C-1")
    assert state.history.contacts == 50
    assert (len(state.history.orders), len(state.threads), len(state.attempts)) == (5, 3, 10)
    assert len(states.encode(state)) < ORDINARY_BYTES


def a_heavy_event(number: int) -> Interaction:
    """Everything that an event can bring, each time under other names and about something else."""
    channel = ("web", "social", "voice", "email", "chat", "sms")[number % 6]
    return event(
        f"event-{number}",
        NOW + number * SECOND,
        ("form_submitted", "message", "answered")[number % 3],
        channel,
        interaction_id=f"{channel}-{number}",
        identifiers=[
            Identifier(("device", "email", "phone", "chat")[number % 4], f"name-{number % 500}", "verified"),
            Identifier("loyalty_card", f"card-{number % 500}", "asserted"),
        ],
        text="x" * 2_000,
        subject=f"subject {number} " + "s" * 1_000,
        facts={"order_id": f"order-{number % 1_000}"}
        | {f"fact-{number % 7}-{n}": "f" * 500 for n in range(8)},
        attributes={"adviser": f"adviser-{number}", "form": "f" * 500, "case": f"case-{number}"},
        attachments=[Attachment(f"https://files.example.com/{number}", "image/png", 9)],
    )


def heavy(events: int, replay: Replay) -> list[int]:
    """The sizes of the record after each of the last hundred of so many events and 200 orders."""
    sizes = []
    for number in range(events):
        one = a_heavy_event(number)
        replay.now = one.occurred_at
        replay.step(IdentifiedInteraction(customer_id="C-1", known=True, resolved_by="x", interaction=one))
        if number >= events - 100:
            sizes.append(len(states.encode(state_of(replay, "C-1"))))
    return sizes


@pytest.fixture(scope="module")
def giant() -> Replay:
    """A customer with a thousand threads and as many attempts, 500 identifiers and 200 orders."""
    replay = Replay(LIVE, NOW)
    replay.fold(profile())
    for number in range(200):
        order = event(
            f"order-{number}",
            NOW + number,
            "delivered",
            "order",
            identifiers=[NUMBER],
            facts={"order_id": f"o-{number}"} | {f"fact-{n}": "v" * 500 for n in range(40)},
        )
        replay.fold(order)
    heavy(3_000, replay)
    return replay


def test_an_extraordinary_customer_stays_bounded(giant: Replay) -> None:
    before = len(states.encode(state_of(giant, "C-1")))
    sizes = heavy(6_000, giant)
    assert max(sizes) < EXTRAORDINARY_BYTES
    assert max(sizes) < before * 1.1


def test_an_event_of_theirs_writes_no_more_rows_than_anybodys(giant: Replay) -> None:
    kept = set(giant.rows)
    last = a_heavy_event(10_000)
    giant.now = last.occurred_at
    giant.step(IdentifiedInteraction(customer_id="C-1", known=True, resolved_by="x", interaction=last))
    new = [row for key, row in giant.rows.items() if key not in kept]
    assert [type(row) for row in new].count(HistoryEntry) == 1
    assert len(new) <= ROWS_AN_EVENT


def test_only_the_last_events_are_remembered_and_after_a_week_none() -> None:
    replay = Replay(LIVE, NOW)
    replay.fold(event("first", NOW, identifiers=[NUMBER]))
    state = state_of(replay, "C-1")
    assert seen(state, fingerprint("first"))
    replay.advance(NOW + 8 * DAY)
    replay.fold(event("last", NOW + 8 * DAY, identifiers=[NUMBER]))
    replay.advance(NOW + 9 * DAY)
    state = state_of(replay, "C-1")
    assert not seen(state, fingerprint("first"))
    assert state.forgotten_at == NOW
    replay.fold(event("first", NOW, identifiers=[NUMBER]))
    assert state_of(replay, "C-1").history.contacts == 2
