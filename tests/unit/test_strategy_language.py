"""What strategies can say beside their steps' moments: branches, repetitions, counts, order, groups, own texts."""

from __future__ import annotations

from typing import Any

import pytest
from domain_values import DAY, HOUR, MINUTE, NOW, SECOND, event, folded, profile, rules

from pipeline.domain import state as states
from pipeline.domain.customer import fire
from pipeline.domain.messages import ActionCommand, Decision, Output
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.policy import Cap, QuietHours

HEAD = """
strategy: s
version: 1
title: A strategy
lane: service_reply
entry: {on: web.start}
key: event.interaction_id
"""
TICKET = "{create_ticket: {subject: x, priority: 1, text: y}}"
ESCALATE = "{escalate: {to: x, reason: y}}"
CHAT = "{offer_chat: {template: hello, channel: sms}}"


def named(name: str, extra: str = "", do: str = TICKET, lane: str = "service_reply") -> str:
    head = HEAD.replace("strategy: s", f"strategy: {name}").replace("service_reply", lane)
    return f"{head}{extra}\nsteps: [{{id: a, on: entry, do: [{do}]}}]"


def customer(**more: Any) -> CustomerState:
    return CustomerState("C-1", known=True, profile=profile(**more))


def sent(outputs: list[Output]) -> list[tuple[str, str]]:
    return [(one.strategy_id, one.kind) for one in outputs if isinstance(one, ActionCommand)]


def refused(outputs: list[Output]) -> list[tuple[str, str, str]]:
    decisions = [one for one in outputs if isinstance(one, Decision) and one.outcome != "fired"]
    return [(one.strategy_id, one.outcome, one.reasons[-1].rule) for one in decisions]


def timed(state: CustomerState, now: int, live: Rules) -> list[Output]:
    again = states.decode(states.encode(state))
    for field in state.__struct_fields__:
        setattr(state, field, getattr(again, field))
    return fire(state, now, live)


def test_all_that_a_file_can_say_of_its_policy() -> None:
    live = rules(
        named(
            "s",
            "priority: 80\nscore: =customer.value\nexclusive: winback\ncontrol: 10\nin_flight: migrate\n"
            "caps: [{times: 1, per: 7d}, {times: 2, per: 1d, channel: sms}]\n"
            "quiet_hours: {from: '21:00', to: '08:00', then: drop}\n",
            lane="proactive",
        )
    )
    policy = live.strategies["s"].policy
    assert (policy.priority, policy.exclusive, policy.control) == (80, "winback", 10)
    assert policy.caps == (Cap(1, 7 * DAY), Cap(2, DAY, "sms"))
    assert policy.quiet_hours == QuietHours(21 * 60, 8 * 60, hold=False)
    assert live.strategies["s"].in_flight == "migrate"


@pytest.mark.parametrize(("value", "kind"), [(900.0, "escalate"), (500.0, "create_ticket"), (10.0, None)])
def test_a_step_takes_the_first_branch_whose_conditions_hold(value: float, kind: str | None) -> None:
    first, second = (
        f"when: customer.value > 500.0, do: [{ESCALATE}]",
        f"when: customer.value > 50.0, do: [{TICKET}]",
    )
    branches = f"[{{{first}}}, {{{second}}}]"
    live = rules(HEAD + f"steps: [{{id: a, on: entry, branch: {branches}}}]")
    outputs = folded(customer(value=value), event("1", kind="start"), live)
    assert [kind for _, kind in sent(outputs)] == ([kind] if kind else [])
    assert refused(outputs) == ([] if kind else [("s", "suppressed", "customer.value > 50.0")])


def test_actions_of_different_branches_have_different_ids() -> None:
    branches = f"[{{when: customer.value > 500.0, do: [{TICKET}]}}, {{do: [{TICKET}]}}]"
    live = rules(HEAD + f"steps: [{{id: a, on: entry, branch: {branches}}}]")
    ids = set()
    for value in (900.0, 10.0):
        outputs = folded(customer(value=value), event("1", kind="start"), live)
        ids |= {one.action_id for one in outputs if isinstance(one, ActionCommand)}
    assert len(ids) == 2


def test_a_branch_that_cannot_be_decided_is_an_error_and_no_later_one_is_taken() -> None:
    branches = f"[{{when: event.facts.none == 1, do: [{ESCALATE}]}}, {{do: [{TICKET}]}}]"
    live = rules(HEAD + f"steps: [{{id: a, on: entry, branch: {branches}}}]")
    outputs = folded(customer(), event("1", kind="start"), live)
    assert sent(outputs) == []
    assert refused(outputs) == [("s", "error", "event.facts.none == 1")]


def test_a_step_comes_again_and_again_up_to_its_limit() -> None:
    live = rules(HEAD + f"steps: [{{id: a, after: 1h, repeat: 3, every: 1d, do: [{TICKET}]}}]")
    state = customer()
    folded(state, event("1", kind="start"), live)
    first = NOW + HOUR
    times = [first, first + DAY - 1, first + DAY, first + 2 * DAY, first + 9 * DAY]
    outputs = [timed(state, at, live) for at in times]
    assert [len(sent(one)) for one in outputs] == [1, 0, 1, 1, 0]
    commands = [one for some in outputs for one in some if isinstance(one, ActionCommand)]
    assert [one.occurrence for one in commands] == [0, 1, 2]
    assert state.attempts["s|visit"].ended_at == first + 2 * DAY


def test_a_repetition_is_called_off_by_the_event_that_it_waits_for() -> None:
    step = f"{{id: a, absent: [web.done], for: 1h, repeat: 3, every: 1d, do: [{TICKET}]}}"
    live, state = rules(HEAD + f"steps: [{step}]"), customer()
    folded(state, event("1", kind="start"), live)
    assert len(sent(timed(state, NOW + 2 * HOUR, live))) == 1
    folded(state, event("2", NOW + 3 * HOUR, kind="done"), live)
    assert sent(timed(state, NOW + 9 * DAY, live)) == []


def test_a_step_comes_with_the_last_of_so_many_events_for_which_its_condition_holds() -> None:
    when = "when: 'event.attributes.of == \"shoe\"'"
    step = f"{{id: a, on: [web.start, web.view], count: 3, {when}, do: [{TICKET}]}}"
    live, state = rules(HEAD + f"steps: [{step}]"), customer()
    came = []
    for at, of in enumerate(["shoe", "hat", "shoe", "shoe", "shoe"]):
        seen = event(f"{at}", NOW + at * SECOND, kind="view" if at else "start", attributes={"of": of})
        came.append(len(sent(folded(state, seen, live))))
    assert came == [0, 0, 0, 1, 0]


def test_counted_events_lie_close_together_and_late_ones_count_where_they_belong() -> None:
    step = f"{{id: a, on: [web.view], count: 3, within: 2m, repeat: 2, do: [{TICKET}]}}"
    live, state = rules(HEAD + f"steps: [{step}]"), customer()
    folded(state, event("0", kind="start"), live)
    came = []
    for name, at in (("1", 0), ("2", 5 * MINUTE), ("3", 7 * MINUTE), ("4", 6 * MINUTE), ("5", 8 * MINUTE)):
        seen = event(name, NOW + at, kind="view", received_at=NOW + 8 * MINUTE)
        came.append(len(sent(folded(state, seen, live))))
    assert came == [0, 0, 0, 1, 0]


def test_strategies_are_asked_by_lane_then_priority_then_score_then_name() -> None:
    live = rules(
        named("a", lane="transactional"),
        named("b", "priority: 20"),
        named("c", "score: 1"),
        named("d", "score: =customer.value"),
        named("e"),
        named("f", "priority: 70"),
        named("g", lane="safety"),
        named("h"),
    )
    outputs = folded(customer(), event("1", kind="start"), live)
    assert [name for name, _ in sent(outputs)] == ["g", "f", "d", "c", "e", "h", "b", "a"]


def test_scores_are_computed_only_where_they_decide() -> None:
    alone = rules(named("a", "score: =history.orders.nothing.value"), named("b", "priority: 60"))
    assert alone.scored == frozenset()
    assert refused(folded(customer(), event("1", kind="start"), alone)) == []


def test_a_score_that_cannot_be_computed_counts_as_nothing_and_is_recorded_once() -> None:
    live = rules(named("a", "score: =event.facts.worth"), named("b", "score: 1"), named("c"))
    state = customer()
    outputs = folded(state, event("1", kind="start"), live)
    assert [name for name, _ in sent(outputs)] == ["b", "a", "c"]
    assert refused(outputs) == [("a", "error", "score: event.facts.worth")]
    assert refused(folded(state, event("2", NOW + 1, kind="start", interaction_id="x"), live)) == []


def test_what_demands_attention_goes_to_the_first_in_order() -> None:
    live = rules(named("a", do=CHAT), named("b", "priority: 60", do=CHAT))
    outputs = folded(customer(), event("1", kind="start"), live)
    assert sent(outputs) == [("b", "offer_chat")]
    assert refused(outputs) == [("a", "suppressed", "arbitration")]


def test_a_customer_is_in_one_strategy_of_a_group_at_a_time() -> None:
    waits = f"steps: [{{id: a, after: 1h, do: [{TICKET}]}}]"
    head = HEAD.replace("strategy: s", "strategy: a") + "exclusive: g\n"
    live = rules(head + waits, named("b", "exclusive: g\npriority: 40"))
    state = customer()
    outputs = folded(state, event("1", kind="start"), live)
    assert (sent(outputs), refused(outputs)) == ([], [("b", "suppressed", "arbitration")])
    timed(state, NOW + HOUR, live)
    again = folded(
        state, event("2", NOW + 2 * HOUR, kind="start", interaction_id="x"), rules(named("b", "exclusive: g"))
    )
    assert sent(again) == [("b", "create_ticket")]


def test_who_has_had_its_turn_at_this_moment_keeps_the_others_of_its_group_out() -> None:
    live = rules(named("a", "exclusive: g"), named("b", "exclusive: g"), named("c", "exclusive: h"))
    outputs = folded(customer(), event("1", kind="start"), live)
    assert [name for name, _ in sent(outputs)] == ["a", "c"]
    assert refused(outputs) == [("b", "suppressed", "arbitration")]


def test_a_strategy_that_starts_again_and_again_is_stopped_for_a_while() -> None:
    live, state = rules(named("s")), customer()
    times = [NOW + at * SECOND for at in range(25)] + [NOW + 2 * HOUR]
    outputs = [folded(state, event(f"{at}", at, kind="start", interaction_id=f"{at}"), live) for at in times]
    assert [len(sent(one)) for one in outputs] == [1] * 20 + [0] * 5 + [1]
    assert [one for some in outputs for one in refused(some)] == [("s", "suppressed", "loop_guard")]


def test_strategies_that_start_each_other_are_stopped_too() -> None:
    live, state = rules(named("a"), named("b")), customer()
    outputs: list[Output] = []
    for at in range(40):
        outputs += folded(state, event(f"{at}", NOW + at, kind="start", interaction_id=f"{at}"), live)
    assert len(sent(outputs)) < 40
    assert {rule for _, _, rule in refused(outputs)} == {"loop_guard"}


def test_a_text_of_its_own_goes_before_the_brands() -> None:
    text = named(
        "a",
        "templates: {hello: {default: {en: 'Own {{ brand }} {{ links.form }}'}}}",
        "{send_message: {template: hello}}",
    )
    outputs = folded(
        customer(), event("1", kind="start"), rules(text, named("b", do="{send_message: {template: hello}}"))
    )
    texts = [one.body.text for one in outputs if isinstance(one, ActionCommand)]
    assert texts == ["Own Northwind https://shop.example.com/form", "Northwind: hello Maya"]
