"""Sessions and the interactions in them."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DAY, HOUR, MINUTE, NOW, SECOND, event, folded, rules

from pipeline.domain import state as states
from pipeline.domain.contacts import CALL_LIMIT_MS, GAP_MS, GRACE_MS
from pipeline.domain.customer import fire
from pipeline.domain.interactions import Interaction
from pipeline.domain.merging import absorb
from pipeline.domain.messages import ActionCommand, Output, SessionClosed
from pipeline.domain.recent import remembered
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Rules


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def entries(outputs: list[Output]) -> list[HistoryEntry]:
    return [one for one in outputs if isinstance(one, HistoryEntry)]


def closed(outputs: list[Output]) -> list[SessionClosed]:
    return [one for one in outputs if isinstance(one, SessionClosed)]


def call(name: str, at: int, kind: str = "call_started", **more: Any) -> Interaction:
    return event(name, at, kind=kind, channel="voice", interaction_id="call", **more)


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
    late = event("b", arrived - GAP_MS["web"] - GRACE_MS - 1, received_at=arrived)
    (entry,) = entries(folded(state, late, none))
    assert entry.late
    assert entry.session_id is None
    assert state.sessions[0].events == before
    (in_time,) = entries(folded(state, event("c", arrived - GAP_MS["web"], received_at=arrived), none))
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
    (entry,) = entries(folded(state, event("e0", NOW, received_at=NOW + 201 * SECOND), none))
    assert entry.late
    assert (state.history.contacts, state.sessions[0].events) == (contacts, events)


def test_order_events_are_facts_and_no_contacts(none: Rules) -> None:
    state = CustomerState("C-1")
    shipped = event(
        "a", kind="order_shipped", channel="order", facts={"order_id": "7"}, attributes={"size": "M"}
    )
    delivered = event("b", NOW + 9, kind="order_delivered", channel="order", facts={"order_id": "7"})
    for one in (delivered, shipped):
        assert entries(folded(state, one, none, now=NOW + 10)) == []
    assert state.sessions == []
    assert state.history.contacts == 0
    assert state.history.orders["7"] == {
        "order_id": "7",
        "size": "M",
        "status": "order_delivered",
        "status_at": NOW + 9,
    }


def test_a_call_holds_its_session_open_until_well_after_the_hang_up(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW), none)
    first = state.sessions[0].session_id
    assert state.next_due == NOW + CALL_LIMIT_MS + GRACE_MS
    assert fire(state, NOW + 2 * HOUR, none) == []
    folded(state, event("b", NOW + 2 * HOUR), none)
    folded(state, call("c", NOW + 3 * HOUR, "call_ended", ended=True), none)
    (session,) = state.sessions
    assert (session.session_id, session.events) == (first, 3)
    over = NOW + 3 * HOUR + GAP_MS["voice"]
    assert state.next_due == over + GRACE_MS
    assert closed(fire(state, over + GRACE_MS - 1, none)) == []
    (end,) = closed(fire(state, over + GRACE_MS, none))
    assert (end.session_id, end.closed_at, end.last_at) == (first, over, NOW + 3 * HOUR)
    assert state.going_on == {}


def test_a_call_that_is_over_does_not_make_one_session_of_what_follows(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW), none)
    folded(state, call("b", NOW + MINUTE, "call_ended", ended=True), none)
    folded(state, event("c", NOW + 4 * MINUTE), none)
    assert [session.events for session in state.sessions] == [2, 1]


def test_a_call_that_never_ends_is_given_up_after_its_limit(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW), none)
    given_up = NOW + CALL_LIMIT_MS
    assert closed(fire(state, given_up + GRACE_MS - 1, none)) == []
    (end,) = closed(fire(state, given_up + GRACE_MS, none))
    assert end.closed_at == given_up
    assert (state.sessions, state.going_on, state.next_due) == ([], {}, None)


def test_the_order_of_a_calls_events_does_not_matter(none: Rules) -> None:
    events = [
        call("a", NOW),
        event("b", NOW + 3 * SECOND),
        call("c", NOW + 6 * SECOND, "queued", attributes={"queue": "billing"}),
        call("d", NOW + 9 * SECOND, "call_ended", ended=True),
    ]
    results = []
    for order in permutations(events):
        state = CustomerState("C-1")
        for one in order:
            folded(state, one, none, now=NOW + 10 * SECOND)
        fire(state, NOW + MINUTE, none)
        results.append((state.sessions, state.going_on, state.next_due))
    assert all(result == results[0] for result in results)


def test_the_end_of_a_session_is_an_event_with_an_id_of_its_own(none: Rules) -> None:
    over = NOW + GAP_MS["web"]
    ends = []
    for _ in range(2):
        state = CustomerState("C-1")
        folded(state, event("a", facts={"order_id": "7"}), none)
        folded(state, event("old", NOW - 8 * DAY, received_at=NOW - 8 * DAY, text="x"), none, now=NOW)
        ends.append(closed(fire(state, over + GRACE_MS, none)))
    (end,) = (one for one in ends[0] if one.started_at == NOW)
    assert ends[0] == ends[1]
    assert end.channels == {"web": 1}
    about = next(thread for thread in state.threads if thread.facts)
    assert end.threads == [about.thread_id]


def test_a_late_event_within_the_grace_puts_the_end_off_and_it_is_told_once(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    first, over = state.sessions[0].session_id, NOW + GAP_MS["web"]
    folded(state, event("b", over - 1, received_at=over + GRACE_MS - 1), none)
    assert closed(fire(state, over + GRACE_MS, none)) == []
    (end,) = closed(fire(state, over - 1 + GAP_MS["web"] + GRACE_MS, none))
    assert (end.session_id, end.events) == (first, 2)


def test_what_has_been_closed_is_not_opened_again(none: Rules) -> None:
    """An event that arrives after the end but would not have closed yet itself begins a session of its own."""
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    over = NOW + GAP_MS["web"]
    (first,) = closed(fire(state, over + GRACE_MS, none))
    (entry,) = entries(folded(state, event("b", NOW + MINUTE, received_at=over + GRACE_MS), none))
    assert entry.session_id not in (None, first.session_id)
    (second,) = closed(fire(state, NOW + MINUTE + GAP_MS["web"] + GRACE_MS, none))
    assert (second.session_id, second.events) == (entry.session_id, 1)
    assert second.event_id != first.event_id


AT_THE_END = """
strategy: at-the-end
version: 1
title: Look after a session
lane: service_reply
entry: {on: session.closed, when: "'web' in session.channels && !thread.resolved"}
key: session.session_id
steps:
  - id: ticket
    on: entry
    do: [{create_ticket: {subject: "=thread.thread_id", priority: 2, text: "=string(session.events)"}}]
  - {id: later, after: 1m, do: [{escalate: {to: desk, reason: quiet}}]}
"""


def test_a_strategy_starts_at_the_end_of_a_session() -> None:
    live, state = rules(AT_THE_END), CustomerState("C-1")
    folded(state, event("a", text="hello"), live)
    over = NOW + GAP_MS["web"] + GRACE_MS
    outputs = fire(state, over, live)
    (ticket,) = (one for one in outputs if isinstance(one, ActionCommand))
    (end,) = closed(outputs)
    assert ticket.body.subject == state.threads[0].thread_id  # type: ignore[union-attr]
    assert (ticket.event_id, ticket.session_id) == (end.event_id, end.session_id)
    assert state.next_due == over - GRACE_MS + MINUTE
    (escalation,) = (one for one in fire(state, over + MINUTE, live) if isinstance(one, ActionCommand))
    assert escalation.kind == "escalate"
    assert state.next_due is None


@pytest.mark.parametrize(
    "occurred_at",
    [0, -1, -(10**15), NOW - DAY, NOW + GRACE_MS + 1, NOW + DAY, 253_402_300_799_000, 2**62],
)
@pytest.mark.parametrize("channel", ["web", "voice", "order"])
def test_a_wrong_clock_does_no_harm(none: Rules, occurred_at: int, channel: str) -> None:
    state = CustomerState("C-1")
    folded(state, event("before"), none)
    wrong = event("wrong", occurred_at, "x", channel, received_at=NOW, facts={"order_id": "7"})
    told = entries(folded(state, wrong, none))
    assert all(0 <= entry.occurred_at <= NOW for entry in told)
    possible = 0 <= occurred_at <= NOW
    assert [entry.clock_skew_ms for entry in told if not possible] == [
        occurred_at - min(max(occurred_at, 0), NOW) for _ in told if not possible
    ]
    (after,) = entries(folded(state, event("after", NOW + SECOND), none))
    assert not after.late
    assert after.session_id == state.sessions[-1].session_id
    assert 0 <= (state.next_due or 0) <= NOW + CALL_LIMIT_MS + GRACE_MS
    assert len(state.sessions) <= 2
    assert states.decode(states.encode(state)) == state
    fire(state, NOW + DAY, none)
    assert (state.sessions, state.going_on, state.next_due) == ([], {}, None)


def test_a_time_of_receipt_in_the_far_future_is_not_believed(none: Rules) -> None:
    state, far = CustomerState("C-1"), 253_402_300_799_000
    folded(state, event("a", far, received_at=far), none, now=NOW)
    assert state.sessions[0].last_at <= NOW + DAY


def test_small_differences_of_clocks_are_left_as_they_are(none: Rules) -> None:
    state = CustomerState("C-1")
    (entry,) = entries(folded(state, event("a", NOW + GRACE_MS, received_at=NOW), none))
    assert (entry.occurred_at, entry.clock_skew_ms) == (NOW + GRACE_MS, 0)


def test_a_merge_during_a_call_makes_one_session_of_what_happened_in_it(none: Rules) -> None:
    caller, visitor = CustomerState("C-1"), CustomerState("p-1")
    folded(caller, call("a", NOW), none)
    folded(visitor, event("b", NOW + HOUR), none)
    for one, other in ((caller, visitor), (visitor, caller)):
        joined, taken = (states.decode(states.encode(state)) for state in (one, other))
        absorb(joined, taken)
        (session,) = joined.sessions
        assert (session.session_id, session.events) == (caller.sessions[0].session_id, 2)


def test_a_session_has_no_other_event_than_its_end() -> None:
    problems = compile_strategy(
        AT_THE_END.replace("session.closed", "session.opened"), "x.yaml", rules().brand
    )
    assert isinstance(problems, list)
    assert (problems[0].line, "session.closed" in problems[0].message) == (6, True)
