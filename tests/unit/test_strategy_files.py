"""What a manager may write, and what is said about what they may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from domain_values import BRAND, DAY, MINUTE, rules

from pipeline.domain.strategies.compile import compile_rules, compile_strategy
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.fields import duration_ms
from pipeline.domain.templates import Brand, load_brand
from pipeline.pack import load_rules

GOOD = """\
strategy: greeting
version: 3
title: Say hello
lane: service_reply
entry:
  on: web.hello
  when: customer.value > 5.0
steps:
  - id: hello
    on: entry
    do:
      - send_message: {template: hello}
"""


def brand() -> Brand:
    loaded = load_brand(BRAND, "brand.yaml")
    assert isinstance(loaded, Brand)
    return loaded


def compiled(text: str) -> Strategy:
    strategy = compile_strategy(text, "x.yaml", brand())
    assert isinstance(strategy, Strategy), [str(problem) for problem in strategy]
    return strategy


def mistakes(text: str) -> list[str]:
    problems = compile_strategy(text, "x.yaml", brand())
    assert isinstance(problems, list)
    return [str(problem) for problem in problems]


def test_a_good_file_is_a_strategy_with_its_defaults() -> None:
    strategy = compiled(GOOD)
    assert (strategy.id, strategy.version, strategy.lane) == ("greeting", 3, "service_reply")
    assert strategy.entry_on == {("web", "hello")}
    assert strategy.key.text == "thread.thread_id"
    assert (strategy.max_age_ms, strategy.lifetime_ms) == (DAY, 30 * DAY)
    assert strategy.steps[0].on_entry


def test_on_is_a_word_and_a_star_is_every_channel() -> None:
    strategy = compiled(GOOD.replace("on: web.hello", 'on: ["*.hello"]'))
    assert ("voice", "hello") in strategy.entry_on
    assert len(strategy.entry_on) == 12


@pytest.mark.parametrize(
    ("text", "ms"), [("90s", 90_000), ("5m", 5 * MINUTE), ("1h30m", 90 * MINUTE), ("2d", 2 * DAY)]
)
def test_durations(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["5", "5 m", "m", "-5m", "5w", 5, None])
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        duration_ms(text)


def test_a_misspelt_setting_is_named_with_its_place() -> None:
    (problem,) = mistakes(GOOD.replace("    on: entry", "    om: entry\n    on: entry"))
    assert problem == "x.yaml:10:5: steps.0.om is not a setting here; did you mean 'on'?"


def test_every_mistake_is_found_at_once() -> None:
    problems = mistakes(GOOD.replace("version: 3", "version: x").replace("lane: service_reply\n", ""))
    assert len(problems) == 2
    assert problems[0] == "x.yaml:1:1: lane is missing; add it"
    assert problems[1].startswith("x.yaml:2:10: version:")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("customer.value > 5.0", "customer.valu > 5.0", "x.yaml:7:"),
        ("customer.value > 5.0", "customer.value", "expected bool, found double"),
        (
            "on: web.hello",
            "on: hello",
            "x.yaml:6:7: 'hello' is not channel.event; write one like web.form_started",
        ),
        ("id: hello", "id: Hello There", "x.yaml:9:9: steps.0.id"),
        ("on: entry", "absent: web.x", "absent and for belong together"),
        ("on: entry", "after: 5m\n    on: entry", "a step has exactly one of on, after and absent"),
        ("on: entry", "after: 5m\n    since: helo", "there is no step 'helo'"),
        ("on: entry", "on: entry\n    since: entry", "since belongs to after or absent"),
        ("send_message:", "send_mesage:", "there is no action 'send_mesage'; did you mean 'send_message'?"),
        ("template: hello", "template: helo", "there is no template 'helo'; did you mean 'hello'?"),
        ("template: hello", "template: hello, chanel: sms", "x.yaml:12:41: chanel is not a setting"),
        ("template: hello", "template: hello, channel: fax", "'fax' is not a channel"),
        ("template: hello", "template: form_link, channel: sms", "form_link has no text for sms"),
        ("template: hello", "template: amount", "template amount names amount; give each one under with"),
        ("send_message: {template: hello}", "refund: {amount: 3.0}", "refund has no currency"),
        (
            "send_message: {template: hello}",
            "refund: {order_id: x, currency: GBP, reason: y, amount: much}",
            "Expected `float`, got `str`",
        ),
        (
            "send_message: {template: hello}",
            "refund: {order_id: =event.txt, currency: GBP, reason: y, amount: 1.0}",
            "x.yaml:12:35",
        ),
        ("send_message: {template: hello}", "refund: now", "refund needs its settings by name"),
        ("version: 3", "version: 3\nversion: 4", "x.yaml:3:1: 'version' is written twice"),
        ("title: Say hello", "title: &a [*a]", "an alias (*name) stands for this value"),
        ("strategy: greeting", "3: greeting", "a name must be text"),
        ("title: Say hello", "title: {", "not valid YAML"),
    ],
)
def test_a_mistake_is_said_in_words_with_its_place(old: str, new: str, message: str) -> None:
    assert old in GOOD
    problems = mistakes(GOOD.replace(old, new, 1))
    assert message in problems[0]


def test_aliases_are_refused_before_they_unfold() -> None:
    assert "an alias (*name)" in mistakes(GOOD.replace("title: Say hello", "title: &a x\nlane2: *a"))[0]


def test_two_steps_of_one_name_and_two_files_of_one_strategy_are_mistakes() -> None:
    assert "two steps have the same id" in mistakes(GOOD + GOOD[GOOD.index("  - id") :])[0]
    both = compile_rules({"a.yaml": GOOD, "b.yaml": GOOD}, BRAND, "brand.yaml")
    assert isinstance(both, list)
    assert str(both[0]).startswith("b.yaml:1:11: strategy greeting is in a.yaml too")


def test_an_event_touches_only_the_strategies_that_could_care() -> None:
    live = rules(GOOD, GOOD.replace("greeting", "other").replace("web.hello", "sms.hello"))
    assert [strategy.id for strategy in live.index["web", "hello"]] == ["greeting"]
    assert ("web", "page_viewed") not in live.index


def test_a_key_that_customers_could_share_is_not_unique() -> None:
    assert compiled(GOOD).unique_key
    assert not compiled(GOOD + "key: event.interaction_id\n").unique_key
    assert compiled(GOOD + "key: string(thread.facts.order_id)\n").unique_key


def test_the_pack_is_good_and_a_missing_directory_is_said() -> None:
    assert not isinstance(load_rules(), list)
    problems = load_rules(Path("nowhere"), Path("nowhere.yaml"))
    assert isinstance(problems, list)
    assert [problem.file for problem in problems] == ["nowhere"]
