"""Threads: what the customer wants, across sessions and channels."""

from __future__ import annotations

import pytest
from domain_values import DAY, HOUR, NOW, SECOND, event, folded, rules

from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import TEXT, THREAD_FACTS, THREADS, CustomerState
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
