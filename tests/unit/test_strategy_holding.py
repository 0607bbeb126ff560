"""Steps that are held: by their own condition, by quiet hours, by a call; and when they go out after all."""

from __future__ import annotations

from typing import Any

import msgspec
from domain_values import HOUR, MINUTE, NOW, SECOND, event, folded, profile, rules

from pipeline.domain import state as states
from pipeline.domain.attempts import same_attempt
from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.customer import fire
from pipeline.domain.messages import ActionCommand, Decision, Output
from pipeline.domain.state import CustomerState, Wait
from pipeline.domain.strategies.compiled import Rules

HEAD = """
strategy: s
version: 1
title: A strategy
lane: transactional
entry: {on: web.start}
key: event.interaction_id
"""
TICKET = "{create_ticket: {subject: x, priority: 1, text: y}}"
TEXT = "{send_message: {template: hello, channel: sms}}"
HELD = f"""
steps:
  - id: a
    on: entry
    hold_until: '!interactions.exists(one, one.channel == "voice" && !one.ended)'
    hold_for: 2h
    do: [{TICKET}]
"""
# NOW is a Monday, 10 o'clock in the morning.
QUIET = "quiet_hours: {from: '09:00', to: '12:00'}\n"


def customer(**more: Any) -> CustomerState:
    return CustomerState("C-1", known=True, profile=profile(**more))


def commands(outputs: list[Output]) -> list[str]:
    return [one.kind for one in outputs if isinstance(one, ActionCommand)]


def decided(outputs: list[Output]) -> list[tuple[str, str, str]]:
    """The step, outcome and last rule of each decision but the entry's."""
    found = [one for one in outputs if isinstance(one, Decision) and one.step != "entry"]
    return [(one.step, one.outcome, one.reasons[-1].rule if one.reasons else "") for one in found]


def timed(state: CustomerState, now: int, live: Rules) -> list[Output]:
    again = states.decode(states.encode(state))
    for field in state.__struct_fields__:
        setattr(state, field, getattr(again, field))
    return fire(state, now, live)


def call(name: str, at: int, kind: str = "call_started", ended: bool = False) -> Any:
    return event(name, at, kind=kind, channel="voice", interaction_id="call", ended=ended)


def on_a_call(live: Rules) -> CustomerState:
    """A customer for whom the step is held because they are on a call."""
    state = customer()
    folded(state, call("1", NOW), live)
    outputs = folded(state, event("2", NOW + SECOND, kind="start"), live)
    assert commands(outputs) == []
    return state


def test_a_step_whose_condition_holds_is_not_held() -> None:
    assert commands(folded(customer(), event("1", kind="start"), rules(HEAD + HELD))) == ["create_ticket"]


def test_a_held_step_goes_out_with_the_event_that_ends_what_held_it() -> None:
    live = rules(HEAD + HELD)
    state = on_a_call(live)
    assert commands(folded(state, event("3", NOW + MINUTE), live)) == []
    outputs = folded(state, call("4", NOW + 2 * MINUTE, "call_ended", ended=True), live)
    (command,) = [one for one in outputs if isinstance(one, ActionCommand)]
    assert (command.event_id, command.interaction_id, command.occurrence) == ("4", "visit", 0)
    assert commands(folded(state, event("5", NOW + 3 * MINUTE), live)) == []
    assert commands(timed(state, NOW + 5 * HOUR, live)) == []
    assert state.attempts["s|visit"].ended_at is not None


def test_why_it_is_held_is_recorded_once_and_that_it_is_given_up() -> None:
    live = rules(HEAD + HELD)
    state = customer()
    folded(state, call("1", NOW), live)
    held = '!interactions.exists(one, one.channel == "voice" && !one.ended)'
    assert decided(folded(state, event("2", NOW + SECOND, kind="start"), live)) == [("a", "suppressed", held)]
    assert decided(folded(state, event("3", NOW + MINUTE), live)) == []
    # The last moment is two hours after the step's event.
    assert decided(timed(state, NOW + 2 * HOUR, live)) == []
    assert decided(timed(state, NOW + 2 * HOUR + SECOND, live)) == [("a", "suppressed", "hold_until")]
    ended = call("4", NOW + 2 * HOUR + MINUTE, "call_ended", ended=True)
    assert commands(folded(state, ended, live)) == []


def test_the_last_moment_counts_and_a_timer_that_is_too_late_does_not() -> None:
    text = HEAD + HELD.replace(
        '!interactions.exists(one, one.channel == "voice" && !one.ended)', "session.events > 9"
    )
    for late, sent in ((0, ["create_ticket"]), (GRACE_MS + 1, [])):
        live = rules(text)
        state = customer()
        folded(state, event("1", kind="start"), live)
        state.sessions[0].events = 10
        assert commands(timed(state, NOW + 2 * HOUR + late, live)) == sent


def test_conditions_are_asked_anew_but_not_for_what_is_forgotten_of_the_event() -> None:
    when = "when: 'event.attributes.size == 7 && customer.value > 100.0'\n    on: entry"
    live = rules(HEAD + HELD.replace("on: entry", when))
    for value, sent in ((800.0, ["create_ticket"]), (50.0, [])):
        state = customer()
        folded(state, call("1", NOW), live)
        folded(state, event("2", NOW + SECOND, kind="start", attributes={"size": 7}), live)
        assert state.profile is not None
        state.profile = profile(value=value)
        ended = call("3", NOW + MINUTE, "call_ended", ended=True)
        assert commands(folded(state, ended, live)) == sent


def test_an_exit_an_awaited_event_and_age_end_what_is_held() -> None:
    absent = "absent: [web.done]\n    since: entry\n    for: 1s"
    waits = HELD.replace("on: entry", absent)
    for text, kind, at in (
        (HEAD + HELD + "exits: [{on: web.left}]", "left", NOW + MINUTE),
        (HEAD + waits, "done", NOW + MINUTE),
        (HEAD + "lifetime: 1h\n" + HELD, "other", NOW + 2 * HOUR),
    ):
        live = rules(text)
        state = on_a_call(live)
        timed(state, NOW + 30 * SECOND, live)
        folded(state, event("3", at, kind=kind), live)
        assert commands(folded(state, call("4", at + SECOND, "call_ended", ended=True), live)) == []


def test_quiet_hours_hold_what_reaches_the_customer_and_nothing_else() -> None:
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, do: [{TICKET}, {TEXT}]}}]")
    state = customer()
    outputs = folded(state, event("1", kind="start"), live)
    assert commands(outputs) == ["create_ticket"]
    assert decided(outputs) == [("a", "fired", "quiet_hours")]
    assert state.next_due is not None
    assert commands(folded(state, event("2", NOW + MINUTE), live)) == []
    outputs = timed(state, NOW + 2 * HOUR, live)
    assert commands(outputs) == ["send_message"]
    assert decided(outputs) == [("a", "fired", "")]
    assert state.attempts["s|visit"].done == {"a": 1}
    assert state.attempts["s|visit"].ended_at == NOW + 2 * HOUR


def test_the_parts_of_a_step_have_ids_of_their_own_and_its_decisions_too() -> None:
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, do: [{TICKET}, {TEXT}]}}]")
    state = customer()
    outputs = folded(state, event("1", kind="start"), live) + timed(state, NOW + 2 * HOUR, live)
    actions = [one.action_id for one in outputs if isinstance(one, ActionCommand)]
    decisions = [one.decision_id for one in outputs if isinstance(one, Decision)]
    assert len(set(actions)) == 2
    assert len(set(decisions)) == len(decisions) == 3


def test_what_is_held_may_read_the_facts_and_attributes_of_its_event() -> None:
    text = "{send_message: {template: amount, channel: sms, with: {amount: =event.attributes.paid}}}"
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, do: [{text}]}}]")
    state = customer()
    folded(state, event("1", kind="start", attributes={"paid": 3}), live)
    (command,) = [one for one in timed(state, NOW + 2 * HOUR, live) if isinstance(one, ActionCommand)]
    assert command.body.text == "3 paid"


def test_what_a_held_step_keeps_of_its_event_is_bounded() -> None:
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, do: [{TEXT}]}}]")
    state = customer()
    many = {f"{at}": "x" * 1_000 for at in range(100)}
    folded(state, event("1", kind="start", text="y" * 9_000, attributes=many, facts=many), live)
    kept = state.attempts["s|visit"].waits["a"].kept
    assert kept is not None
    assert (len(kept.facts), len(kept.attributes), len(kept.text or "")) == (16, 16, 256)
    assert {len(str(value)) for value in kept.attributes.values()} == {256}


def test_the_branch_that_was_taken_stays_taken() -> None:
    branches = f"[{{when: event.attributes.big == true, do: [{TEXT}]}}, {{do: [{TICKET}]}}]"
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, branch: {branches}}}]")
    state = customer()
    folded(state, event("1", kind="start", attributes={"big": True}), live)
    assert commands(timed(state, NOW + 2 * HOUR, live)) == ["send_message"]


def test_steps_that_count_from_a_held_one_begin_when_all_of_it_is_out() -> None:
    steps = f"[{{id: a, on: entry, do: [{TICKET}, {TEXT}]}}, {{id: b, after: 10m, since: a, do: [{TICKET}]}}]"
    live = rules(HEAD + QUIET + f"steps: {steps}")
    state = customer()
    folded(state, event("1", kind="start"), live)
    assert commands(timed(state, NOW + 2 * HOUR, live)) == ["send_message"]
    assert commands(timed(state, NOW + 2 * HOUR + 9 * MINUTE, live)) == []
    assert commands(timed(state, NOW + 2 * HOUR + 10 * MINUTE, live)) == ["create_ticket"]


def test_a_merge_keeps_what_is_held_and_sends_nothing_twice() -> None:
    live = rules(HEAD + QUIET + f"steps: [{{id: a, on: entry, do: [{TICKET}, {TEXT}]}}]")
    state = customer()
    folded(state, event("1", kind="start"), live)
    held = state.attempts["s|visit"]
    waiting = msgspec.structs.replace(held, waits={"a": Wait(due=NOW + 9 * HOUR, anchor=held.entry)})
    one, two = same_attempt(held, waiting), same_attempt(waiting, held)
    assert one == two
    assert (one.waits["a"].held, one.waits["a"].sent, one.waits["a"].due) == (True, [0], NOW + 2 * HOUR)
    state.attempts["s|visit"] = one
    assert commands(timed(state, NOW + 2 * HOUR, live)) == ["send_message"]


def test_what_quiet_hours_held_goes_out_in_the_order_of_strategies() -> None:
    chat = "{offer_chat: {template: hello, channel: sms}}"
    texts = [
        HEAD.replace("strategy: s", f"strategy: {name}")
        + QUIET
        + f"{more}steps: [{{id: a, on: entry, do: [{chat}]}}]"
        for name, more in (("a", ""), ("b", "priority: 90\n"), ("c", ""))
    ]
    live, state = rules(*texts), customer()
    assert commands(folded(state, event("1", kind="start"), live)) == []
    outputs = timed(state, NOW + 2 * HOUR, live)
    assert [one.strategy_id for one in outputs if isinstance(one, ActionCommand)] == ["b"]
    assert [rule for _, _, rule in decided(outputs)] == ["", "arbitration", "arbitration"]


def test_a_condition_to_wait_for_that_cannot_be_answered_is_an_error_and_the_step_is_given_up() -> None:
    live = rules(
        HEAD
        + HELD.replace(
            '!interactions.exists(one, one.channel == "voice" && !one.ended)', "event.facts.a == 1"
        )
    )
    state = customer()
    assert decided(folded(state, event("1", kind="start"), live)) == [("a", "error", "event.facts.a == 1")]
    assert decided(timed(state, NOW + 2 * HOUR, live)) == [("a", "suppressed", "hold_until")]
    assert state.next_due is None
