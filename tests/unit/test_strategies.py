"""Strategies at work: entries, steps, waits, exits, and what is recorded of them."""

from __future__ import annotations

from typing import Any

from domain_values import DAY, HOUR, MINUTE, NOW, SECOND, event, folded, profile, rules

from pipeline.domain import state as states
from pipeline.domain.actions import CreateTicket, SendMessage
from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.customer import fire
from pipeline.domain.messages import ActionCommand, Decision, Output, SessionClosed
from pipeline.domain.state import ATTEMPTS, CustomerState
from pipeline.domain.strategies.compiled import Rules

HEAD = """
strategy: s
version: 1
title: A strategy
lane: service_reply
entry: {on: web.start}
key: event.interaction_id
"""
TICKET = "do: [{create_ticket: {subject: x, priority: 1, text: y}}]"


def customer(**more: Any) -> CustomerState:
    return CustomerState("C-1", known=True, profile=profile(**more))


def commands(outputs: list[Output]) -> list[ActionCommand]:
    return [one for one in outputs if isinstance(one, ActionCommand)]


def decided(outputs: list[Output]) -> list[tuple[str, str]]:
    return [(one.step, one.outcome) for one in outputs if isinstance(one, Decision)]


def timed(state: CustomerState, now: int, live: Rules) -> list[Output]:
    again = states.decode(states.encode(state))
    for field in state.__struct_fields__:
        setattr(state, field, getattr(again, field))
    return fire(state, now, live)


def test_an_entry_starts_one_attempt_for_each_key() -> None:
    live = rules(HEAD + f"steps: [{{id: a, on: entry, {TICKET}}}]")
    state = customer()
    assert len(commands(folded(state, event("1", kind="start", interaction_id="x"), live))) == 1
    assert commands(folded(state, event("2", NOW + 1, kind="start", interaction_id="x"), live)) == []
    assert len(commands(folded(state, event("3", NOW + 2, kind="start", interaction_id="y"), live))) == 1


def test_a_command_says_where_it_comes_from() -> None:
    live = rules(HEAD + f"steps: [{{id: a, on: entry, {TICKET}}}]")
    state = customer()
    outputs = folded(state, event("1", kind="start", text="hello"), live)
    (command,) = commands(outputs)
    decision = [one for one in outputs if isinstance(one, Decision)][-1]
    assert command.body == CreateTicket(subject="x", priority=1, text="y")
    assert (command.kind, command.lane, command.key) == ("create_ticket", "service_reply", "C-1")
    assert (command.strategy_id, command.step, command.attempt_key, command.occurrence) == (
        "s",
        "a",
        "visit",
        0,
    )
    assert (command.event_id, command.interaction_id, command.decided_at) == ("1", "visit", NOW)
    assert command.session_id == state.sessions[0].session_id
    assert command.thread_id == state.threads[0].thread_id
    assert decision.action_ids == [command.action_id]
    assert state.threads[0].steps_done == ["s/a"]


def test_two_customers_with_one_key_get_actions_of_their_own() -> None:
    live = rules(HEAD + f"steps: [{{id: a, on: entry, {TICKET}}}]")
    ids = set()
    for customer_id in ("C-1", "C-2"):
        outputs = folded(CustomerState(customer_id), event("1", kind="start"), live)
        ids |= {command.action_id for command in commands(outputs)}
    assert len(ids) == 2


def test_a_condition_that_fails_is_recorded_with_what_it_saw() -> None:
    live = rules(
        HEAD + f"steps: [{{id: a, on: entry, when: [session.events > 0, customer.value > 900.0], {TICKET}}}]"
    )
    outputs = folded(customer(), event("1", kind="start"), live)
    decision = [one for one in outputs if isinstance(one, Decision)][-1]
    assert commands(outputs) == []
    assert (decision.step, decision.outcome) == ("a", "suppressed")
    assert [(reason.rule, reason.held) for reason in decision.reasons] == [("customer.value > 900.0", False)]
    assert decision.reasons[0].values["customer.value"].startswith("800")


def test_conditions_that_hold_are_recorded_too() -> None:
    live = rules(
        HEAD + f"steps: [{{id: a, on: entry, when: [session.events > 0, customer.value > 9.0], {TICKET}}}]"
    )
    outputs = folded(customer(), event("1", kind="start"), live)
    decision = [one for one in outputs if isinstance(one, Decision)][-1]
    assert [(reason.rule, reason.held) for reason in decision.reasons] == [
        ("session.events > 0", True),
        ("customer.value > 9.0", True),
    ]


def test_the_same_refusal_is_recorded_once_and_another_one_again() -> None:
    when = '["has(event.facts.a)", "has(event.facts.b)"]'
    live = rules(HEAD + f"steps: [{{id: a, on: [web.field], when: {when}, {TICKET}}}]")
    state = customer()
    folded(state, event("1", kind="start"), live)
    seen = []
    for at, facts in enumerate(({}, {}, {"a": 1}, {"a": 1}, {}, {"a": 1, "b": 1})):
        seen.append(decided(folded(state, event(f"f{at}", NOW + at, kind="field", facts=facts), live)))
    assert seen == [
        [("a", "suppressed")],
        [],
        [("a", "suppressed")],
        [],
        [("a", "suppressed")],
        [("a", "fired")],
    ]


def test_a_refused_entry_is_recorded_once_in_a_session() -> None:
    text = HEAD.replace("{on: web.start}", "{on: web.start, when: customer.value > 900.0}")
    live = rules(text + f"steps: [{{id: a, on: entry, {TICKET}}}]")
    state = customer()
    assert decided(folded(state, event("1", kind="start"), live)) == [("entry", "suppressed")]
    assert decided(folded(state, event("2", NOW + 1, kind="start"), live)) == []
    timed(state, NOW + HOUR, live)
    assert decided(folded(state, event("3", NOW + HOUR, kind="start"), live)) == [("entry", "suppressed")]


def test_an_event_that_the_entry_is_not_about_is_no_decision_and_a_customer_who_is_refused_is_one() -> None:
    when = "event.interaction_id == 'x' && customer.value > 900.0"
    live = rules(
        HEAD.replace("{on: web.start}", f'{{on: web.start, when: "{when}"}}')
        + f"steps: [{{id: a, on: entry, {TICKET}}}]"
    )
    state = customer()
    assert decided(folded(state, event("1", kind="start", interaction_id="y"), live)) == []
    assert decided(folded(state, event("2", NOW + 1, kind="start", interaction_id="x"), live)) == [
        ("entry", "suppressed")
    ]


def test_a_condition_in_error_is_recorded_and_stops_only_its_step() -> None:
    steps = f"steps: [{{id: a, on: entry, when: event.facts.none == 1, {TICKET}}}, {{id: b, on: entry, {TICKET}}}]"
    outputs = folded(customer(), event("1", kind="start"), rules(HEAD + steps))
    assert decided(outputs) == [("entry", "fired"), ("a", "error"), ("b", "fired")]
    assert [command.step for command in commands(outputs)] == ["b"]


def test_an_action_that_cannot_be_built_sends_nothing_of_its_step() -> None:
    ticket = "{create_ticket: {subject: x, priority: 1, text: y}}"
    refund = "{refund: {order_id: x, amount: =event.facts.a, currency: GBP, reason: z}}"
    live = rules(HEAD + f"steps: [{{id: a, on: entry, do: [{ticket}, {refund}]}}]")
    for facts in ({}, {"a": "much"}, {"a": -1.0}, {"a": float("inf")}):
        outputs = folded(customer(), event("1", kind="start", facts=facts), live)
        assert commands(outputs) == []
        assert decided(outputs)[-1] == ("a", "error")
    assert len(commands(folded(customer(), event("1", kind="start", facts={"a": 2.5}), live))) == 2


def test_an_entry_without_a_key_is_an_error() -> None:
    live = rules(
        HEAD.replace("event.interaction_id", "string(event.facts.k)")
        + f"steps: [{{id: a, on: entry, {TICKET}}}]"
    )
    assert decided(folded(customer(), event("1", kind="start"), live)) == [("entry", "error")]
    assert len(commands(folded(customer(), event("1", kind="start", facts={"k": "v"}), live))) == 1


def test_a_step_repeats_up_to_its_limit_with_ids_of_its_own() -> None:
    live = rules(HEAD + f"steps: [{{id: a, on: [web.field], repeat: 2, {TICKET}}}]")
    state = customer()
    folded(state, event("1", kind="start"), live)
    found = []
    for at in range(4):
        found += commands(folded(state, event(f"f{at}", NOW + at, kind="field"), live))
    assert [command.occurrence for command in found] == [0, 1]
    assert len({command.action_id for command in found}) == 2
    assert state.attempts["s|visit"].ended_at == NOW + 1


def test_an_old_event_starts_nothing() -> None:
    live = rules(HEAD + f"max_age: 5m\nsteps: [{{id: a, on: entry, {TICKET}}}]")
    outputs = folded(customer(), event("1", kind="start"), live, now=NOW + 5 * MINUTE + 1)
    assert decided(outputs) == [("entry", "suppressed")]
    assert decided(folded(customer(), event("1", kind="start"), live, now=NOW + 5 * MINUTE))[-1] == (
        "a",
        "fired",
    )


def test_a_delay_runs_after_its_time_and_only_then() -> None:
    live = rules(HEAD + f"steps: [{{id: a, on: entry, {TICKET}}}, {{id: b, after: 2h, since: a, {TICKET}}}]")
    state = customer()
    folded(state, event("1", kind="start"), live, now=NOW + 7)
    assert commands(timed(state, NOW + 2 * HOUR + 6, live)) == []
    (command,) = commands(timed(state, NOW + 2 * HOUR + 7, live))
    assert (command.step, command.event_id, command.interaction_id) == ("b", None, "visit")
    assert commands(timed(state, NOW + DAY, live)) == []
    assert state.attempts["s|visit"].ended_at == NOW + 2 * HOUR + 7


def test_delays_follow_each_other_in_one_call_when_the_clock_jumps() -> None:
    steps = f"steps: [{{id: b, after: 1h, {TICKET}}}, {{id: c, after: 1h, since: b, {TICKET}}}]"
    live = rules(HEAD + steps)
    state = customer()
    folded(state, event("1", kind="start"), live)
    assert [command.step for command in commands(timed(state, NOW + DAY, live))] == ["b"]
    assert [command.step for command in commands(timed(state, NOW + DAY + HOUR, live))] == ["c"]


ABSENCE = HEAD + f"steps: [{{id: a, absent: web.done, since: [web.start, web.field], for: 5m, {TICKET}}}]"


def test_an_absence_waits_for_the_grace() -> None:
    live, state = rules(ABSENCE), customer()
    folded(state, event("1", kind="start"), live)
    due = NOW + 5 * MINUTE + GRACE_MS
    assert state.next_due == due
    assert commands(timed(state, due - 1, live)) == []
    assert len(commands(timed(state, due, live))) == 1
    assert commands(timed(state, due + HOUR, live)) == []


def test_the_awaited_event_calls_the_wait_off_even_when_it_is_late() -> None:
    live, state = rules(ABSENCE), customer()
    folded(state, event("1", kind="start"), live)
    late = event("2", NOW + 5 * MINUTE - SECOND, kind="done", received_at=NOW + 5 * MINUTE + GRACE_MS - 1)
    folded(state, late, live)
    assert commands(timed(state, NOW + DAY, live)) == []


def test_the_awaited_event_calls_off_a_long_wait_although_it_is_too_late_for_its_session() -> None:
    live, state = rules(ABSENCE.replace("5m", "3h")), customer()
    folded(state, event("1", kind="start"), live)
    folded(state, event("2", NOW + MINUTE, kind="done", received_at=NOW + 2 * HOUR), live)
    assert commands(timed(state, NOW + DAY, live)) == []


def test_what_happened_before_the_awaited_event_begins_no_wait_whenever_it_arrives() -> None:
    live, state = rules(ABSENCE), customer()
    folded(state, event("1", kind="start"), live)
    folded(state, event("2", NOW + 2 * SECOND, kind="done"), live)
    folded(state, event("3", NOW + SECOND, kind="field", received_at=NOW + 3 * SECOND), live)
    assert commands(timed(state, NOW + HOUR, live)) == []
    folded(state, event("4", NOW + HOUR, kind="field"), live)
    assert len(commands(timed(state, NOW + 2 * HOUR, live))) == 1


def test_a_later_event_begins_the_wait_anew_and_an_earlier_one_does_not() -> None:
    live, state = rules(ABSENCE), customer()
    folded(state, event("1", kind="start"), live)
    folded(state, event("2", NOW + 2 * MINUTE, kind="field"), live)
    folded(state, event("3", NOW + MINUTE, kind="field", received_at=NOW + 2 * MINUTE), live)
    due = NOW + 7 * MINUTE + GRACE_MS
    assert commands(timed(state, due - 1, live)) == []
    assert len(commands(timed(state, due, live))) == 1


def test_an_exit_ends_the_attempt_and_its_waits() -> None:
    live = rules(ABSENCE + "\nexits: [{on: web.left, when: session.events > 1}]")
    state = customer()
    folded(state, event("1", kind="start"), live)
    folded(state, event("2", NOW + 1, kind="left"), live)
    assert commands(timed(state, NOW + HOUR, live)) == []
    assert commands(folded(state, event("3", NOW + HOUR, kind="start"), live)) == []


def test_an_attempt_ends_by_age() -> None:
    live = rules(
        HEAD + f"lifetime: 1h\nsteps: [{{id: a, on: [web.field], {TICKET}}}, {{id: b, after: 2h, {TICKET}}}]"
    )
    state = customer()
    folded(state, event("1", kind="start"), live)
    assert commands(timed(state, NOW + 2 * HOUR, live)) == []
    assert commands(folded(state, event("2", NOW + 2 * HOUR, kind="field"), live)) == []


def test_a_strategy_that_is_live_no_more_leaves_nothing_to_do() -> None:
    state = customer()
    folded(state, event("1", kind="start"), rules(ABSENCE))
    assert [one for one in timed(state, NOW + HOUR, rules()) if not isinstance(one, SessionClosed)] == []
    assert state.next_due is None


def test_a_message_goes_the_preferred_way_in_the_customers_language() -> None:
    live = rules(HEAD + "steps: [{id: a, on: entry, do: [{send_message: {template: hello}}]}]")
    (command,) = commands(folded(customer(language="de"), event("1", kind="start"), live))
    assert command.body == SendMessage(
        channel="sms", to="+442079460018", template="hello", language="de", text="Northwind: hallo Maya"
    )


def test_what_consent_stops_is_named_and_the_rest_of_the_step_goes_out() -> None:
    ticket, message = TICKET.removesuffix("]"), "{send_message: {template: hello, channel: sms}}]"
    live = rules(HEAD + f"steps: [{{id: a, on: entry, {ticket}, {message}}}]")
    state = customer(consent={"service/sms": False})
    outputs = folded(state, event("1", kind="start"), live)
    decision = [one for one in outputs if isinstance(one, Decision)][-1]
    assert [command.kind for command in commands(outputs)] == ["create_ticket"]
    assert (decision.outcome, decision.reasons[-1].rule) == ("fired", "consent")


def test_a_step_of_which_nothing_is_left_may_still_be_done_later() -> None:
    live = rules(
        HEAD.replace("service_reply", "proactive")
        + "steps: [{id: a, on: [web.field], do: [{send_message: {template: hello}}]}]"
    )
    state = customer()
    folded(state, event("1", kind="start"), live)
    assert decided(folded(state, event("2", NOW + 1, kind="field"), live)) == [("a", "suppressed")]
    assert state.profile is not None
    state.profile.consent["marketing/sms"] = True
    assert len(commands(folded(state, event("3", NOW + 2, kind="field"), live))) == 1


def test_an_answer_in_public_goes_where_the_customer_wrote_also_from_a_later_step() -> None:
    text = HEAD.replace("web.start", "social.comment").replace("event.interaction_id", "customer.id")
    live = rules(text + "steps: [{id: a, on: [web.field], do: [{reply_public: {template: form_link}}]}]")
    state = customer()
    folded(state, event("1", kind="comment", channel="social", reply_to="c-7", text="hm"), live)
    (command,) = commands(folded(state, event("2", NOW + 1, kind="field"), live))
    assert (command.body.channel, command.body.reply_to) == ("social", "c-7")
    assert command.body.text == "See https://shop.example.com/form"


def test_attempts_are_bounded() -> None:
    live, state = rules(ABSENCE), customer()
    for at in range(ATTEMPTS + 5):
        folded(state, event(f"e{at}", NOW + at * HOUR, kind="start", interaction_id=f"i{at}"), live)
    assert len(state.attempts) == ATTEMPTS
    assert f"s|i{ATTEMPTS + 4}" in state.attempts
