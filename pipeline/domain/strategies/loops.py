"""Strategies whose actions cause events that start them again, as far as that can be seen without running them."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Collection, Iterable
from itertools import pairwise
from typing import NamedTuple

from pipeline.domain.actions import ActionKind
from pipeline.domain.strategies.compiled import Step, Strategy, Triggers
from pipeline.domain.strategies.fields import CLOSED, SESSION
from pipeline.domain.strategies.language import pairs

_CONTACT = f"{SESSION}.{CLOSED}"
"""What a contact of the customer ends with."""
_CALL = (
    "voice.call_started",
    "voice.answered",
    "voice.adviser_joined",
    "voice.adviser_left",
    "voice.call_ended",
    _CONTACT,
)
_DESK = ("*.queued", "*.dequeued", "*.answered", "*.adviser_joined", "*.adviser_left", _CONTACT)
_EVENTS: dict[ActionKind, tuple[str, ...]] = {
    "refund": ("order.refund_paid",),
    "offer_chat": ("chat.chat_started", "chat.message", *_DESK),
    "push_page": ("web.page_viewed", "mobile_app.page_viewed", _CONTACT),
    "offer_callback": _CALL,
    "schedule_callback": _CALL,
    "route_to_adviser": _DESK,
    "create_ticket": ("*.resolved",),
}

CAUSES: dict[str, Triggers] = {kind: pairs([*events]) for kind, events in _EVENTS.items()}
"""The events that follow when an action of a kind is carried out. An answer of the customer is their own doing."""

_LASTING = ("thread.", "customer.", "history.", "event.facts.order_id", "event.channel", "event.kind")
"""What a key may read and still be the same for the next event, so that it starts no other attempt."""


class Loop(NamedTuple):
    """A strategy that starts itself again, by its step `step` and perhaps by way of others; `message` says how."""

    strategy: Strategy
    step: Step
    message: str


def loops(strategies: Iterable[Strategy]) -> list[Loop]:
    """Circles of strategies of which each one starts the next and none has caps; of each strategy one, and enough
    of them that none is left when their first strategies start nothing.
    """
    unbounded = {one.id: one for one in strategies if not one.policy.caps}
    graph = _links(unbounded.values())
    found: list[Loop] = []
    while circle := _circle(graph):
        links = [graph[one][other] for one, other in pairwise(circle)]
        words = [f"{link.words}, which starts {other}" for link, other in zip(links, circle[1:], strict=True)]
        found.append(Loop(unbounded[circle[0]], links[0].step, "; ".join(words) + " again"))
        graph[circle[0]] = {}
    return found


class _Link(NamedTuple):
    step: Step
    words: str


def _links(strategies: Collection[Strategy]) -> dict[str, dict[str, _Link]]:
    """By which step a strategy starts another one: the ids of both, and how."""
    started: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for strategy in strategies:
        if not all(name.startswith(_LASTING) for name in strategy.key.references):
            for trigger in strategy.entry_on:
                started[trigger].append(strategy.id)
    graph: dict[str, dict[str, _Link]] = {strategy.id: {} for strategy in strategies}
    for strategy in strategies:
        for step in strategy.steps:
            for kind in sorted({action.kind for action in step.actions} & CAUSES.keys()):
                for trigger in sorted(CAUSES[kind] & started.keys()):
                    words = f"{kind} of {strategy.id}/{step.id} causes {'.'.join(trigger)}"
                    for other in started[trigger]:
                        graph[strategy.id].setdefault(other, _Link(step, words))
    return graph


def _circle(graph: dict[str, dict[str, _Link]]) -> list[str]:
    """The ids along one circle, with the first at the end again; empty when there is none."""
    try:
        graphlib.TopologicalSorter({id_: sorted(others) for id_, others in graph.items()}).prepare()
    except graphlib.CycleError as error:
        # What an edge leads to comes first for the sorter, so it tells of a circle backwards.
        return list(reversed(error.args[1]))
    return []
