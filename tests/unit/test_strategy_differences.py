"""What differs between two strategy files, by their settings."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.domain.strategies.differences import Difference, differences
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import read

BEFORE = """
strategy: greeting
version: 1
title: Help
lane: service_reply
entry: {on: web.form_started, when: [customer.value >= 500.0]}
steps:
  - id: help
    on: entry
    do:
      - offer_chat: {template: form_help, channel: in_use}
  - id: remind
    after: 2h
    do:
      - send_message: {template: form_link}
exits:
  - on: [web.form_abandoned]
"""


def values(text: str) -> dict[str, Any]:
    source = read(text, "a.yaml")
    assert not isinstance(source, Problem)
    return dict(source.data)


def between(after: str) -> list[Difference]:
    return differences(values(BEFORE), values(after))


@pytest.mark.parametrize(
    ("written", "instead", "expected"),
    [
        (
            "lane: service_reply",
            "lane: proactive",
            Difference("lane", "changed", "service_reply", "proactive"),
        ),
        (
            "customer.value >= 500.0",
            "customer.value >= 300.0",
            Difference("entry.when", "changed", "customer.value >= 500.0", "customer.value >= 300.0"),
        ),
        (
            "template: form_help",
            "template: hello",
            Difference("steps.help.do.1.offer_chat.template", "changed", "form_help", "hello"),
        ),
        ("after: 2h", "after: 1d", Difference("steps.remind.after", "changed", "2h", "1d")),
        ("title: Help", "title: Help\nmax_age: 30m", Difference("max_age", "added", after="30m")),
        (
            "exits:\n  - on: [web.form_abandoned]\n",
            "",
            Difference("exits", "removed", before=[{"on": ["web.form_abandoned"]}]),
        ),
    ],
)
def test_a_setting_that_differs_is_named_by_its_place(
    written: str, instead: str, expected: Difference
) -> None:
    assert written in BEFORE
    assert between(BEFORE.replace(written, instead)) == [expected]


def test_a_step_is_known_by_its_id_wherever_it_stands() -> None:
    after = values(BEFORE)
    after["steps"].insert(0, {"id": "first", "on": "entry", "resolve_thread": True})
    found = differences(values(BEFORE), after)
    assert [(one.place, one.kind) for one in found] == [("steps.first", "added")]
    after["steps"] = [one for one in after["steps"] if one["id"] == "help"]
    found = differences(values(BEFORE), after)
    assert [(one.place, one.kind) for one in found] == [("steps.remind", "removed")]


def test_steps_in_another_order_are_told() -> None:
    after = values(BEFORE)
    after["steps"].reverse()
    assert differences(values(BEFORE), after) == [
        Difference("steps", "reordered", ["help", "remind"], ["remind", "help"])
    ]


def test_another_way_to_write_the_same_is_no_difference() -> None:
    assert between(BEFORE.replace("version: 1", "version: 2  # counted up")) == []
    assert between(BEFORE.replace("when: [customer.value >= 500.0]", "when: customer.value >= 500.0")) == []
