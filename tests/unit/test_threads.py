"""Threads: what the customer wants, across sessions and channels."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from domain_values import DAY, HOUR, NOW, SECOND, event, folded, rules

from pipeline.domain.customer import fire
from pipeline.domain.interactions import Attachment, Interaction
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import (
    ADVISERS,
    ATTACHMENTS,
    REFS,
    TEXT,
    THREAD_FACTS,
    THREADS,
    CustomerState,
    Thread,
)
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.threads import resolve


@pytest.fixture(scope="module")
def none() -> Rules:
    return rules()


def message(name: str, at: int = NOW, **more: object) -> object:
    return event(name, at, kind="message", channel="social", interaction_id="talk", text="hello", **more)


def test_what_says_nothing_opens_no_thread(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, event("a"), none)
    assert state.threads == []
    folded(state, message("b"), none)
    assert len(state.threads) == 1
    assert state.history.threads_opened == 1


def test_the_only_open_thread_takes_in_what_follows_and_outlives_the_session(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, message("a"), none)
    later = event("b", NOW + DAY, kind="form_field", interaction_id="f", facts={"order_id": "7"})
    (entry,) = folded(state, later, none)
    (thread,) = state.threads
    assert thread.facts == {"order_id": "7"}
    assert thread.channels == ["social", "web"]
    assert isinstance(entry, HistoryEntry)
    assert entry.thread_id == thread.thread_id


def test_another_order_is_another_thread_and_each_event_finds_its_own(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, message("a", facts={"order_id": "7"}), none)
    folded(state, event("b", NOW + 1, interaction_id="f", facts={"order_id": "8"}), none)
    folded(state, event("c", NOW + 2, interaction_id="g", facts={"order_id": "7", "size": "M"}), none)
    folded(state, event("d", NOW + 3, interaction_id="f", facts={"size": "L"}), none)
    assert {thread.facts["order_id"]: thread.facts["size"] for thread in state.threads} == {
        "7": "M",
        "8": "L",
    }


def test_after_seven_days_of_silence_a_contact_opens_a_new_thread(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, message("a"), none)
    folded(state, event("b", NOW + 7 * DAY + 1, kind="message", channel="sms", text="hi"), none)
    assert len(state.threads) == 2


def test_a_resolved_thread_takes_nothing_in(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, message("a", facts={"order_id": "7"}), none)
    resolve(state, state.threads[0], NOW + 1)
    resolve(state, state.threads[0], NOW + 2)
    assert (state.threads[0].resolved_at, state.history.threads_resolved) == (NOW + 1, 1)
    folded(state, message("b", NOW + HOUR, facts={"order_id": "7"}), none)
    assert [thread.resolved for thread in state.threads] == [False, True]


def test_a_fact_told_later_wins_whenever_it_arrives(none: Rules) -> None:
    told_first = message("a", facts={"size": "M", "colour": "blue"})
    told_later = message("b", NOW + SECOND, facts={"size": "L"})
    for order in ((told_first, told_later), (told_later, told_first)):
        state = CustomerState("C-1")
        for one in order:
            folded(state, one, none, now=NOW + SECOND)
        assert state.threads[0].facts == {"size": "L", "colour": "blue"}
        assert state.threads[0].opened_at == NOW


def test_order_events_find_their_thread_and_change_nothing_in_it(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, message("a"), none)
    folded(state, event("b", NOW + 1, kind="order_placed", channel="order", facts={"order_id": "9"}), none)
    assert state.threads[0].facts == {}


def test_threads_and_facts_are_bounded(none: Rules) -> None:
    state = CustomerState("C-1")
    for at in range(THREADS + 2):
        folded(state, event(f"e{at}", NOW + at, interaction_id=f"i{at}", facts={"order_id": str(at)}), none)
    assert len(state.threads) == THREADS
    assert state.threads[0].facts["order_id"] == str(THREADS + 1)
    many = {f"fact{at}": "x" * 1_000 for at in range(50)}
    folded(state, event("many", NOW + 50, interaction_id="i9", subject="s" * 999, facts=many), none)
    filled = next(thread for thread in state.threads if "fact1" in thread.facts)
    assert len(filled.facts) == THREAD_FACTS
    assert len(str(filled.facts["fact1"])) == TEXT
    assert filled.subject == "s" * TEXT


def email(name: str, at: int, mail: str, **more: Any) -> Interaction:
    return event(name, at, kind="message", channel="email", interaction_id=mail, text="hello", **more)


def call(name: str, at: int, kind: str, **more: Any) -> Interaction:
    return event(name, at, kind=kind, channel="voice", interaction_id="call", **more)


def two_threads(none: Rules) -> CustomerState:
    """A customer with open threads about the orders 7 and 8."""
    state = CustomerState("C-1")
    folded(state, email("a", NOW, "m1", facts={"order_id": "7"}, subject="A shirt"), none)
    folded(state, email("b", NOW + 1, "m2", facts={"order_id": "8"}, subject="Trousers"), none)
    return state


def of_order(state: CustomerState, order_id: str) -> Thread:
    return next(thread for thread in state.threads if str(thread.facts.get("order_id")) == order_id)


@pytest.mark.parametrize(
    ("found_by", "more"),
    [
        ("its interaction", {"mail": "m1"}),
        ("its order", {"facts": {"order_id": 7}}),
        ("its case number", {"facts": {"case": "4711"}}),
        ("a case number that the channel knows", {"attributes": {"case": "4711"}}),
        ("a message of its own", {"attributes": {"in_reply_to": "<m1@example.com>"}}),
        ("its subject", {"subject": "Re: RE: a  shirt"}),
    ],
)
def test_days_later_a_thread_is_found_by(none: Rules, found_by: str, more: dict[str, Any]) -> None:
    state = two_threads(none)
    known = {"case": "4711", "message_id": "<m1@example.com>"}
    folded(state, email("c", NOW + 2, "m1", attributes=known), none)
    fire(state, NOW + 3 * DAY, none)
    assert state.going_on == {}
    folded(state, email("d", NOW + 3 * DAY, **{"mail": "m9", **more}), none)
    assert len(state.threads) == 2, found_by
    assert of_order(state, "7").last_at == NOW + 3 * DAY
    assert "email:m9" in of_order(state, "7").refs or found_by == "its interaction"


def test_a_thread_is_found_by_its_id_too(none: Rules) -> None:
    state = two_threads(none)
    thread_id = of_order(state, "8").thread_id
    folded(state, email("c", NOW + DAY, "m9", facts={"case": thread_id}), none)
    assert of_order(state, "8").last_at == NOW + DAY


def test_with_several_open_threads_what_names_none_opens_another(none: Rules) -> None:
    state = two_threads(none)
    folded(state, email("c", NOW + 2, "m9", subject="Something else"), none)
    assert len(state.threads) == 3


def test_a_form_that_comes_to_name_the_order_of_a_thread_is_part_of_it(none: Rules) -> None:
    state = two_threads(none)
    form = {"kind": "form_field", "interaction_id": "f"}
    folded(state, event("c", NOW + 2, attributes={"form": "return"}, **form), none)
    folded(state, event("d", NOW + 3, facts={"size": "M"}, **form), none)
    assert (len(state.threads), state.history.threads_opened) == (3, 3)
    folded(state, event("e", NOW + 4, facts={"order_id": "8"}, **form), none)
    assert (len(state.threads), state.history.threads_opened) == (2, 2)
    assert of_order(state, "8").facts["size"] == "M"
    assert state.going_on["web:f"].thread_id == of_order(state, "8").thread_id


def test_an_interaction_that_turns_to_another_order_leaves_its_thread(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, email("a", NOW, "m1", facts={"order_id": "7"}), none)
    chat = {"kind": "message", "channel": "chat", "interaction_id": "c"}
    folded(state, event("b", NOW + 1, text="hello", **chat), none)
    folded(state, event("c", NOW + 2, facts={"order_id": "8"}, **chat), none)
    folded(state, event("d", NOW + 3, facts={"size": "L"}, **chat), none)
    assert of_order(state, "7").facts == {"order_id": "7"}
    assert of_order(state, "8").facts == {"order_id": "8", "size": "L"}


def test_an_order_that_is_corrected_where_it_was_told_is_the_same_thread(none: Rules) -> None:
    state = CustomerState("C-1")
    form = {"kind": "form_field", "interaction_id": "f"}
    folded(state, event("a", NOW, facts={"order_id": "7"}, **form), none)
    folded(state, event("b", NOW + 1, facts={"order_id": "8"}, **form), none)
    assert [thread.facts for thread in state.threads] == [{"order_id": "8"}]


def test_the_desk_resolves_and_reopens_in_whatever_order_it_is_heard(none: Rules) -> None:
    told = [call(f"{at}", NOW + at, kind) for at, kind in ((1, "resolved"), (2, "reopened"), (3, "resolved"))]
    for last, wanted in ((3, True), (2, False), (1, True)):
        for order in permutations(told[:last]):
            state = CustomerState("C-1")
            folded(state, call("0", NOW, "note", text="hello", subject="Billing"), none)
            for one in order:
                folded(state, one, none, now=NOW + 4)
            (thread,) = state.threads
            assert thread.resolved is wanted
            assert state.history.threads_resolved == wanted
            assert state.history.about["billing"].resolved == wanted


def test_a_case_that_is_not_known_resolves_nothing(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, email("a", NOW, "m1"), none)
    folded(state, email("b", NOW + 1, "m9", attributes={"case": "other"}), none)
    resolved = event("c", NOW + 2, kind="resolved", channel="voice", attributes={"case": "unknown"})
    folded(state, resolved, none)
    assert not state.threads[0].resolved


def test_who_handles_a_thread_the_latest_last(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, call("a", NOW, "call_started"), none)
    folded(state, call("b", NOW + 1, "answered", attributes={"adviser": "ada"}), none)
    folded(state, call("c", NOW + 2, "note", text="a shirt"), none)
    assert state.threads[0].advisers == ["ada"]
    for at, adviser in enumerate(["ben", "ada", *(f"adviser {number}" for number in range(ADVISERS))]):
        joined = call(f"d{at}", NOW + 3 + at, "adviser_joined", attributes={"adviser": adviser})
        folded(state, joined, none)
        assert state.threads[0].advisers[-1] == adviser
    assert len(state.threads[0].advisers) == ADVISERS


def test_attachments_are_kept_by_reference_each_once_and_bounded(none: Rules) -> None:
    state = CustomerState("C-1")
    files = [Attachment(f"https://x.example/{at}", "image/jpeg", at) for at in range(ATTACHMENTS + 2)]
    far = Attachment("https://x.example/" + "y" * 5_000, "image/png")
    folded(state, event("a", attachments=[files[0], far]), none)
    folded(state, event("b", NOW + 1, attachments=files), none)
    assert state.threads[0].attachments == files[2:]


def test_names_are_bounded_and_cases_and_orders_last_longest(none: Rules) -> None:
    state = CustomerState("C-1")
    folded(state, email("a", NOW, "m0", facts={"order_id": "7", "case": "4711"}), none)
    for at in range(REFS + 5):
        folded(state, email(f"b{at}", NOW + at, f"m{at}", facts={"case": "4711"}), none)
    (thread,) = state.threads
    assert len(thread.refs) == REFS
    assert {"case:4711", "order:7", f"email:m{REFS + 4}"} <= {*thread.refs}
    assert "email:m0" not in thread.refs


def test_what_is_told_does_not_depend_on_the_order_of_arrival(none: Rules) -> None:
    told = [
        message("a", NOW, facts={"size": "M"}, subject="Shirt"),
        message("b", NOW + SECOND, facts={"size": "L", "colour": "red"}, subject="A shirt"),
        message("c", NOW + SECOND, facts={"size": "S", "order_id": "7"}, subject="My shirt"),
        message("d", NOW + 2 * SECOND, facts={"colour": "blue"}, attributes={"case": "4711"}),
    ]
    results = []
    for order in permutations(told):
        state = CustomerState("C-1")
        for one in order:
            folded(state, one, none, now=NOW + 3 * SECOND)
        (thread,) = state.threads
        results.append((thread.facts, thread.told, thread.subject, sorted(thread.refs), state.history.about))
    assert all(result == results[0] for result in results)
    assert (results[0][0]["colour"], results[0][2]) == ("blue", "Shirt")


def test_an_interaction_that_goes_on_days_later_is_in_its_thread_before_it_says_anything(none: Rules) -> None:
    state = two_threads(none)
    fire(state, NOW + DAY, none)
    mail = {"channel": "email", "interaction_id": "m1"}
    folded(state, event("c", NOW + DAY, kind="opened", **mail), none)
    assert state.going_on["email:m1"].thread_id == of_order(state, "7").thread_id
    folded(state, event("d", NOW + DAY + 1, kind="message", text="and?", **mail), none)
    assert len(state.threads) == 2
