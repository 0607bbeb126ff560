"""What gates hold back, and when it goes out: strategies from their files through the whole pipeline."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from domain_values import DEVICE, HOUR, MINUTE, NOW, NUMBER, event, profile
from merging_values import merge

from pipeline.domain.ids import bucket, provisional_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import ActionReceipt
from pipeline.domain.replay import Replay
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules

BRAND = """
brand: Northwind
timezone: Europe/Berlin
quiet_hours: {from: "21:00", to: "08:00"}
templates:
  hello: {default: {en: hello}}
"""
GRANTED = {"marketing/sms": True, "marketing/web": True}
EVENING = int(datetime(2026, 3, 28, 20, 30, tzinfo=UTC).timestamp() * 1000)
"""21:30 in Berlin, in the night in which the clock is put forward."""
MORNING = int(datetime(2026, 3, 29, 6, 0, tzinfo=UTC).timestamp() * 1000)


def strategy(
    name: str,
    lane: str = "transactional",
    more: str = "",
    do: str = "",
    on: str = "entry",
    key: str = "event.event_id",
) -> str:
    do = do or "{send_message: {template: hello, channel: sms}}"
    return f"""
strategy: {name}
version: 1
title: A strategy
lane: {lane}
entry: {{on: web.{name}}}
key: {key}
{more}
steps:
  - {{id: tell, {"on: entry" if on == "entry" else on}, do: [{do}]}}
  - {{id: after, after: 1h, since: tell, do: [{{create_ticket: {{subject: x, priority: 1, text: y}}}}]}}
"""


def pipeline(*files: str, now: int = NOW, stopped: str | None = None, **more: Any) -> Replay:
    """The pipeline with these strategies, and one customer known to it."""
    compiled = compile_rules({f"{at}.yaml": text for at, text in enumerate(files)}, BRAND, "brand.yaml")
    assert isinstance(compiled, Rules), [str(problem) for problem in compiled]
    rules = Rules(list(compiled.strategies.values()), compiled.brand, stopped=stopped)
    replay = Replay(rules, now)
    replay.fold(profile(**{"updated_at": now, "consent": GRANTED, **more}))
    return replay


def happens(replay: Replay, name: str, kind: str, channel: str = "web", **more: Any) -> None:
    replay.fold(event(name, replay.now, kind, channel, identifiers=[NUMBER], **more))


def sent(replay: Replay) -> list[tuple[str, str, int]]:
    return [(one.strategy_id, one.kind, one.decided_at) for one in replay.commands]


def suppressed(replay: Replay) -> list[tuple[str, str]]:
    return [
        (one.strategy_id, one.reasons[-1].rule) for one in replay.decisions if one.outcome == "suppressed"
    ]


def test_what_is_held_in_quiet_hours_goes_out_when_they_end() -> None:
    replay = pipeline(strategy("news", "proactive"), now=EVENING)
    happens(replay, "1", "news")
    replay.advance(MORNING - 1)
    assert (sent(replay), suppressed(replay)) == ([], [("news", "quiet_hours")])
    replay.advance(MORNING)
    assert sent(replay) == [("news", "send_message", MORNING)]
    replay.advance(MORNING + HOUR)
    assert sent(replay)[1:] == [("news", "create_ticket", MORNING + HOUR)]


def test_what_is_held_is_judged_anew_when_its_time_comes() -> None:
    replay = pipeline(strategy("news", "proactive"), now=EVENING)
    happens(replay, "1", "news")
    replay.advance(EVENING + HOUR)
    replay.fold(profile(updated_at=EVENING + HOUR, consent={"marketing/sms": False}))
    replay.advance(MORNING + HOUR)
    assert sent(replay) == []
    assert suppressed(replay) == [("news", "quiet_hours"), ("news", "consent")]


def test_a_customer_who_moves_is_told_in_the_morning_of_where_they_are() -> None:
    replay = pipeline(strategy("news", "proactive"), now=EVENING)
    happens(replay, "1", "news")
    replay.fold(profile(updated_at=EVENING + 1, consent=GRANTED, timezone="America/New_York"))
    replay.advance(EVENING + HOUR)
    happens(replay, "2", "page_viewed")
    assert sent(replay) == [("news", "send_message", EVENING + HOUR)]


def test_a_strategys_own_quiet_hours_can_drop() -> None:
    drop = 'quiet_hours: {from: "20:00", to: "07:00", then: drop}'
    replay = pipeline(strategy("parcel", more=drop), now=EVENING)
    happens(replay, "1", "parcel")
    replay.advance(MORNING + HOUR)
    assert (sent(replay), suppressed(replay)) == ([], [("parcel", "quiet_hours")])


BOTH = (
    '{push_page: {interaction_id: =event.interaction_id, url: "https://shop.example.com"}},'
    " {send_message: {template: hello, channel: sms}}"
)


def test_on_a_call_the_page_is_pushed_at_once_and_the_text_follows_the_hang_up() -> None:
    replay = pipeline(strategy("page", do=BOTH))
    happens(replay, "1", "started", "voice", interaction_id="c")
    happens(replay, "2", "page")
    replay.advance(NOW + 10 * MINUTE)
    assert sent(replay) == [("page", "push_page", NOW)]
    happens(replay, "3", "note", "voice", interaction_id="c")
    assert len(replay.commands) == 1
    happens(replay, "4", "ended", "voice", interaction_id="c", ended=True)
    assert sent(replay)[1:] == [("page", "send_message", NOW + 10 * MINUTE)]
    replay.advance(NOW + 2 * HOUR)
    assert [kind for _, kind, _ in sent(replay)] == ["push_page", "send_message", "create_ticket"]


def test_a_merge_repeats_nothing_of_a_step_that_is_held_half() -> None:
    replay = pipeline(strategy("page", do=BOTH))
    happens(replay, "1", "started", "voice", interaction_id="c")
    replay.fold(profile("C-2", updated_at=NOW, consent=GRANTED))
    happens(replay, "2", "page")
    replay.fold(merge("C-2", "C-1", "linked_customer_number"))
    happens(replay, "3", "ended", "voice", interaction_id="c", ended=True)
    assert [(one.kind, one.customer_id) for one in replay.commands] == [
        ("push_page", "C-1"),
        ("send_message", "C-2"),
    ]


def test_two_timers_of_one_instant_do_not_both_demand_attention() -> None:
    offer = "{offer_chat: {template: hello, channel: sms}}"
    waits = "after: 5m"
    replay = pipeline(
        strategy("first", more="priority: 10", do=offer, on=waits), strategy("second", do=offer, on=waits)
    )
    happens(replay, "1", "first")
    happens(replay, "2", "second")
    replay.advance(NOW + HOUR)
    assert [one[0] for one in sent(replay)] == ["second"]
    assert suppressed(replay) == [("first", "arbitration")]


def test_of_an_exclusive_group_one_strategy_begins_and_the_next_when_that_is_over() -> None:
    group = "exclusive: winback"
    replay = pipeline(strategy("one", more=group), strategy("two", more=group))
    happens(replay, "1", "one")
    happens(replay, "2", "two")
    assert ([one[0] for one in sent(replay)], suppressed(replay)) == (["one"], [("two", "arbitration")])
    replay.advance(NOW + 2 * HOUR)
    happens(replay, "3", "two")
    assert [one[0] for one in sent(replay)] == ["one", "one", "two"]


def test_the_kill_switch_lets_nothing_out() -> None:
    replay = pipeline(strategy("parcel"), stopped="stopped by ada")
    happens(replay, "1", "parcel")
    assert (sent(replay), suppressed(replay)) == ([], [("parcel", "kill_switch")])


@pytest.mark.parametrize("share", [1, 50, 99])
def test_a_customer_of_the_control_group_gets_nothing_and_stays_in_it(share: int) -> None:
    arms = set()
    for number in range(60):
        replay = pipeline(strategy("parcel", more=f"control: {share}"))
        name = f"C-{number}"
        replay.fold(profile(name, consent=GRANTED))
        for at in range(3):
            one = event(f"{at}", NOW, "parcel", identifiers=[Identifier("customer_number", name, "verified")])
            replay.fold(one)
        assert len(replay.commands) in (0, 3)
        arms.add(len(replay.commands))
    assert arms >= ({3} if share < 50 else {0})


def test_an_attempt_keeps_its_arm_in_a_merge_and_a_known_customer_theirs() -> None:
    names = [f"C-{number}" for number in range(100)]
    treated = provisional_id(DEVICE.key)
    assert bucket("control", "parcel", treated) >= 5
    control = next(name for name in names if bucket("control", "parcel", name) < 5)
    replay = pipeline(
        strategy("parcel", more="control: 5", on="on: [web.shipped]", key="event.interaction_id")
    )
    replay.fold(event("1", kind="parcel", identifiers=[DEVICE], interaction_id="before"))
    replay.fold(profile(control, consent=GRANTED))
    number = Identifier("customer_number", control, "verified")
    replay.fold(event("2", kind="login", identifiers=[DEVICE, number], interaction_id="login"))
    assert (state := replay.customer(control)) is not None
    assert state.absorbed == [treated]
    replay.fold(event("3", kind="parcel", identifiers=[number], interaction_id="after"))
    for visit in ("before", "after"):
        replay.fold(event(f"shipped {visit}", kind="shipped", identifiers=[number], interaction_id=visit))
    assert [one.attempt_key for one in replay.commands] == ["before"]
    assert suppressed(replay) == [("parcel", "control_group")]


def test_a_failure_gives_back_what_the_next_one_may_spend() -> None:
    replay = pipeline(strategy("parcel", more="caps: [{times: 1, per: 1d}]"))
    happens(replay, "1", "parcel")
    happens(replay, "2", "parcel")
    assert (len(replay.commands), suppressed(replay)) == (1, [("parcel", "caps")])
    (command,) = replay.commands
    replay.fold(ActionReceipt(action_id=command.action_id, customer_id="C-1", status="failed", at=NOW))
    happens(replay, "3", "parcel")
    happens(replay, "4", "parcel")
    assert len(replay.commands) == 2
