"""From wish to command: each gate alone, and their order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from domain_values import BRAND, DAY, HOUR, MINUTE, NOW, SECOND, event, profile
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.actions import (
    ActionBody,
    CreateTicket,
    Lane,
    OfferChat,
    PushPage,
    Refund,
    SendMessage,
    SuggestOffer,
)
from pipeline.domain.contacts import CALL_LIMIT_MS
from pipeline.domain.gates import GATES, Answer, Hold, Wish, rival, take, verdict
from pipeline.domain.gates.asking import Asked
from pipeline.domain.gates.control_group import control_group_gate
from pipeline.domain.gates.interaction import COMPLAINT_MS
from pipeline.domain.gates.quiet_hours import is_quiet
from pipeline.domain.ids import bucket
from pipeline.domain.interactions import Interaction
from pipeline.domain.linear_model import LinearModel
from pipeline.domain.local_time import next_at
from pipeline.domain.messages import ActionCommand, Reason
from pipeline.domain.state import Anchor, Attempt, CustomerState, GoingOn, Thread
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.domain.strategies.moment import Moment, moment_of_event
from pipeline.domain.strategies.policy import Cap, Policy, QuietHours
from pipeline.pack import load_recogniser, load_rules

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
TEXT = SendMessage(channel="sms", to="+44", template="hello", language="en", text="x")
PAGE = PushPage(interaction_id="v", url="https://shop.example.com")
OFFER = SuggestOffer(offer_id="o", channel="sms", to="+44", text="x")
CHAT = OfferChat(channel="web", to="d-1", text="x")
MONEY = Refund(order_id="1", amount=4.95, currency="GBP", reason="wrong_size")
TICKET = CreateTicket(subject="x", priority=1, text="y")
GRANTED = {"marketing/sms": True, "marketing/web": True}

ONE = """
strategy: s
version: 1
title: A strategy
lane: transactional
entry: {on: web.start}
key: event.event_id
steps: [{id: a, on: entry, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}]
"""


def live(brand: str = "", stopped: str | None = None, **policies: Policy) -> Rules:
    """The rules of strategies called as given, with these policies; `brand` is what the brand file says more."""
    names = policies or {"s": Policy()}
    files = {name: ONE.replace("strategy: s", f"strategy: {name}") for name in names}
    compiled = compile_rules(files, BRAND + brand, "brand.yaml")
    assert isinstance(compiled, Rules), compiled
    standing = [replace(compiled.strategies[name], policy=policy) for name, policy in names.items()]
    return Rules(standing, compiled.brand, stopped=stopped)


def customer(timezone: str | None = None, **more: Any) -> CustomerState:
    record = profile(timezone=timezone, **{"consent": GRANTED, **more})
    return CustomerState("C-1", known=True, profile=record)


def moment(
    state: CustomerState, rules: Rules, now: int = NOW, caused_by: Interaction | None = None
) -> Moment:
    return moment_of_event(state, rules, now, caused_by or event("e", now, "start"), (None, None, None))


def attempt(strategy: str = "s", owner: str = "C-1", at: int = NOW, key: str = "k") -> Attempt:
    return Attempt(strategy, 1, key, owner, at, Anchor("e", "web", "start", "visit", at))


def asked(
    at: Moment,
    body: ActionBody = TEXT,
    lane: Lane = "transactional",
    channel: str | None = "sms",
    name: str = "s",
) -> Answer:
    """The verdict on an action of a strategy."""
    return verdict(Wish(body, lane, channel), at.rules.strategies[name], attempt(name), at)


def sent(at: Moment, name: str = "e", lane: Lane = "transactional", channel: str | None = "sms", of: str = "s",
         body: ActionBody = TEXT) -> None:  # fmt: skip
    """Let an action pass that nothing stops."""
    wish = Wish(body, lane, channel)
    command = ActionCommand(
        action_id=name,
        customer_id=at.state.customer_id,
        kind=body.__struct_config__.tag,
        lane=lane,
        body=body,
        strategy_id=of,
        strategy_version=1,
        attempt_key="k",
        step="a",
        occurrence=0,
        decided_at=at.now,
    )
    take(command, wish, at.rules.strategies[of], at)


def rule(answer: Answer) -> str | None:
    """What stops or holds."""
    reason = answer.reason if isinstance(answer, Hold) else answer
    return None if reason is None else reason.rule


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_gates_are_asked_in_the_order_of_the_design() -> None:
    names = [gate.__name__.removesuffix("_gate") for gate in GATES]
    assert names == [
        "kill_switch", "erasure", "consent", "quiet_hours", "interaction", "caps", "arbitration", "control_group",
    ]  # fmt: skip


def test_the_first_gate_that_stops_an_action_is_the_one_that_is_recorded() -> None:
    quiet = QuietHours(0, 1_439, hold=False)
    policy = Policy(quiet_hours=quiet, caps=(Cap(1, DAY),), control=100)
    state = customer(consent={"service/sms": False})
    state.going_on["voice:c"] = GoingOn("voice", "c", NOW, NOW)
    state.erased_at = NOW
    rules = live(stopped="a test", s=policy)
    sent(moment(state, rules), "before")
    found = []
    for undo in (
        lambda: setattr(rules, "stopped", None),
        lambda: setattr(state, "erased_at", -1),
        lambda: state.profile and state.profile.consent.clear(),
        lambda: rules.strategies.update(
            s=replace(rules.strategies["s"], policy=replace(policy, quiet_hours=None))
        ),
        state.going_on.clear,
        lambda: setattr(state, "spent", b""),
        lambda: rules.strategies.update(s=replace(rules.strategies["s"], policy=Policy())),
    ):
        found.append(rule(asked(moment(state, rules))))
        undo()
    assert found == [
        "kill_switch",
        "erasure",
        "consent",
        "quiet_hours",
        "interaction",
        "caps",
        "control_group",
    ]
    assert asked(moment(state, rules)) is None


def test_the_kill_switch_stops_everything_and_says_why() -> None:
    at = moment(customer(), live(stopped="stopped by ada"))
    for body, channel in ((TEXT, "sms"), (MONEY, None), (TICKET, None)):
        answer = asked(at, body, "safety", channel)
        assert answer == Reason(rule="kill_switch", held=False, values={"stopped": "stopped by ada"})


def test_nothing_is_done_for_what_was_before_an_erasure() -> None:
    state = customer()
    state.erased_at = NOW
    assert rule(asked(moment(state, live(), NOW), TICKET, channel=None)) == "erasure"
    assert (
        rule(asked(moment(state, live(), NOW + 9, event("old", NOW - 1)), TICKET, channel=None)) == "erasure"
    )
    assert asked(moment(state, live(), NOW + 1), TICKET, channel=None) is None


def test_consent_is_asked_for_by_purpose_and_channel() -> None:
    at = moment(customer(consent={"marketing/sms": True, "service/email": False}), live())
    assert asked(at) is None
    assert asked(at, lane="proactive") is None
    refused = asked(at, lane="proactive", channel="email")
    assert refused == Reason(rule="consent", held=False, values={"consent.marketing/email": "not given"})
    assert rule(asked(at, channel="email")) == "consent"
    assert asked(at, MONEY, channel=None) is None


NIGHT = QuietHours(21 * 60, 8 * 60)
DROP = QuietHours(21 * 60, 8 * 60, hold=False)
AT_NIGHT = utc("2026-01-10T23:30")


def test_quiet_hours_hold_until_the_customers_clock_shows_their_end() -> None:
    for zone, end in ((BERLIN, "2026-01-11T07:00"), (NEW_YORK, None), ("Asia/Tokyo", None)):
        answer = asked(moment(customer(zone), live(s=Policy(quiet_hours=NIGHT)), AT_NIGHT))
        assert (isinstance(answer, Hold) and answer.until) == (utc(end) if end else False)
    answer = asked(moment(customer(BERLIN), live(s=Policy(quiet_hours=NIGHT)), AT_NIGHT))
    assert isinstance(answer, Hold)
    assert answer.reason.values == {
        "quiet": "21:00 to 08:00",
        "zone": BERLIN,
        "local": "2026-01-11 00:30",
        "until": "2026-01-11 08:00",
    }


def test_quiet_hours_can_drop() -> None:
    assert isinstance(asked(moment(customer(BERLIN), live(s=Policy(quiet_hours=DROP)), AT_NIGHT)), Reason)


def test_what_is_not_sent_to_the_customer_knows_no_quiet_hours() -> None:
    at = moment(customer(BERLIN), live(s=Policy(quiet_hours=NIGHT)), AT_NIGHT)
    assert asked(at, MONEY, channel=None) is None
    assert asked(at, TICKET, channel=None) is None


QUIET_BRAND = 'timezone: Europe/Berlin\nquiet_hours: {from: "21:00", to: "08:00"}\n'


def test_the_brands_quiet_hours_are_for_the_lane_proactive_and_a_strategys_own_go_before_them() -> None:
    at = moment(customer(), live(QUIET_BRAND), AT_NIGHT)
    assert rule(asked(at, lane="proactive")) == "quiet_hours"
    assert asked(at, lane="transactional") is None
    own = live(QUIET_BRAND, s=Policy(quiet_hours=QuietHours(60, 120)))
    assert asked(moment(customer(), own, AT_NIGHT - HOUR), lane="proactive") is None


def test_the_brands_zone_is_for_who_has_none_or_one_that_does_not_exist() -> None:
    rules = live(QUIET_BRAND)
    assert rule(asked(moment(CustomerState("p-1"), rules, AT_NIGHT), lane="service_reply")) is None
    for zone in (None, "Mars/Base", "Europe"):
        answer = asked(moment(customer(zone), rules, AT_NIGHT), lane="proactive")
        assert isinstance(answer, Hold)
        assert answer.until == utc("2026-01-11T07:00")
        assert ("customer.timezone" in answer.reason.values) == (zone is not None)


@pytest.mark.parametrize(
    ("zone", "window", "now", "until"),
    [
        # 2:00 to 3:00 does not come: the window ends, or begins, when the clock is put forward over it.
        (BERLIN, ("21:00", "02:30"), "2026-03-29T00:59", "2026-03-29T01:00"),
        (BERLIN, ("21:00", "02:30"), "2026-03-29T01:00", None),
        (BERLIN, ("02:30", "08:00"), "2026-03-29T00:59", None),
        (BERLIN, ("02:30", "08:00"), "2026-03-29T01:00", "2026-03-29T06:00"),
        (BERLIN, ("02:10", "02:50"), "2026-03-29T01:00", None),
        (NEW_YORK, ("21:00", "02:30"), "2026-03-08T06:59", "2026-03-08T07:00"),
        (NEW_YORK, ("21:00", "08:00"), "2026-03-08T07:00", "2026-03-08T12:00"),
        # 2:00 to 3:00 comes twice: what the clock shows is what counts, both times.
        (BERLIN, ("21:00", "02:30"), "2026-10-25T00:10", "2026-10-25T00:30"),
        (BERLIN, ("21:00", "02:30"), "2026-10-25T00:40", None),
        (BERLIN, ("21:00", "02:30"), "2026-10-25T01:10", "2026-10-25T01:30"),
        (BERLIN, ("02:30", "08:00"), "2026-10-25T00:30", "2026-10-25T07:00"),
        (NEW_YORK, ("21:00", "01:30"), "2026-11-01T06:10", "2026-11-01T06:30"),
        (NEW_YORK, ("21:00", "08:00"), "2026-11-01T01:00", "2026-11-01T13:00"),
        # The edges of the day.
        (BERLIN, ("21:00", "24:00"), "2026-01-10T22:59", "2026-01-10T23:00"),
        (BERLIN, ("21:00", "24:00"), "2026-01-10T23:00", None),
        (BERLIN, ("21:00", "00:00"), "2026-01-10T22:59", "2026-01-10T23:00"),
        (BERLIN, ("00:00", "06:00"), "2026-01-10T23:00", "2026-01-11T05:00"),
        (BERLIN, ("08:00", "21:00"), "2026-01-10T20:00", None),
        (BERLIN, ("08:00", "21:00"), "2026-01-10T19:59", "2026-01-10T20:00"),
    ],
)
def test_windows_by_the_clock(zone: str, window: tuple[str, str], now: str, until: str | None) -> None:
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in window)
    answer = asked(moment(customer(zone), live(s=Policy(quiet_hours=QuietHours(start, end))), utc(now)))
    assert (answer.until if isinstance(answer, Hold) else None) == (utc(until) if until else None)


@given(
    st.integers(utc("2020-01-01T00:00"), utc("2030-01-01T00:00")),
    st.integers(0, 1_439),
    st.integers(1, 1_439),
    st.sampled_from([BERLIN, NEW_YORK, "Asia/Kathmandu", "Australia/Lord_Howe", "America/Havana"]),
)
def test_a_window_is_over_when_it_is_said_to_be(now: int, start: int, length: int, zone: str) -> None:
    quiet = QuietHours(start, (start + length) % 1_440)
    until = next_at(quiet.end_min, now, zone)
    if is_quiet(quiet, now, zone):
        assert is_quiet(quiet, until - 1, zone)
        assert not is_quiet(quiet, until, zone)


def on_call(state: CustomerState, at: int = NOW, **more: Any) -> CustomerState:
    state.going_on["voice:c-1"] = GoingOn("voice", "c-1", at, at, **more)
    return state


def test_on_a_call_the_page_is_pushed_and_the_text_waits() -> None:
    at = moment(on_call(customer(), NOW - HOUR), live())
    assert asked(at, PAGE, channel="web") is None
    assert asked(at, TICKET, channel=None) is None
    for lane in ("proactive", "transactional", "service_reply"):
        answer = asked(at, lane=lane)
        assert isinstance(answer, Hold)
        assert (answer.reason.rule, answer.until) == ("interaction", NOW - HOUR + CALL_LIMIT_MS)
    assert asked(at, lane="safety") is None


def test_a_call_that_has_ended_or_was_forgotten_holds_nothing() -> None:
    assert asked(moment(on_call(customer(), ended=True), live())) is None
    assert asked(moment(on_call(customer(), NOW - CALL_LIMIT_MS), live())) is None


def test_what_the_call_itself_asks_for_goes_out_during_the_call() -> None:
    asks = event("a", NOW, "text_wanted", "voice", interaction_id="c-1")
    at = moment(on_call(customer()), live(), caused_by=asks)
    assert asked(at, lane="service_reply") is None
    assert asked(at, lane="transactional") is None
    assert rule(asked(at, lane="proactive")) == "interaction"
    other = event("a", NOW, "text_wanted", "voice", interaction_id="c-2")
    assert rule(asked(moment(on_call(customer()), live(), caused_by=other))) == "interaction"


def test_an_answer_where_the_customer_writes_goes_out_during_a_call_unless_it_demands_attention() -> None:
    writes = event("w", NOW, "message", "web")
    at = moment(on_call(customer()), live(), caused_by=writes)
    assert asked(at, lane="service_reply", channel="web") is None
    assert rule(asked(at, CHAT, "service_reply", "web")) == "interaction"
    assert rule(asked(at, lane="service_reply", channel="sms")) == "interaction"
    at.by_event = False
    assert rule(asked(at, lane="service_reply", channel="web")) == "interaction"


COMPLAINTS = "complaints: [damaged_item]\n"


def complaining(**more: Any) -> CustomerState:
    state = customer()
    state.threads = [Thread("t-1", NOW - DAY, NOW, **more)]
    return state


def test_nothing_is_sold_while_a_complaint_is_open() -> None:
    at = moment(complaining(intent="damaged_item"), live(COMPLAINTS))
    answer = asked(at, lane="proactive")
    assert isinstance(answer, Reason)
    assert answer.values == {"open complaint": "t-1", "intent": "damaged_item"}
    assert rule(asked(at, OFFER, "service_reply")) == "interaction"
    assert asked(at, TEXT, "service_reply") is None
    assert asked(at, TICKET, "proactive", None) is None


@pytest.mark.parametrize(
    ("thread", "open_"),
    [
        ({"intent": "damaged_item", "resolved": True}, False),
        ({"intent": "size_advice"}, False),
        ({}, False),
        ({"facts": {"complaint": True}}, True),
        ({"facts": {"complaint": "true"}}, True),
        ({"intent": "damaged_item", "facts": {"complaint": False}}, False),
    ],
)
def test_what_an_open_complaint_is(thread: dict[str, Any], open_: bool) -> None:
    answer = asked(moment(complaining(**thread), live(COMPLAINTS)), lane="proactive")
    assert (rule(answer) == "interaction") is open_


def test_a_complaint_of_which_nothing_is_heard_is_not_open_for_ever() -> None:
    state = complaining(intent="damaged_item")
    rules = live(COMPLAINTS)
    assert rule(asked(moment(state, rules, NOW + COMPLAINT_MS - 1), lane="proactive")) == "interaction"
    assert asked(moment(state, rules, NOW + COMPLAINT_MS), lane="proactive") is None


def test_a_cap_counts_the_strategys_commands_in_its_time() -> None:
    rules = live(s=Policy(caps=(Cap(2, DAY),)), other=Policy(caps=(Cap(1, DAY),)))
    state = customer()
    for number in range(2):
        assert asked(moment(state, rules, NOW + number)) is None
        sent(moment(state, rules, NOW + number), str(number))
    answer = asked(moment(state, rules, NOW + DAY - 1))
    assert answer == Reason(rule="caps", held=False, values={"cap": "2 in 1d", "of": "s", "sent": "2"})
    assert asked(moment(state, rules, NOW + HOUR), name="other") is None
    assert asked(moment(state, rules, NOW + DAY)) is None


def test_a_cap_counts_on_its_channel_alone_and_only_what_is_sent() -> None:
    rules = live(s=Policy(caps=(Cap(1, DAY, "sms"),)))
    state = customer()
    sent(moment(state, rules), "money", channel=None, body=MONEY)
    sent(moment(state, rules), "mail", channel="email")
    assert asked(moment(state, rules)) is None
    sent(moment(state, rules), "text")
    assert rule(asked(moment(state, rules))) == "caps"
    assert asked(moment(state, rules), channel="email") is None
    assert asked(moment(state, rules), MONEY, channel=None) is None


def test_the_brands_caps_count_all_of_the_lane_proactive_and_nothing_else() -> None:
    rules = live("caps: [{times: 1, per: 1d}]\n", s=Policy(), other=Policy())
    state = customer()
    sent(moment(state, rules), "1", "transactional")
    assert asked(moment(state, rules), lane="proactive") is None
    sent(moment(state, rules), "2", "proactive")
    answer = asked(moment(state, rules), lane="proactive", name="other")
    assert isinstance(answer, Reason)
    assert (answer.rule, answer.values["of"]) == ("caps", "the brand")
    assert asked(moment(state, rules), lane="service_reply") is None


def test_what_no_cap_asks_for_is_not_kept() -> None:
    state = customer()
    sent(moment(state, live("caps: [{times: 1, per: 1d}]\n")), lane="transactional")
    assert state.spent == b""


def test_one_thing_of_a_moment_demands_attention() -> None:
    at = moment(customer(), live(s=Policy(), other=Policy()))
    sent(at, "text")
    assert asked(at, CHAT, "service_reply", "web") is None
    sent(at, "chat", channel="web", body=CHAT)
    answer = asked(at, PAGE, channel="web", name="other")
    assert answer == Reason(rule="arbitration", held=False, values={"attention": "s/a"})
    assert asked(at, TEXT, name="other") is None


def test_of_an_exclusive_group_the_attempt_goes_on_that_began_first() -> None:
    group = Policy(exclusive="winback")
    rules = live(s=group, other=group, third=Policy(exclusive="another"))
    state = customer()
    state.attempts = {
        "other|k": attempt("other", at=NOW - 1),
        "s|k": attempt("s"),
        "third|k": attempt("third"),
    }
    answer = asked(moment(state, rules))
    assert answer == Reason(rule="arbitration", held=False, values={"exclusive winback": "other"})
    assert asked(moment(state, rules), name="third") is None
    wish = Wish(TEXT, "transactional", "sms")
    assert verdict(wish, rules.strategies["other"], state.attempts["other|k"], moment(state, rules)) is None


def test_an_attempt_that_is_over_keeps_no_other_out() -> None:
    group = Policy(exclusive="winback")
    rules = live(s=group, other=group)
    strategy = rules.strategies["s"]
    state = customer()
    assert rival(strategy, None, state, rules, NOW) is None
    other = state.attempts["other|k"] = attempt("other")
    assert rival(strategy, None, state, rules, NOW + 30 * DAY) is other
    assert rival(strategy, None, state, rules, NOW + 30 * DAY + 1) is None
    other.ended_at = NOW
    assert rival(strategy, None, state, rules, NOW + SECOND) is None
    state.attempts["s|k"] = attempt("s")
    assert rival(strategy, None, state, rules, NOW + MINUTE) is None


def arm(owner: str, strategy: Strategy, lane: Lane = "proactive") -> bool:
    """Whether the customer is in the strategy's control group."""
    state, rules = customer(), live()
    asks = (Wish(TEXT, lane, "sms"), strategy, attempt(owner=owner), moment(state, rules))
    return control_group_gate(Asked(*asks)) is not None


def test_a_control_group_is_the_share_that_it_should_be_and_others_are_independent_of_it() -> None:
    one, two = (live(**{name: Policy(control=20)}).strategies[name] for name in ("s", "other"))
    customers = [f"C-{number}" for number in range(4_000)]
    in_one = {name for name in customers if arm(name, one)}
    in_both = {name for name in in_one if arm(name, two)}
    canary = {name for name in in_one if bucket("canary", "s", name) < 20}
    assert 700 < len(in_one) < 900
    assert 110 < len(in_both) < 210
    assert 110 < len(canary) < 210


def test_control_groups_leave_nobody_out_who_asked_or_is_in_danger() -> None:
    strategy = live(s=Policy(control=99)).strategies["s"]
    for lane, left_out in (
        ("proactive", True),
        ("transactional", True),
        ("service_reply", False),
        ("safety", False),
    ):
        assert arm("C-1", strategy, lane) is left_out


def test_the_complaints_of_the_pack_are_intents_that_its_model_knows() -> None:
    pack, model = load_rules(), load_recogniser()
    assert isinstance(pack, Rules)
    assert isinstance(model, LinearModel)
    assert pack.brand.complaints
    assert pack.brand.complaints <= {*model.intents}
