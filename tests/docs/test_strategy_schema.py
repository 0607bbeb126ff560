"""The published JSON Schemas are those of the code, take whatever is valid, and refuse what is not in their power
to accept.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from documents import ROOT
from guide import blocks, data
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.templates import Brand, load_brand
from pipeline.pack import BRAND, STRATEGIES

PUBLISHED = {
    kind: ROOT / "schemas" / f"{kind}.schema.json" for kind in ("strategy", "brand", "circumstances")
}
PACK = sorted(STRATEGIES.glob("*.yaml"))
FULL = """
strategy: full
version: 2
title: Everything that can be written
lane: proactive
priority: 80
score: =customer.value
key: event.interaction_id
max_age: 1h30m
lifetime: 60d
caps: [{times: 1, per: 7d}, {times: 2, per: 30d, channel: sms}]
quiet_hours: {from: "20:00", to: "09:00", then: drop}
exclusive: group
control: 10
in_flight: migrate
templates:
  own: {default: {en: Hello!}, email: {en: {subject: Hello, text: <p>Hello!</p>}}}
entry: {on: [web.form_started, "*.message"], when: [customer.known, customer.value > 5.0]}
steps:
  - id: one
    on: entry
    when: customer.known
    hold_until: size(interactions) == 0
    hold_for: 2h
    do:
      - send_message: {template: own, channel: in_use, with: {amount: 4.95}}
      - refund: {order_id: "1", amount: 4.95, currency: GBP, reason: late}
      - update_record: {record: return, record_id: "1", fields: {status: done}}
      - push_page: {interaction_id: =event.interaction_id, url: "https://shop.example.com"}
      - route_to_adviser: {skill: returns, priority: 1, wait_limit_s: =session.events}
  - id: two
    absent: web.form_submitted
    since: one
    for: 5m
    repeat: 3
    every: 1d
    branch:
      - {when: customer.known, do: [{offer_chat: {template: own, skill: returns}}]}
      - {do: [{reply_public: {template: own}}]}
  - {id: three, on: [session.closed], resolve_thread: true}
exits: [{on: "*.message", when: event.text.contains("stop")}]
"""
WRONG = {
    "lane: proactive": ("lane: urgent", "lane: safety", ""),
    "strategy: full": ("strategy: Not A Name", "strategy: 7", ""),
    "version: 2": ("version: 0", "version: two", "version: 2.5", "version: 2\nverison: 3", ""),
    "title: Everything that can be written": ("title: [a, b]", ""),
    "priority: 80": ("priority: 101", "priority: high"),
    "score: =customer.value": ("score: customer.value", "score: [1]"),
    "max_age: 1h30m": ("max_age: 90", "max_age: soon", "max_age: -5m"),
    "times: 1, per: 7d": ("times: 0, per: 7d", "per: 7d", "times: 1", "times: 1, per: week"),
    "channel: sms": ("channel: fax", "chanel: sms"),
    'from: "20:00"': ('from: "25:00"', "from: 20", 'form: "20:00"'),
    "then: drop": ("then: wait",),
    "control: 10": ("control: 0", "control: 100", "control: 10%"),
    "in_flight: migrate": ("in_flight: restart",),
    "exclusive: group": ("exclusive: A Group",),
    "{default: {en: Hello!}": ("{default: Hello!", "{default: {en: [Hello]}"),
    "subject: Hello, ": ("subjekt: Hello, ", ""),
    "on: [web.form_started": ("on: [web", "on: [wob.form_started", "at: [web.form_started"),
    "on: entry": ("", "on: entry\n    after: 5m", "on: entry\n    for: 5m", "on: [entry]"),
    "hold_for: 2h": ("",),
    "hold_until: size(interactions) == 0": ("",),
    "id: one": ("id: Step One",),
    "send_message: {template: own, ": (
        "send_mesage: {template: own, ",
        "send_message: {",
        "send_message: {temp: own, ",
    ),
    "channel: in_use": ("channel: telepathy", "channels: in_use"),
    "with: {amount: 4.95}": ("with: 4.95",),
    "amount: 4.95, currency: GBP": ("amount: much, currency: GBP", "currency: GBP", "amount: 4.95"),
    "fields: {status: done}": ("fields: done", "fields: {status: 5}", "fields: [done]"),
    "priority: 1, ": ("priority: first, ", ""),
    "reply_public: {template: own}": ("reply_public: {template: own, channel: sms}", "reply_public: own"),
    "absent: web.form_submitted": ("", "absent: []"),
    "for: 5m": ("", "for: 5 minutes"),
    "repeat: 3": ("repeat: 101", "repeat: 0"),
    "every: 1d": ("every: day",),
    "{do: [{reply_public": ("{when: customer.known, doo: [{reply_public",),
    "resolve_thread: true": ("", "resolve_thread: 1"),
    'exits: [{on: "*.message", ': ("exits: [{", 'exits: [{on: "message", ', 'exits: [{since: "*.message", '),
}
"""What is written instead of a part of the file above, each a mistake that both ways of checking find."""


def validator(kind: str) -> Draft7Validator:
    return Draft7Validator(json.loads(PUBLISHED[kind].read_text("utf-8")))


VALIDATOR = validator("strategy")


def brand() -> Brand:
    loaded = load_brand(BRAND.read_text("utf-8"), "brand.yaml")
    assert isinstance(loaded, Brand), loaded
    return loaded


LOADED = brand()


def refusals(checker: Draft7Validator, text: str) -> list[str]:
    """What the schema says against a file."""
    return [f"{error.json_path}: {error.message}" for error in checker.iter_errors(data(text))]


@pytest.mark.parametrize("kind", PUBLISHED)
def test_the_published_schema_is_what_the_command_prints(kind: str) -> None:
    command = [sys.executable, "-m", "pipeline.cli", "strategies", "schema", kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert PUBLISHED[kind].read_text("utf-8") == done.stdout, (
        f"throughline strategies schema {kind} > schemas/{kind}.schema.json"
    )
    Draft7Validator.check_schema(json.loads(done.stdout))


@pytest.mark.parametrize("path", PACK, ids=[path.stem for path in PACK])
def test_every_strategy_that_ships_is_valid_and_names_its_schema(path: Path) -> None:
    text = path.read_text("utf-8")
    assert refusals(VALIDATOR, text) == []
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == PUBLISHED["strategy"]


def test_the_brand_that_ships_is_valid_and_names_its_schema() -> None:
    text = BRAND.read_text("utf-8")
    assert refusals(validator("brand"), text) == []
    named = text.splitlines()[0].removeprefix("# yaml-language-server: $schema=")
    assert (BRAND.parent / named).resolve() == PUBLISHED["brand"]


@pytest.mark.parametrize("kind", ["brand", "circumstances"])
def test_the_example_of_the_guide_is_valid(kind: str) -> None:
    (block,) = blocks("yaml", kind)
    assert refusals(validator(kind), block.text) == []


def test_a_strategy_with_everything_is_valid() -> None:
    strategy = compile_strategy(FULL, "full.yaml", LOADED)
    assert isinstance(strategy, Strategy), [str(problem) for problem in strategy]
    assert refusals(VALIDATOR, FULL) == []


@pytest.mark.parametrize(
    ("part", "instead"), [(part, new) for part, all_new in WRONG.items() for new in all_new]
)
def test_a_mistake_is_refused_by_the_schema_and_by_validate(part: str, instead: str) -> None:
    assert FULL.count(part) == 1
    wrong = FULL.replace(part, instead)
    assert refusals(VALIDATOR, wrong)
    assert isinstance(compile_strategy(wrong, "wrong.yaml", LOADED), list)


@pytest.mark.parametrize("kind", PUBLISHED)
def test_everything_that_can_be_written_is_described(kind: str) -> None:
    described = json.loads(PUBLISHED[kind].read_text("utf-8"))
    for place, properties in property_maps(described, kind):
        for name, one in properties.items():
            assert one.get("description"), f"{place}.{name}"


def property_maps(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every `properties` that describes settings; those of a condition on others describe nothing."""
    if isinstance(schema, list):
        for one in schema:
            yield from property_maps(one, place)
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield place, schema["properties"]
        for name, one in schema.items():
            if name not in ("if", "then"):
                yield from property_maps(one, f"{place}.{name}")


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all values inside of a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in inner:
        yield (*path, name)
        yield from places(one, (*path, name))


GOOD = [data(FULL), *(data(path.read_text("utf-8")) for path in PACK)]
JUNK = st.one_of(
    st.booleans(),
    st.integers(-3, 300),
    st.floats(allow_nan=False, allow_infinity=False, width=16),
    st.sampled_from(
        ["", "x", "entry", "5m", "web.hello", "=1", "=customer.value", "true", "08:00", "sms", "keep"]
    ),
    st.sampled_from([[], {}, ["web.hello"], {"en": "x"}, [{"times": 1, "per": "1d"}], {"on": "web.hello"}]),
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_what_the_schema_refuses_is_refused_by_validate(drawn: st.DataObject) -> None:
    """An editor never marks what is right: every change to a good file that the schema refuses is a mistake."""
    changed = copy.deepcopy(drawn.draw(st.sampled_from(GOOD)))
    *parents, last = drawn.draw(st.sampled_from([*places(changed)]))
    inside = changed
    for name in parents:
        inside = inside[name]
    if drawn.draw(st.booleans()):
        inside[last] = drawn.draw(JUNK)
    else:
        inside.pop(last)
    if next(VALIDATOR.iter_errors(changed), None) is not None:
        assert isinstance(compile_strategy(json.dumps(changed), "changed.yaml", LOADED), list)
