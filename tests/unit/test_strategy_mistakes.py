"""What a manager may get wrong in a strategy, each with its place and what to do about it."""

from __future__ import annotations

import pytest
from domain_values import BRAND

from pipeline.domain.strategies.compile import compile_rules, compile_strategy
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.templates import Brand, load_brand

GOOD = """\
strategy: greeting
version: 3
title: Say hello
lane: proactive
entry:
  on: web.hello
  when: customer.value > 5.0
steps:
  - id: hello
    after: 5m
    do:
      - send_message: {template: hello}
"""
DO = "do:\n      - send_message: {template: hello}"
MESSAGE = "{send_message: {template: hello}}"
LOOP = """\
strategy: {name}
version: 1
title: Show the page again
lane: service_reply
entry: {{on: {on}}}
key: event.event_id
steps:
  - id: show
    on: entry
    do:
      - {do}
"""
PUSH = "push_page: {interaction_id: =event.interaction_id, url: 'https://shop.example.com'}"


def mistakes(text: str) -> list[str]:
    brand = load_brand(BRAND, "brand.yaml")
    assert isinstance(brand, Brand)
    problems = compile_strategy(text, "x.yaml", brand)
    return [str(problem) for problem in problems] if isinstance(problems, list) else []


def test_what_the_mistakes_are_made_in_is_good() -> None:
    assert mistakes(GOOD) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "quiet_hour: {from: '21:00', to: '08:00'}",
            "1: quiet_hour is not a setting here; did you mean 'quiet_hours'?",
        ),
        (
            "quiet_hours: {from: '21:00', to: '08:00', than: hold}",
            "43: quiet_hours.than is not a setting here; did you mean 'then'?",
        ),
        (
            "quiet_hours: {from: '25:00', to: '08:00'}",
            '22: \'25:00\' is not a time of day; write one like "08:30", from "00:00" to "24:00"',
        ),
        ("quiet_hours: {from: '24:00', to: '08:00'}", '22: quiet hours cannot begin at 24:00; write "00:00"'),
        (
            "quiet_hours: {from: '21:00', to: '21:00'}",
            "35: quiet hours of a whole day never end; write another time",
        ),
        (
            "quiet_hours: {from: '00:00', to: '24:00'}",
            "35: quiet hours of a whole day never end; write another time",
        ),
        (
            "caps: [{times: 0, per: 7d}]",
            "16: caps.0.times: input should be greater than or equal to 1; write 1 or more",
        ),
        (
            "caps: [{times: 1, per: 7 days}]",
            "24: '7 days' is not a duration; write a duration like 90s, 5m, 2h or 30d",
        ),
        ("caps: [{times: 1, per: 400d}]", "24: a cap counts over 1s to 365d; write such a duration"),
        ("caps: [{times: 1, per: 7d, channel: sns}]", "37: 'sns' is not a channel; did you mean 'sms'?"),
        ("caps: [{per: 7d}]", "8: times is missing; add it"),
        (
            "caps: {times: 1, per: 7d}",
            "7: caps: input should be a valid list; write a list: a dash before each of its parts",
        ),
        ("control: 100", "10: control: input should be less than or equal to 99; write 99 or less"),
        ("priority: high", "11: priority: input should be a valid integer; write a whole number"),
        ("score: =customer.valu", "18: Customer has no field 'valu'; did you mean 'value'?"),
        ("score: =customer.name", "8: a score is a number, this is string or null; write a number"),
        (
            "score: customer.value",
            "8: 'customer.value' is no score; write a number, or = and an expression: =customer.value",
        ),
        (
            "in_flight: kep",
            "12: in_flight: input should be 'keep', 'migrate' or 'cancel'; did you mean 'keep'?",
        ),
        ("lifetime: 5", "11: 5 is not a duration; write a duration like 90s, 5m, 2h or 30d"),
        ("exits: [{on: web.x, when: event.kin}]", "33: Interaction has no field 'kin'; did you mean 'kind'?"),
        (
            "templates: {mine: {sms: {en: 'Hi {{ name }'}}}",
            "31: not a valid text: unexpected '}'; check the braces",
        ),
        ("templates: {mine: {sns: {en: Hi}}}", "20: sns is not a channel; did you mean 'sms'?"),
        ("templates: {mine: {sms: {de: Hi}}}", "25: there is no text in en, the brand's language; add one"),
        (
            "templates: {mine: {sms: {en: '{{ customer.nme }}'}}}",
            "31: customer has no 'nme'; did you mean 'name'?",
        ),
        ("templates: {mine: {sms: {en: '{{ links.fom }}'}}}", "31: links has no 'fom'; did you mean 'form'?"),
        (
            "templates: {mine: {email: {en: {subject: x, test: y}}}}",
            "32: text is missing; add it",
        ),
        ("title: two\ntitle: three", "x.yaml:13:1: 'title' is written twice; keep one of them"),
    ],
)
def test_a_mistake_beside_the_steps(line: str, problem: str) -> None:
    place = "" if problem.startswith("x.yaml") else "x.yaml:13:"
    assert mistakes(f"{GOOD}{line}\n")[0] == f"{place}{problem}"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            ["after: 5m", "repeat: 3"],
            "11:13: there is one entry only, so the step never repeats; add every: 1d, or remove it",
        ),
        (["on: entry", "repeat: 3"], "11:13: there is one entry only, so the step never repeats; remove it"),
        (["after: 5m", "every: 1d"], "11:12: every has no end; say how often at most: repeat: 3 (2 to 100)"),
        (
            ["after: 5m", "every: 1d", "repeat: 101"],
            "12:13: steps.0.repeat: input should be less than or equal to 100; write 100 or less",
        ),
        (
            ["after: 5m", "every: 1d", "repeat: for ever"],
            "12:13: steps.0.repeat: input should be a valid integer; write a whole number",
        ),
        (["on: [web.x]", "repeat: 3", "every: 1d"], "12:12: every belongs to after or absent; remove it"),
        (
            ["after: 5m", "repeat: 2", "every: 0s"],
            "12:12: every must be more than 0s; write a longer duration",
        ),
        (
            ["after: 5m", "hold_until: customer.known"],
            "11:17: hold_until needs hold_for; say how long at most: hold_for: 2h",
        ),
        (
            ["after: 5m", "hold_for: 2h"],
            "11:15: hold_for belongs to hold_until; add hold_until, or remove hold_for",
        ),
        (
            ["after: 5m", "hold_until: sesion.events > 1", "hold_for: 2h"],
            "11:17: unknown name 'sesion'; did you mean 'session'?",
        ),
        (
            ["after: 5m", "when: event.facts.size == 1"],
            "11:11: event.facts is not remembered until this step comes; read thread.facts, or check it in "
            "the entry or in a step on the event",
        ),
        (
            ["after: 5m", "when: 1 > 2"],
            "11:11: this can never hold; correct the condition, or remove what it belongs to",
        ),
        (
            ["after: 5m", "since: hello"],
            "11:12: step hello waits for itself, so it never comes; write entry, a step that comes before it, or "
            "events",
        ),
        (["after: 5m", "since: helo"], "11:12: since: there is no step 'helo'; did you mean 'hello'?"),
        (
            ["on: entry", "count: 3"],
            "11:12: count belongs to events; write on: and the events that are counted",
        ),
        (["on: [web.x]", "within: 3m"], "11:13: within belongs to count; say how many events: count: 3"),
        (
            ["on: [web.x]", "count: 21"],
            "11:12: steps.0.count: input should be less than or equal to 20; write 20 or less",
        ),
        (["on: entri"], "10:9: 'entri' is no event; write entry, or channel.event"),
        (["on: [web.x, wbe.x]"], "10:17: 'wbe.x': there is no channel 'wbe'; did you mean 'web'?"),
        (
            ["on: entry", "after: 5m"],
            "11:12: a step has exactly one of on, after and absent; write one of them",
        ),
        (["absent: web.x"], "10:13: absent and for belong together; say how long: for: 5m"),
        (["after: 5m", "for: 5m"], "11:10: absent and for belong together; add absent, or remove for"),
    ],
)
def test_a_mistake_in_when_a_step_comes(lines: list[str], problem: str) -> None:
    assert mistakes(GOOD.replace("after: 5m", "\n    ".join(lines)))[0] == f"x.yaml:{problem}"


@pytest.mark.parametrize(
    ("do", "problem"),
    [
        (
            f"branch:\n      - {{do: [{MESSAGE}]}}\n      - {{do: [{MESSAGE}]}}",
            "12:9: the branches after this one can never be reached; give this branch when, or make it the last",
        ),
        (
            f"branch:\n      - {{when: customer.nown, do: [{MESSAGE}]}}",
            "12:25: Customer has no field 'nown'; did you mean 'known'?",
        ),
        (
            f"branch:\n      - {{when: customer.known, do: [{MESSAGE}]}}\n"
            "      - {do: [{send_message: {template: helo}}]}",
            "13:41: send_message: there is no template 'helo'; did you mean 'hello'?",
        ),
        ("branch:\n      - {when: customer.known}", "12:9: do is missing; add it"),
        (
            "branch:\n      - {when: customer.known, do: []}",
            "12:36: steps.0.branch.0.do: list should have at least 1 item after validation, not 0; add one",
        ),
        ("branch: []", "9:5: the step does nothing; give it do, branch or resolve_thread"),
        (
            f"do: [{MESSAGE}]\n    branch: [{{do: [{MESSAGE}]}}]",
            "11:9: a step has do or branch, not both; make what is under do a branch",
        ),
        ("do: [{send_mesage: {}}]", "11:11: there is no action 'send_mesage'; did you mean 'send_message'?"),
        (
            "do: send_message",
            "11:9: steps.0.do: input should be a valid list; write a list: a dash before each of its parts",
        ),
        (
            "do: [{send_message: {}}]",
            "11:25: send_message has no template; add one: hello, form_link, amount",
        ),
        (
            "do: [{send_message: {template: hello, chanel: sms}}]",
            "11:43: chanel is not a setting of send_message; did you mean 'channel'?",
        ),
        (
            "do: [{send_message: {template: amount, with: 3}}]",
            "11:50: with needs names and values; write them as name: value",
        ),
        (
            "do: [{send_message: {template: amount, with: {amount: =event.text}}}]",
            "11:59: event.text is not remembered until this step comes; read thread.facts, or check it in "
            "the entry or in a step on the event",
        ),
        ("do: [{refund: {order_id: x, amount: 3.0, reason: y}}]", "11:19: refund has no currency; add it"),
    ],
)
def test_a_mistake_in_what_a_step_does(do: str, problem: str) -> None:
    assert mistakes(GOOD.replace(DO, do))[0] == f"x.yaml:{problem}"


@pytest.mark.parametrize(
    "setting", ["caps: [{times: 1, per: 7d}]", "quiet_hours: {from: '21:00', to: '08:00'}", "control: 10"]
)
def test_what_safety_does_not_take(setting: str) -> None:
    name = setting.partition(":")[0]
    (problem,) = mistakes(GOOD.replace("proactive", "safety") + setting)
    assert (
        problem
        == f"x.yaml:13:{len(name) + 3}: {name} is not for lane safety; remove it, or choose another lane"
    )


def test_an_answer_that_was_asked_for_is_kept_from_nobody() -> None:
    (problem,) = mistakes(GOOD.replace("proactive", "service_reply") + "control: 10")
    assert problem == "x.yaml:13:10: control is not for lane service_reply; remove it, or choose another lane"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "proactive",
            "proactiv",
            "4:7: lane: input should be 'service_reply', 'transactional', 'safety' or 'proactive'; did you mean "
            "'proactive'?",
        ),
        ("greeting", "kill-switch", "1:11: kill-switch is no strategy's name; choose another one"),
        (
            "title: Say",
            "title: Say: or",
            "3:11: not valid YAML: mapping values are not allowed here; check indentation and quotes",
        ),
        ("steps:", "stepps:", "1:1: steps is missing; add it"),
        (
            "version: 3",
            "version: three",
            "2:10: version: input should be a valid integer; write a whole number",
        ),
    ],
)
def test_a_mistake_in_the_head(old: str, new: str, problem: str) -> None:
    assert mistakes(GOOD.replace(old, new))[0] == f"x.yaml:{problem}"


def test_a_text_of_its_own_is_checked_like_the_brands() -> None:
    text = GOOD.replace("template: hello", "template: mine")
    own = "templates: {mine: {email: {en: 'Hi {{ nme }}'}}}\n"
    assert mistakes(text + own) == [
        "x.yaml:12:23: template mine names nme; give each one under with, or correct the text"
    ]
    on_sms = text.replace("template: mine", "template: mine, channel: sms, with: {nme: Maya}")
    assert mistakes(on_sms + own) == ["x.yaml:12:49: template mine has no text for sms; add one"]


def test_an_id_that_two_files_have_is_named_in_the_second() -> None:
    problems = compile_rules({"a.yaml": GOOD, "b.yaml": GOOD}, BRAND, "brand.yaml")
    assert isinstance(problems, list)
    assert [str(problem) for problem in problems] == [
        "b.yaml:1:11: strategy greeting is in a.yaml too; give each strategy its own name"
    ]


@pytest.mark.parametrize(
    ("texts", "problems"),
    [
        (
            {"a.yaml": LOOP.format(name="a", on="web.page_viewed", do=PUSH)},
            ["a.yaml:8:5: push_page of a/show causes web.page_viewed, which starts a again"],
        ),
        (
            {
                "a.yaml": LOOP.format(name="a", on="voice.answered", do=PUSH),
                "b.yaml": LOOP.format(
                    name="b", on="web.page_viewed", do="schedule_callback: {phone: '+4412', at: =now}"
                ),
            },
            [
                "a.yaml:8:5: push_page of a/show causes web.page_viewed, which starts b; schedule_callback of "
                "b/show causes voice.answered, which starts a again"
            ],
        ),
        (
            {"a.yaml": LOOP.format(name="a", on="web.page_viewed", do=PUSH) + "caps: [{times: 1, per: 1d}]"},
            [],
        ),
        (
            {
                "a.yaml": LOOP.format(name="a", on="web.page_viewed", do=PUSH).replace(
                    "event.event_id", "thread.thread_id"
                )
            },
            [],
        ),
        ({"a.yaml": LOOP.format(name="a", on="chat.message", do=PUSH)}, []),
    ],
)
def test_a_strategy_that_starts_itself_again_needs_caps(texts: dict[str, str], problems: list[str]) -> None:
    compiled = compile_rules(texts, BRAND, "brand.yaml")
    remedy = "; give it caps, or a key that stays the same"
    assert ([] if isinstance(compiled, Rules) else [str(one) for one in compiled]) == [
        problem + remedy for problem in problems
    ]
