"""What the customer is doing now, and what the desk does about it."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DAY, MINUTE, NOW, event, folded, rules

from pipeline.domain.customer import fire
from pipeline.domain.interactions import Interaction
from pipeline.domain.merging import absorb
from pipeline.domain.messages import ActionCommand, Output
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import GOING_ON, CustomerState
from pipeline.domain.strategies.compiled import Rules


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def entries(outputs: list[Output]) -> list[HistoryEntry]:
    return [one for one in outputs if isinstance(one, HistoryEntry)]


def call(name: str, at: int, kind: str = "call_started", **more: Any) -> Interaction:
    return event(name, at, kind=kind, channel="voice", interaction_id="call", **more)


def test_what_the_customer_is_doing_now(none: Rules) -> None:
    state = CustomerState("C-1")
    form = {"form": "return", "field": "size"}
    folded(state, event("a", kind="form_field", interaction_id="f", attributes=form), none)
    folded(state, event("b", NOW + 1, kind="checkout_step", attributes={"step": 2}), none)
    assert state.going_on["web:f"].step == "return/size"
    assert state.going_on["web:visit"].step == "2"
    folded(state, event("c", NOW + 2, kind="form_submitted", interaction_id="f", ended=True), none)
    assert state.going_on["web:f"].ended
    assert state.going_on["web:f"].events == 2
    folded(state, event("d", NOW + 1, kind="form_field", interaction_id="f", received_at=NOW + 3), none)
    assert state.going_on["web:f"].kind == "form_submitted"


def test_interactions_are_bounded_and_the_quietest_goes_first(none: Rules) -> None:
    state = CustomerState("C-1")
    for at in range(GOING_ON + 3):
        folded(state, event(f"e{at}", NOW + at, interaction_id=f"i{at}"), none)
    assert list(state.going_on) == [f"web:i{at}" for at in range(3, GOING_ON + 3)]


def test_whom_the_customer_waits_for_and_talks_to(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW), none)
    folded(state, call("b", NOW + 1, "queued", attributes={"queue": "billing"}), none)
    talk = state.going_on["voice:call"]
    assert (talk.queue, talk.queued_at, talk.adviser) == ("billing", NOW + 1, None)
    folded(state, call("c", NOW + 2, "adviser_joined", attributes={"adviser": "ada"}), none)
    talk = state.going_on["voice:call"]
    assert (talk.queue, talk.queued_at, talk.adviser) == (None, None, "ada")
    folded(state, call("d", NOW + 3, "queued", attributes={"queue": "tech"}), none)
    assert (state.going_on["voice:call"].queue, state.going_on["voice:call"].adviser) == ("tech", None)
    folded(state, call("e", NOW + 4, "call_ended", ended=True), none)
    assert (state.going_on["voice:call"].queue, state.history.last_adviser) == (None, "ada")


def test_the_desk_may_be_heard_in_any_order(none: Rules) -> None:
    events = [
        call("a", NOW),
        call("b", NOW + 1, "queued", attributes={"queue": "billing"}),
        call("c", NOW + 2, "answered", attributes={"adviser": "ada"}),
        call("d", NOW + 3, "adviser_left", attributes={"adviser": "ada"}),
        call("e", NOW + 4, "adviser_joined", attributes={"adviser": "ben"}),
    ]
    for order in permutations(events):
        state = CustomerState("C-1")
        for one in order:
            folded(state, one, none, now=NOW + 5)
        talk = state.going_on["voice:call"]
        assert (talk.queue, talk.adviser, state.history.last_adviser) == (None, "ben", "ben")


def test_the_desks_work_on_an_email_is_no_contact(none: Rules) -> None:
    state = CustomerState("C-1")
    mail = {"channel": "email", "interaction_id": "m"}
    folded(state, event("a", kind="message", text="hello", **mail), none)
    taken = event("b", NOW + MINUTE, kind="adviser_joined", attributes={"adviser": "ada"}, **mail)
    (entry,) = entries(folded(state, taken, none))
    assert (entry.session_id, entry.adviser) == (None, "ada")
    assert entry.thread_id == state.threads[0].thread_id
    assert (state.history.contacts, state.sessions[0].events) == (1, 1)
    assert state.going_on["email:m"].adviser == "ada"
    fire(state, NOW + DAY, none)
    folded(state, event("c", NOW + DAY, kind="resolved", **mail), none)
    assert state.threads[0].resolved
    assert (state.history.contacts, state.sessions, state.going_on) == (1, [], {})


def test_conditions_can_ask_what_goes_on_on_other_channels() -> None:
    live = rules(
        """
strategy: on-a-call
version: 1
title: On a call
lane: service_reply
entry: {on: web.page_viewed, when: 'interactions.exists(one, one.channel == "voice" && !one.ended)'}
key: event.event_id
steps: [{id: a, on: entry, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}]
"""
    )
    state = CustomerState("C-1")
    for name, one, wanted in (
        ("page before", event("1", NOW), 0),
        ("call", call("2", NOW + 1), 0),
        ("page in the call", event("3", NOW + 2), 1),
        ("hang-up", call("4", NOW + 3, "call_ended", ended=True), 0),
        ("page after it", event("5", NOW + 4), 0),
    ):
        commands = [out for out in folded(state, one, live) if isinstance(out, ActionCommand)]
        assert len(commands) == wanted, name


def test_an_interaction_of_two_customers_who_are_one_is_one_contact(none: Rules) -> None:
    one, other = CustomerState("C-1"), CustomerState("p-1")
    folded(one, call("a", NOW), none)
    folded(other, call("b", NOW + 1, "queued", attributes={"queue": "billing"}), none)
    absorb(one, other)
    assert (one.history.contacts, one.history.channels) == (1, {"voice": 1})
    assert (one.going_on["voice:call"].events, one.going_on["voice:call"].queue) == (2, "billing")


def test_an_adviser_who_has_left_talks_to_nobody(none: Rules) -> None:
    state = CustomerState("C-1")
    ada = {"adviser": "ada"}
    folded(state, call("a", NOW, "answered", attributes=ada), none)
    assert state.going_on["voice:call"].adviser == "ada"
    folded(state, call("b", NOW + 1, "adviser_left", attributes=ada), none)
    assert state.going_on["voice:call"].adviser is None
    folded(state, call("c", NOW + 2, "queued", attributes={**ada, "queue": "tech"}), none)
    assert (state.going_on["voice:call"].adviser, state.history.last_adviser) == (None, "ada")
