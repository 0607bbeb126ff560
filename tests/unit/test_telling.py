"""Customers are told of a circumstance once, whenever it finds them in contact, and told when it is over."""

from __future__ import annotations

from dataclasses import replace

from pipeline.domain.circumstances import Circumstance, load_circumstances
from pipeline.domain.customer import fire
from pipeline.domain.merging import absorb
from pipeline.domain.messages import ActionCommand, Output
from pipeline.domain.state import TOLD, CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.telling import concerned
from tests.domain_values import HOUR, MINUTE, NOW, event, folded, profile, rules

TELL = """
strategy: tell
version: 1
title: Tell
lane: safety
entry: {on: circumstance.declared, when: '"voice" in session.channels || "email" in session.channels'}
key: event.interaction_id
lifetime: 30d
steps:
  - id: told
    on: entry
    do: [{escalate: {to: desk, reason: "=event.interaction_id + ': ' + event.text"}}]
  - id: over
    on: circumstance.ended
    do: [{escalate: {to: desk, reason: "=event.subject + ' is over'"}}]
"""


def power(start: int = NOW, end: int | None = NOW + HOUR, name: str = "power-cut") -> Circumstance:
    text = f"""
circumstances:
  - {{id: {name}, title: Power, scope: 'customer.postcode.startsWith("SW1A")',
     from: 2026-03-02T10:00:00Z, tell: Soon.}}
"""
    found = load_circumstances(text, "now.yaml")
    assert isinstance(found, tuple), [str(problem) for problem in found]
    return replace(found[0], from_at=start, until_at=end)


def live(*circumstances: Circumstance, strategy: str = TELL) -> Rules:
    found = rules(strategy)
    found.circumstances = circumstances
    return found


def customer(customer_id: str = "C-1", postcode: str = "SW1A 1AA") -> CustomerState:
    return CustomerState(customer_id, known=True, profile=profile(customer_id, postcode=postcode))


def said(outputs: list[Output]) -> list[str]:
    return [output.body.reason for output in outputs if isinstance(output, ActionCommand)]


def calls(state: CustomerState, at: int, with_rules: Rules, name: str = "call") -> list[str]:
    call = event(f"{name}/{at}", at, "call_started", "voice", interaction_id=name)
    return said(folded(state, call, with_rules, at))


def test_who_calls_is_told_once_however_often_they_call() -> None:
    state, during = customer(), live(power())
    assert calls(state, NOW + 1, during) == ["power-cut: Soon."]
    assert calls(state, NOW + MINUTE, during, "again") == []
    assert calls(state, NOW + 30 * MINUTE, during, "and again") == []


def test_nobody_elsewhere_nor_before_it_begins_nor_where_no_strategy_asks_is_told() -> None:
    assert calls(customer(postcode="N1 9GU"), NOW + 1, live(power())) == []
    assert calls(customer(), NOW + 1, live(power(start=NOW + 2))) == []
    state = customer()
    assert (
        calls(state, NOW + 1, live(power(), strategy=TELL.replace("circumstance.declared", "voice.x"))) == []
    )
    assert not state.circumstances


def test_an_open_session_is_told_without_a_further_event_and_a_closed_one_is_not() -> None:
    state = customer()
    assert calls(state, NOW - MINUTE, live()) == []
    during = live(power())
    assert concerned(state, NOW, during)
    assert not concerned(state, NOW, live(power(start=NOW + 1)))
    assert said(fire(state, NOW, during)) == ["power-cut: Soon."]
    assert not concerned(state, NOW + 1, during)
    later = customer()
    mail = event("m", NOW - 31 * MINUTE, "message", "email", interaction_id="m")
    folded(later, mail, live(), NOW - 31 * MINUTE)
    assert later.sessions
    assert not concerned(later, NOW, during)


def test_the_end_comes_at_its_time_to_those_who_were_told() -> None:
    told, not_told, during = customer(), customer("C-2"), live(power())
    mail = event("m", NOW + 1, "message", "email", interaction_id="m")
    assert said(folded(told, mail, during)) == ["power-cut: Soon."]
    assert fire(not_told, NOW + 1, during) == []
    fire(told, NOW + 40 * MINUTE, during)
    assert not told.sessions
    assert told.next_due == NOW + HOUR
    assert said(fire(told, NOW + HOUR, during)) == ["Power is over"]
    assert told.circumstances == {}
    assert said(fire(told, NOW + 2 * HOUR, during)) == []
    assert said(fire(not_told, NOW + HOUR, during)) == []


def test_one_that_is_extended_ends_later_and_one_that_is_ended_does_at_once() -> None:
    state = customer()
    calls(state, NOW + 1, live(power()))
    extended = live(power(end=NOW + 2 * HOUR))
    assert said(fire(state, NOW + HOUR, extended)) == []
    assert state.next_due == NOW + 2 * HOUR
    stopped = live(power(end=NOW + HOUR + MINUTE))
    assert concerned(state, NOW + HOUR + MINUTE, stopped)
    assert said(fire(state, NOW + HOUR + MINUTE, stopped)) == ["Power is over"]


def test_one_without_an_end_is_looked_at_again_and_ends_when_it_is_ended() -> None:
    state, endless = customer(), live(power(end=None))
    calls(state, NOW + 1, endless)
    fire(state, NOW + 5 * HOUR, endless)
    due = state.next_due
    assert due is not None
    assert said(fire(state, due, endless)) == []
    assert state.next_due is not None
    assert state.next_due > due
    assert said(fire(state, due + 1, live(power(end=due + 1)))) == ["Power is over"]


def test_one_that_nobody_remembers_is_let_go_without_a_word() -> None:
    state = customer()
    calls(state, NOW + 1, live(power()))
    assert concerned(state, NOW + HOUR, live())
    assert said(fire(state, NOW + HOUR, live())) == []
    assert state.circumstances == {}


def test_who_was_refused_is_told_when_the_strategy_takes_them() -> None:
    state, during = customer(), live(power())
    visit = event("visit", NOW + 1, "page_viewed")
    assert said(folded(state, visit, during, NOW + 1)) == []
    assert not state.circumstances
    assert calls(state, NOW + MINUTE, during) == ["power-cut: Soon."]


def test_two_customers_are_told_by_different_actions() -> None:
    during = live(power())
    ids = set()
    for name in ("C-1", "C-2"):
        call = event(f"call-{name}", NOW + 1, "call_started", "voice", interaction_id=name)
        state = customer(name)
        outputs = folded(state, call, during, NOW + 1)
        ids |= {output.action_id for output in outputs if isinstance(output, ActionCommand)}
    assert len(ids) == 1 + 1


def test_customers_who_turn_out_to_be_one_are_told_of_its_end_once() -> None:
    one, two, during = customer(), customer("C-2"), live(power())
    calls(one, NOW + 1, during, "a")
    calls(two, NOW + 2, during, "b")
    absorb(one, two)
    assert calls(one, NOW + MINUTE, during, "c") == []
    assert said(fire(one, NOW + HOUR, during)) == ["Power is over"]


def test_a_customer_is_told_of_so_many_at_most() -> None:
    state, during = customer(), live(*(power(name=f"c{number}") for number in range(TOLD + 3)))
    assert len(calls(state, NOW + 1, during)) == TOLD
    assert calls(state, NOW + MINUTE, during, "again") == []
    assert len(state.circumstances) == TOLD
