"""Whatever happens in whatever order: a held step goes out once, when it may and not after; repetitions end."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

from domain_values import HOUR, MINUTE, NOW, event, identified, profile, rules
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.replay import Replay

HOLD_MS, EVERY_MS, REPEAT = 2 * HOUR, 30 * MINUTE, 3
LIVE = rules(
    f"""
strategy: s
version: 1
title: A strategy
lane: transactional
entry: {{on: web.start}}
key: event.interaction_id
quiet_hours: {{from: "11:00", to: "11:30"}}
steps:
  - id: held
    on: entry
    hold_until: thread.facts.open == true
    hold_for: 2h
    do:
      - create_ticket: {{subject: x, priority: 1, text: y}}
      - send_message: {{template: hello, channel: sms}}
  - id: asked
    on: [web.ask]
    repeat: {REPEAT}
    hold_until: thread.facts.open == true
    hold_for: 2h
    do: [{{create_ticket: {{subject: x, priority: 1, text: y}}}}]
  - id: reminder
    after: 10m
    repeat: {REPEAT}
    every: 30m
    do: [{{create_ticket: {{subject: x, priority: 1, text: y}}}}]
exits: [{{on: web.leave}}]
"""
)
# NOW is 10 o'clock: an hour later the quiet hours begin.
EVENTS = st.lists(
    st.tuples(
        st.integers(0, 4 * HOUR // MINUTE),
        st.sampled_from(["start", "ask", "open", "close", "leave", "other"]),
        st.sampled_from(["x", "y"]),
    ),
    max_size=25,
)


def played(story: list[tuple[int, str, str]]) -> tuple[Replay, list[tuple[int, bool]]]:
    """The story, all about one order, folded to its end, and when what opens and closes the gate happened."""
    replay = Replay(LIVE, NOW)
    replay.fold(profile(identifiers=[]), profile())
    gate: list[tuple[int, bool]] = []
    for number, (minute, kind, name) in enumerate(sorted(story)):
        at = NOW + minute * MINUTE + number
        replay.advance(at)
        facts: dict[str, Any] = {"order_id": "1001"}
        if kind in ("open", "close"):
            gate.append((at, kind == "open"))
            facts["open"] = kind == "open"
        told = event(f"{number}", at, kind=kind, interaction_id=name, facts=facts)
        replay.fold(identified(told))
    replay.advance(NOW + 30 * HOUR)
    return replay, gate


@given(EVENTS)
def test_every_action_goes_out_once_and_no_step_more_often_than_it_may(
    story: list[tuple[int, str, str]],
) -> None:
    commands = played(story)[0].commands
    assert len({one.action_id for one in commands}) == len(commands)
    times = Counter((one.attempt_key, one.step, one.kind) for one in commands)
    for (_, step, _), count in times.items():
        assert count <= (1 if step == "held" else REPEAT)


@given(EVENTS)
def test_a_held_step_goes_out_when_its_gate_is_open_and_not_after_its_time(
    story: list[tuple[int, str, str]],
) -> None:
    replay, gate = played(story)
    entries = {one.attempt_key: one.decided_at for one in replay.decisions if one.step == "entry"}
    for command in replay.commands:
        if command.step in ("held", "asked"):
            assert [is_open for at, is_open in gate if at <= command.decided_at][-1:] == [True]
        if command.step == "held":
            assert command.decided_at <= entries[command.attempt_key] + HOLD_MS + GRACE_MS


@given(EVENTS)
def test_repetitions_keep_their_distance(story: list[tuple[int, str, str]]) -> None:
    replay, _ = played(story)
    for key in {one.attempt_key for one in replay.commands}:
        times = [
            one.decided_at for one in replay.commands if (one.attempt_key, one.step) == (key, "reminder")
        ]
        assert all(later - earlier >= EVERY_MS for earlier, later in pairwise(times))


@given(EVENTS)
def test_nothing_reaches_the_customer_in_quiet_hours_and_all_of_a_step_goes_out_in_the_end(
    story: list[tuple[int, str, str]],
) -> None:
    replay, _ = played(story)
    texts = [one for one in replay.commands if one.kind == "send_message"]
    assert all(not NOW + HOUR <= one.decided_at < NOW + HOUR + 30 * MINUTE for one in texts)
    for state in filter(None, map(replay.customer, replay.customers())):
        going_on = [attempt for attempt in state.attempts.values() if attempt.ended_at is None]
        assert not any(wait.held for attempt in going_on for wait in attempt.waits.values())


@given(EVENTS)
def test_the_same_story_gives_the_same_commands_and_decisions(story: list[tuple[int, str, str]]) -> None:
    one, two = played(story)[0], played(story)[0]
    assert one.commands == two.commands
    assert one.decisions == two.decisions
    assert len({it.decision_id for it in one.decisions}) == len(one.decisions)
