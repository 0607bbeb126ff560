"""Circumstances: declared in a file, in force for those whom their scope means."""

from __future__ import annotations

import pytest

from pipeline.domain.circumstances import Circumstance, in_force, load_circumstances
from pipeline.domain.state import CustomerState, Session, Thread, customer_view
from tests.domain_values import HOUR, event, folded, profile, rules

POWER = """
circumstances:
  - id: power-cut
    title: Power is out in SW1A
    scope: customer.postcode.startsWith("SW1A")
    from: 2026-03-02T10:00:00Z
    until: 2026-03-02T18:00:00Z
    tell: The power in your area is back by 6 pm.
"""


def loaded(text: str) -> tuple[Circumstance, ...]:
    found = load_circumstances(text, "now.yaml")
    assert isinstance(found, tuple), [str(problem) for problem in found]
    return found


def problems_of(text: str) -> list[str]:
    found = load_circumstances(text, "now.yaml")
    assert isinstance(found, list)
    return [str(problem) for problem in found]


def about(state: CustomerState) -> tuple:
    return (customer_view(state), state.history, Thread("", 0, 0), Session("", 0, 0, 0))


def in_sw1a() -> CustomerState:
    return CustomerState("C-1", profile=profile(postcode="SW1A 1AA"))


def test_it_is_in_force_for_those_concerned_and_from_its_start_until_just_before_its_end() -> None:
    (power,) = loaded(POWER)
    here, elsewhere = about(in_sw1a()), about(CustomerState("C-2", profile=profile(postcode="N1 9GU")))
    start, end = power.from_at, power.until_at
    assert end == start + 8 * HOUR
    assert in_force([power], start, here) == ["power-cut"]
    assert in_force([power], end - 1, here) == ["power-cut"]
    assert in_force([power], start - 1, here) == in_force([power], end, here) == []
    assert in_force([power], start, elsewhere) == []


def test_one_without_an_end_goes_on() -> None:
    (endless,) = loaded(POWER.replace("    until: 2026-03-02T18:00:00Z\n", ""))
    assert endless.until_at is None
    assert in_force([endless], endless.from_at + 10_000 * HOUR, about(in_sw1a())) == ["power-cut"]


def test_several_are_in_force_at_once_and_one_may_concern_everybody() -> None:
    everybody = POWER.partition("circumstances:\n")[2].replace("power-cut", "strike")
    everybody = everybody.replace('customer.postcode.startsWith("SW1A")', '"true"')
    both = loaded(POWER + everybody)
    now = both[0].from_at
    assert in_force(both, now, about(in_sw1a())) == ["power-cut", "strike"]
    assert in_force(both, now, about(CustomerState("C-2"))) == ["strike"]


def test_a_scope_that_cannot_be_decided_concerns_nobody() -> None:
    (broken,) = loaded(POWER.replace('customer.postcode.startsWith("SW1A")', "1 / history.contacts == 1"))
    assert in_force([broken], broken.from_at, about(in_sw1a())) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("customer.postcode.", "customer.postcod.", "now.yaml:5:21: Customer has no field 'postcod'"),
        ('customer.postcode.startsWith("SW1A")', "customer.value", "now.yaml:5:21: expected bool"),
        ("customer.postcode", "event.text", "now.yaml:5:12: "),
        ("18:00:00Z", "09:00:00Z", "now.yaml:7:12: it ends before it starts"),
        ("18:00:00Z", "10:00:00Z", "now.yaml:7:12: it ends before it starts"),
        ("2026-03-02T18:00:00Z", "tomorrow", "now.yaml:7:12: 'tomorrow' is not a time"),
        ("18:00:00Z", "18:00:00", "now.yaml:7:12: '2026-03-02T18:00:00' has no zone"),
        ("tell:", "say:", "say"),
        ("power-cut", "Power cut", "now.yaml:3:9: "),
    ],
)
def test_a_mistake_is_named_with_its_place(old: str, new: str, problem: str) -> None:
    assert problem in "\n".join(problems_of(POWER.replace(old, new)))


def test_the_same_id_twice_is_a_mistake() -> None:
    twice = POWER + POWER.partition("circumstances:\n")[2]
    assert problems_of(twice) == [
        "now.yaml:9:9: there is another circumstance power-cut; give each its own id"
    ]


DEFLECT = """
strategy: deflect
version: 1
title: Tell callers that we know
lane: service_reply
entry:
  on: [voice.call_started]
  when: '"power-cut" in circumstances'
key: event.event_id
steps:
  - id: tell
    on: entry
    do: [{send_message: {template: hello, channel: sms}}]
"""


def test_a_condition_reads_those_in_force_at_its_moment() -> None:
    live = rules(DEFLECT)
    live.circumstances = loaded(POWER.replace("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z"))
    state = in_sw1a()
    from_at = live.circumstances[0].from_at
    before = folded(state, event("1", from_at - 1, "call_started", "voice"), live)
    within = folded(state, event("2", from_at, "call_started", "voice"), live)
    assert [type(one).__name__ for one in before if one.key == "C-1"].count("ActionCommand") == 0
    assert [type(one).__name__ for one in within if one.key == "C-1"].count("ActionCommand") == 1
