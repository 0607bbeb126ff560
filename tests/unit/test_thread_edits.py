"""Threads that advisers, or the merge of two customers, make one of or two of."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DAY, DEVICE, HOUR, NOW, event, folded, identified, profile, rules

from pipeline.domain import state as states
from pipeline.domain.customer import fire, handle
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Attachment, Interaction
from pipeline.domain.messages import ActionCommand, CustomerMoved, MergeRequested
from pipeline.domain.requests import ThreadsJoined, ThreadSplit
from pipeline.domain.state import CustomerState, Thread, Told
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.thread_edits import unite
from pipeline.domain.threads import resolve

TICKET = """
strategy: ticket
version: 1
title: A ticket and a reminder
lane: service_reply
entry: {on: email.message}
steps:
  - {id: open, on: entry, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
  - {id: remind, after: 1d, do: [{escalate: {to: desk, reason: "=thread.thread_id"}}]}
"""


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def email(name: str, at: int, mail: str, **more: Any) -> Interaction:
    return event(name, at, kind="message", channel="email", interaction_id=mail, text="hello", **more)


def story(live: Rules) -> CustomerState:
    """A shirt (two interactions, one of them about a bill, too) and trousers."""
    state = CustomerState("C-1", known=True, profile=profile())
    photo = Attachment("https://x.example/1", "image/jpeg", 9)
    folded(state, email("a", NOW, "m1", subject="Shirt", facts={"order_id": "7", "size": "M"}), live)
    folded(state, email("b", NOW + 1, "m2", subject="Trousers", facts={"order_id": "8", "size": "S"}), live)
    bill = {"case": "4711"}
    folded(state, email("c", NOW + 2, "m1", facts={**bill}, attachments=[photo]), live)
    folded(state, email("d", NOW + 3, "m3", facts={**bill, "amount": 9.5}), live)
    return state


def by_order(state: CustomerState, order_id: str) -> Thread:
    return next(thread for thread in state.threads if f"order:{order_id}" in thread.refs)


def join(state: CustomerState, thread_id: str, into: str, live: Rules) -> None:
    request = ThreadsJoined(customer_id="C-1", thread_id=thread_id, into=into, by="ada", requested_at=NOW)
    assert handle(state, request, NOW, live) == []


def split(state: CustomerState, thread_id: str, interactions: list[str], live: Rules) -> None:
    request = ThreadSplit(
        customer_id="C-1",
        thread_id=thread_id,
        interactions=interactions,
        subject="The bill",
        by="ada",
        requested_at=NOW + 9,
    )
    assert handle(state, request, NOW, live) == []


def test_two_threads_become_one_with_all_that_is_known(none: Rules) -> None:
    state = story(none)
    shirt, trousers = by_order(state, "7").thread_id, by_order(state, "8").thread_id
    join(state, trousers, shirt, none)
    (thread,) = state.threads
    assert thread.thread_id == shirt
    assert thread.facts == {"order_id": "8", "size": "S", "case": "4711", "amount": 9.5}
    assert {"order:7", "order:8", "email:m2", f"case:{trousers}"} <= {*thread.refs}
    assert (thread.subject, len(thread.attachments)) == ("Shirt", 1)
    assert (state.history.threads_opened, {*state.history.about}) == (1, {"shirt"})
    assert {one.thread_id for one in state.going_on.values()} == {shirt}
    folded(state, email("late", NOW + DAY, "m9", facts={"case": trousers}), none)
    assert (len(state.threads), state.threads[0].last_at) == (1, NOW + DAY)


def test_what_was_done_for_either_thread_is_not_done_again() -> None:
    live = rules(TICKET)
    state = CustomerState("C-1", known=True, profile=profile())
    folded(state, email("a", NOW, "m1", facts={"order_id": "7"}), live)
    folded(state, email("b", NOW + HOUR, "m2", facts={"order_id": "8"}), live)
    first, second = by_order(state, "7").thread_id, by_order(state, "8").thread_id
    join(state, second, first, live)
    assert [attempt.key for attempt in state.attempts.values()] == [first]
    commands = [
        one
        for one in (
            *folded(state, email("c", NOW + 2 * HOUR, "m2"), live),
            *fire(state, NOW + DAY + HOUR, live),
        )
        if isinstance(one, ActionCommand)
    ]
    assert [(one.kind, one.thread_id) for one in commands] == [("escalate", first)]


def test_a_thread_that_goes_into_an_open_one_is_open(none: Rules) -> None:
    state = story(none)
    shirt, trousers = by_order(state, "7"), by_order(state, "8")
    resolve(state, trousers, NOW + 5)
    assert state.history.threads_resolved == 1
    join(state, trousers.thread_id, shirt.thread_id, none)
    assert not state.threads[0].resolved
    assert state.history.threads_resolved == 0
    assert state.history.about["shirt"].resolved == 0


def test_interactions_leave_with_what_was_told_in_them(none: Rules) -> None:
    state = story(none)
    old = by_order(state, "7").thread_id
    split(state, old, ["email:m3", "email:unknown"], none)
    shirt = by_order(state, "7")
    (bill,) = (thread for thread in state.threads if thread.subject == "The bill")
    assert shirt.thread_id == old
    assert shirt.facts == {"order_id": "7", "size": "M"}
    assert bill.facts == {"case": "4711", "amount": 9.5}
    assert (bill.opened_at, bill.last_at, bill.channels) == (NOW + 3, NOW + 3, ["email"])
    assert "email:m3" in bill.refs
    assert "email:m3" not in shirt.refs
    assert state.going_on["email:m3"].thread_id == bill.thread_id
    assert (state.history.threads_opened, {*state.history.about}) == (3, {"shirt", "trousers", "the bill"})
    for at, told in enumerate(({"iban": "x"}, {"case": "4711"})):
        folded(state, email(f"more{at}", NOW + DAY + at, "m3", facts=told), none)
    assert len(state.threads) == 3
    assert bill.thread_id == next(one.thread_id for one in state.threads if "iban" in one.facts)


def test_a_thread_that_was_split_off_is_not_joined_again_by_what_its_interactions_say(none: Rules) -> None:
    state = story(none)
    folded(state, email("e", NOW + 4, "m1", facts={"case": "4711"}), none)
    split(state, by_order(state, "7").thread_id, ["email:m3"], none)
    folded(state, email("f", NOW + 5, "m3", facts={"case": "4711"}), none)
    assert [thread.subject for thread in state.threads if thread.subject == "The bill"]
    assert state.history.threads_opened == 3


def test_a_request_that_comes_twice_or_about_nothing_changes_nothing(none: Rules) -> None:
    state = story(none)
    shirt, trousers = by_order(state, "7").thread_id, by_order(state, "8").thread_id
    split(state, shirt, ["email:m3"], none)
    before = states.encode(state)
    split(state, shirt, ["email:m3"], none)
    split(state, shirt, ["email:m2", "nothing"], none)
    split(state, "unknown", ["email:m1"], none)
    join(state, "unknown", shirt, none)
    join(state, shirt, "unknown", none)
    join(state, shirt, shirt, none)
    assert states.encode(state) == before
    join(state, trousers, shirt, none)
    before = states.encode(state)
    join(state, trousers, shirt, none)
    assert states.encode(state) == before


def test_a_request_about_a_merged_customer_is_sent_on(none: Rules) -> None:
    state = CustomerState("p-1", merged_into="C-1")
    asked = ThreadsJoined(customer_id="p-1", thread_id="a", into="b", by="ada", requested_at=NOW)
    (sent,) = handle(state, asked, NOW, none)
    assert isinstance(sent, ThreadsJoined)
    assert (sent.customer_id, sent.thread_id, sent.into) == ("C-1", "a", "b")


def test_customers_who_are_one_have_one_thread_about_an_order(none: Rules) -> None:
    known = CustomerState("C-1", known=True, profile=profile())
    folded(known, email("a", NOW, "m1", subject="Shirt", facts={"order_id": "7"}), none)
    anonymous = CustomerState(provisional_id(DEVICE.key))
    form = event("b", NOW + 1, facts={"order_id": "7", "size": "M"}, interaction_id="f")
    handle(anonymous, identified(form, anonymous.customer_id, known=False), NOW + 1, none)
    merge = MergeRequested(
        loser=anonymous.customer_id,
        winner="C-1",
        evidence=DEVICE,
        rule="verified_number",
        requested_at=NOW + 2,
    )
    for one in handle(anonymous, merge, NOW + 2, none):
        if isinstance(one, CustomerMoved):
            handle(known, one, NOW + 2, none)
    (thread,) = known.threads
    assert thread.facts == {"order_id": "7", "size": "M"}
    assert thread.channels == ["email", "web"]
    assert (known.history.threads_opened, known.history.about["shirt"].times) == (1, 1)


def test_it_does_not_matter_in_which_order_threads_are_united() -> None:
    threads = [
        Thread(
            str(at),
            opened_at=NOW - at,
            last_at=NOW + at,
            subject=f"s{at % 2}",
            subject_at=NOW + at % 2,
            facts={"size": at, f"only{at}": at},
            told={"size": Told(NOW + at % 3, "web:f"), f"only{at}": Told(NOW, "web:f")},
            refs=[f"web:{at}", "order:7"],
            intent=f"i{at % 2}",
            confidence=0.5 + at % 2,
        )
        for at in range(4)
    ]
    results = []
    for first, *others in permutations(threads):
        united = first
        for other in others:
            united = unite(united, other)
        united.thread_id = ""
        united.refs.sort()
        results.append(united)
    assert all(result == results[0] for result in results)
    assert (results[0].subject, results[0].intent, results[0].facts["size"]) == ("s0", "i1", 2)
