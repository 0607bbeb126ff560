"""Who a draft could concern: by the event alone, and by what connects events."""

from __future__ import annotations

import pytest

from pipeline.domain.intents import Recognition
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.simulation.connected import NOBODY, Connected
from pipeline.domain.simulation.entries import Entries
from pipeline.domain.simulation.tally import Tallies
from pipeline.domain.simulation.trial import EXAMPLES, Trial
from tests.domain_values import DAY, DEVICE, HOUR, MINUTE, NOW, NUMBER, SECOND, event, profile, rules

STRATEGY = """
strategy: one
version: 1
title: One
lane: service_reply
max_age: 1h
entry:
  on: {on}
  when: {when}
key: event.event_id
steps:
  - {{id: first, on: entry, do: [{{escalate: {{to: desk, reason: "{reason}"}}}}]}}
"""


def entries(when: str, on: str = "[web.page_viewed]") -> Entries:
    live = rules(STRATEGY.format(on=on, when=when, reason="why"))
    return Entries(live.strategies.values())


@pytest.mark.parametrize(
    ("when", "seen"),
    [
        ("event.kind == 'page_viewed'", True),
        ("event.kind == 'login'", False),
        ("customer.known && event.kind == 'login'", True),
        ("event.kind == 'login' && customer.known", False),
        ("event.kind == 'page_viewed' && customer.known", True),
        ("['event.channel == \"web\"', 'event.kind == \"login\"']", False),
        ("['customer.known', 'event.kind == \"login\"']", True),
        ("event.facts.missing == 1", True),
        ("event.facts.missing == 1 && event.kind == 'login'", True),
        ("event.occurred_at > timestamp('2030-01-01T00:00:00Z')", True),
        ("circumstances.size() > 0", True),
    ],
)
def test_only_what_comes_first_and_reads_the_event_alone_rules_an_event_out(when: str, seen: bool) -> None:
    assert entries(when).begins(event("e")) is seen


def test_other_events_are_not_seen_and_too_old_ones_are_recorded() -> None:
    found = entries("event.kind == 'login'")
    assert not found.begins(event("e", kind="search"))
    assert found.begins(event("e", NOW - 2 * HOUR, received_at=NOW))
    assert not found.begins(event("e", NOW - HOUR, received_at=NOW))


def test_every_session_that_ends_is_seen_where_one_begins_with_it() -> None:
    assert entries("session.events > 1", on="[session.closed]").always
    assert not entries("session.events > 1").always


def groups(*events: Interaction, connected: Connected | None = None) -> list[int]:
    connected = connected or Connected()
    nodes = [connected.event(one) for one in events]
    return [node if node == NOBODY else connected.group(node) for node in nodes]


def by(*identifiers: Identifier, **more: str) -> Interaction:
    return event("e", identifiers=list(identifiers), **more)


MAIL, PHONE = Identifier("email", "a@example.com"), Identifier("phone", "+1")
PLACEHOLDER = Identifier("device", "null")


def test_events_are_connected_by_identifiers_also_through_later_ones() -> None:
    one, two, three, four = groups(by(DEVICE), by(MAIL), by(PHONE), by(DEVICE, MAIL))
    assert one == two == four != three


def test_a_profile_connects_too() -> None:
    connected = Connected()
    before = connected.event(by(DEVICE))
    connected.profile(profile(identifiers=[DEVICE, MAIL]))
    found = groups(by(MAIL), by(NUMBER), by(PHONE), connected=connected)
    assert found[0] == found[1] == connected.group(before) != found[2]


def test_what_identifies_nobody_connects_nobody() -> None:
    found = groups(
        by(PLACEHOLDER, interaction_id="a"),
        by(PLACEHOLDER, interaction_id="b"),
        by(PLACEHOLDER, interaction_id="a"),
        by(DEVICE, PLACEHOLDER),
        by(PLACEHOLDER, DEVICE, interaction_id="b"),
    )
    assert found[0] == found[2] != found[1]
    assert found[3] == found[4] == found[1]


def test_an_event_without_identifiers_is_nobodys() -> None:
    assert groups(by()) == [NOBODY]


def trial(active: str, draft: str, *events: Interaction) -> Trial:
    sides = [rules(STRATEGY.format(on="[web.page_viewed]", **part)) for part in (parts(active), parts(draft))]
    found = Trial(*sides, NOW, NOW + DAY)
    found.play([], sorted(events, key=lambda one: one.received_at))
    return found


def parts(text: str) -> dict[str, str]:
    when, _, reason = text.partition(" | ")
    return {"when": when, "reason": reason}


def pages(number: int) -> list[Interaction]:
    return [event(f"e-{at}", NOW + at * MINUTE) for at in range(number)]


def test_more_less_and_other_are_told_apart_by_what_the_customer_gets() -> None:
    every, few = "event.channel == 'web' | a", "event.event_id == 'e-1' | a"
    assert trial(few, every, *pages(3)).customers == {"more": 1}
    assert trial(every, few, *pages(3)).customers == {"less": 1}
    assert trial(few, few.replace("| a", "| b"), *pages(3)).customers == {"other": 1}
    assert trial(every, every, *pages(3)).customers == {}
    (example,) = trial(few, every, *pages(3)).examples["more"]
    assert example.active == []
    assert [one.event_id for one in example.draft] in (["e-0", "e-2"], ["e-1", "e-2"])


def test_an_event_that_is_received_when_its_session_is_over_begins_nothing() -> None:
    late = event("late", NOW, received_at=NOW + 2 * HOUR)
    found = trial("event.channel == 'web' | a", "event.channel == 'web' | a", *pages(1), late)
    assert found.active["one"].attempts == 1


def test_the_examples_are_bounded() -> None:
    every, none = "event.channel == 'web' | a", "event.channel == 'sms' | a"
    found = Trial(
        *(rules(STRATEGY.format(on="[web.page_viewed]", **parts(one))) for one in (none, every)),
        NOW,
        NOW + DAY,
    )
    for number in range(2 * EXAMPLES):
        found.play([], [event(f"{number}", identifiers=[Identifier("device", f"d-{number}")])])
    assert found.customers == {"more": 2 * EXAMPLES}
    assert len(found.examples["more"]) == EXAMPLES


def test_a_login_makes_one_customer_of_two_within_a_trial() -> None:
    login = event("login", NOW + SECOND, kind="login", identifiers=[DEVICE, NUMBER])
    found = trial(
        "customer.known | a", "event.channel == 'web' | a", *pages(1), login, event("e-9", NOW + MINUTE)
    )
    assert found.active["one"].attempts == 1
    assert found.draft["one"].attempts == 2
    (example,) = found.examples["more"]
    assert example.customer_id != "C-1"  # what came before the login was sent to the customer as known then


def test_a_tally_that_is_not_there_is_empty() -> None:
    assert Tallies()["any"].attempts == 0


class Billing:
    """Takes every event that has a text for one about a bill, and notes which it was asked about."""

    name = "billing"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def recognise(self, event: Interaction) -> Recognition | None:
        self.asked.append(event.event_id)
        return None if event.text is None else Recognition("billing", 0.9)


def test_intents_are_read_once_for_both_sides() -> None:
    sides = [
        rules(STRATEGY.format(on="[web.page_viewed]", when=f"thread.intent == '{intent}'", reason="why"))
        for intent in ("billing", "returns")
    ]
    recogniser = Billing()
    found = Trial(*sides, NOW, NOW + DAY, recogniser)
    found.play([], [event("mail", NOW, "message", subject="Bill", text="My bill?"), *pages(2)[1:]])
    assert (found.active["one"].attempts, found.draft["one"].attempts) == (1, 0)
    assert recogniser.asked == ["mail", "e-1"]
