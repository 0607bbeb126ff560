"""Sessions and the interactions in them."""

from __future__ import annotations

import pytest
from domain_values import HOUR, MINUTE, NOW, SECOND, event, folded, rules

from pipeline.domain.customer import fire
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.sessions import GAP_MS, GRACE_MS
from pipeline.domain.state import GOING_ON, CustomerState, remembered
from pipeline.domain.strategies.compiled import Rules


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def test_events_within_the_gap_are_one_session_across_channels(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    folded(state, event("b", NOW + 29 * MINUTE, kind="message", channel="chat", interaction_id="c"), none)
    (session,) = state.sessions
    assert (session.started_at, session.last_at, session.events) == (NOW, NOW + 29 * MINUTE, 2)
    assert session.channels == {"web": 1, "chat": 1}
    assert session.closes_at == NOW + 44 * MINUTE
    assert state.history.contacts == 2


def test_an_event_after_the_gap_is_another_session(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    first = state.sessions[0].session_id
    folded(state, event("b", NOW + GAP_MS["web"] + 1), none)
    assert state.session is not None
    assert state.session.session_id != first
    assert state.session.events == 1


def test_a_timer_closes_the_session_after_gap_and_grace(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    due = NOW + GAP_MS["web"] + GRACE_MS
    assert state.next_due == due
    fire(state, due - 1, none)
    assert state.session is not None
    fire(state, due, none)
    assert state.session is None
    assert state.going_on == {}
    assert state.next_due is None


def test_a_late_event_bridges_two_sessions(none: Rules) -> None:
    """Within the grace the session is what it would have been in order."""
    events = [
        event("a"),
        event("b", NOW + 25 * MINUTE),
        event("c", NOW + 30 * MINUTE + 5 * SECOND, received_at=NOW + 30 * MINUTE + 5 * SECOND),
    ]
    states = []
    for order in ((0, 1, 2), (0, 2, 1), (2, 0, 1)):
        state = CustomerState("C-1")
        for at in order:
            folded(state, events[at], none, now=NOW + 30 * MINUTE + 6 * SECOND)
        states.append(state)
    assert all(len(state.sessions) == 1 for state in states)
    assert {state.sessions[0].session_id for state in states} == {states[0].sessions[0].session_id}
    assert {state.sessions[0].events for state in states} == {3}


def test_an_event_after_the_grace_goes_to_the_history_only(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a", NOW + 2 * HOUR), none)
    before = state.sessions[0].events
    arrived = NOW + 2 * HOUR
    (entry,) = folded(state, event("b", arrived - GAP_MS["web"] - GRACE_MS - 1, received_at=arrived), none)
    assert isinstance(entry, HistoryEntry)
    assert entry.late
    assert entry.session_id is None
    assert state.sessions[0].events == before
    (in_time,) = folded(state, event("c", arrived - GAP_MS["web"], received_at=arrived), none)
    assert isinstance(in_time, HistoryEntry)
    assert not in_time.late


def test_a_duplicate_changes_nothing(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a", facts={"order_id": "1"}), none)
    assert folded(state, event("a", facts={"order_id": "2"}), none) == []
    assert state.sessions[0].events == 1
    assert state.threads[0].facts == {"order_id": "1"}


def test_an_event_too_old_to_be_told_from_a_duplicate_does_not_count(none: Rules) -> None:
    state = CustomerState("C-1")
    for at in range(200):
        folded(state, event(f"e{at}", NOW + at * SECOND), none)
    assert len(remembered(state)) == 128
    contacts, events = state.history.contacts, state.sessions[0].events
    (entry,) = folded(state, event("e0", NOW, received_at=NOW + 201 * SECOND), none)
    assert isinstance(entry, HistoryEntry)
    assert entry.late
    assert (state.history.contacts, state.sessions[0].events) == (contacts, events)


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


def test_order_events_are_facts_and_no_contacts(none: Rules) -> None:
    state = CustomerState("C-1")
    shipped = event(
        "a", kind="order_shipped", channel="order", facts={"order_id": "7"}, attributes={"size": "M"}
    )
    delivered = event("b", NOW + 9, kind="order_delivered", channel="order", facts={"order_id": "7"})
    for one in (delivered, shipped):
        assert folded(state, one, none, now=NOW + 10) == []
    assert state.sessions == []
    assert state.history.contacts == 0
    assert state.history.orders["7"] == {
        "order_id": "7",
        "size": "M",
        "status": "order_delivered",
        "status_at": NOW + 9,
    }
