"""History: the customer over the years, in counters."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DAY, NOW, SECOND, event, folded, profile, rules

from pipeline.domain.delivery import choose
from pipeline.domain.history import ORDER, add_history, count_about, topic
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionCommand
from pipeline.domain.state import ABOUT, CustomerState, History, Thread, customer_view
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.threads import resolve, set_intent


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def call(name: str, at: int, subject: str, **more: Any) -> Interaction:
    values = {"interaction_id": name, "text": "hello", "subject": subject, **more}
    return event(name, at, kind="call_started", channel="voice", **values)


@pytest.mark.parametrize("subject", ["Billing", " re: billing", "RE: AW: Fwd:  BILLING "])
def test_a_subject_is_the_same_however_it_is_written(subject: str) -> None:
    assert topic(subject) == "billing"
    assert topic("Re: ") is None


def test_how_often_about_what_and_whether_it_was_resolved(none: Rules) -> None:
    state = CustomerState("C-1")
    for at in range(3):
        folded(state, call(f"b{at}", NOW + at * 30 * DAY, "Billing"), none)
        resolve(state, state.threads[0], NOW + at * 30 * DAY + 1) if at < 2 else None
    folded(state, call("c", NOW + 90 * DAY, "Delivery", facts={ORDER: "9"}), none)
    billing, delivery = state.history.about["billing"], state.history.about["delivery"]
    assert (billing.times, billing.resolved, billing.last_at) == (3, 2, NOW + 60 * DAY)
    assert billing.resolved_at == NOW + 30 * DAY + 1
    assert (delivery.times, delivery.resolved, delivery.resolved_at) == (1, 0, None)


def test_conditions_can_ask_how_often() -> None:
    live = rules(
        """
strategy: again
version: 1
title: Again
lane: service_reply
entry:
  on: voice.call_started
  when: '"billing" in history.about && history.about["billing"].times >= 2 && history.about["billing"].resolved > 0'
key: event.event_id
steps: [{id: a, on: entry, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}]
"""
    )
    state = CustomerState("C-1")
    assert not any(isinstance(one, ActionCommand) for one in folded(state, call("a", NOW, "Billing"), live))
    resolve(state, state.threads[0], NOW + 1)
    again = folded(state, call("b", NOW + 400 * DAY, "billing"), live)
    assert any(isinstance(one, ActionCommand) for one in again)


def test_a_thread_whose_intent_is_recognised_is_moved_and_not_counted_twice(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW, "A question"), none)
    resolve(state, state.threads[0], NOW + 1)
    for intent in ("billing", "billing", "refund"):
        set_intent(state, state.threads[0], intent, 0.9)
        count_about(state.history, state.threads[0])
        assert {name: one.times for name, one in state.history.about.items()} == {intent: 1}
        assert (state.history.about[intent].resolved, state.history.about[intent].resolved_at) == (1, NOW + 1)


def test_what_the_customer_came_about_longest_ago_is_forgotten_first(none: Rules) -> None:
    state = CustomerState("C-1")
    for at in range(ABOUT + 3):
        folded(state, call(f"c{at}", NOW + at * 8 * DAY, f"Matter {at}"), none)
    assert [*state.history.about] == [f"matter {at}" for at in range(3, ABOUT + 3)]
    resolve(state, state.threads[-1], NOW + 999 * DAY)
    assert len(state.history.about) == ABOUT


def test_a_preference_that_the_customer_states_counts_at_once(none: Rules) -> None:
    state = CustomerState("C-1", known=True, profile=profile(language="en", updated_at=NOW))
    mail = Identifier("email", "maya@example.com")
    said = {"preferred_channel": "email", "preferred_language": "de"}
    folded(state, event("a", NOW + 1, "message", "email", identifiers=[mail], facts=said), none)
    assert (customer_view(state).preferences, customer_view(state).language) == (
        {"channel": "email", "language": "de"},
        "de",
    )
    delivery = choose(state, "service", lambda channel: channel in ("sms", "email"), in_use_first=False)
    assert delivery is not None
    assert delivery.channel == "email"
    state.profile = profile(language="en", updated_at=NOW + DAY)
    assert customer_view(state).preferences["channel"] == "sms"


def test_what_is_no_channel_is_no_preference(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a", facts={"preferred_channel": "pigeon", "preferred_language": 5}), none)
    assert (customer_view(state).preferences, state.history.stated) == ({}, {})


def test_the_counters_do_not_depend_on_the_order(none: Rules) -> None:
    parts = []
    for at in range(3):
        state = CustomerState(f"C-{at}")
        later = NOW + at % 2 * SECOND
        folded(state, call(f"a{at}", later, "Billing", attributes={"adviser": f"a{at}"}), none)
        folded(state, event(f"b{at}", later, facts={"preferred_channel": ("sms", "email")[at % 2]}), none)
        joined = {"kind": "answered", "channel": "voice", "interaction_id": f"a{at}"}
        folded(state, event(f"c{at}", later, attributes={"adviser": f"a{at}"}, **joined), none)
        if at:
            resolve(state, state.threads[0], later)
        parts.append(state.history)
    results = []
    for order in permutations(parts):
        total = History()
        for part in order:
            add_history(total, part)
        results.append(total)
    assert all(result == results[0] for result in results)
    billing = results[0].about["billing"]
    assert (billing.times, billing.resolved, results[0].last_adviser) == (3, 2, "a1")


def test_a_thread_without_subject_or_intent_is_counted_under_nothing() -> None:
    history, thread = History(), Thread("t", NOW, NOW)
    count_about(history, thread)
    assert history.about == {}
    assert thread.counted_as is None
