"""Whatever is under way when a customer asks to be forgotten, and whatever is replayed then: nothing is left."""

from __future__ import annotations

from collections import defaultdict, deque
from random import Random

import msgspec
from domain_values import MINUTE, NOW, SECOND, event, profile, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.actions import CancelAction
from pipeline.domain.customers import Profile
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionReceipt
from pipeline.domain.replay import Message, Replay
from pipeline.domain.requests import EraseRequested
from pipeline.domain.rows import HeldIdentifier
from pipeline.domain.state import CustomerState

HELP = """
strategy: help
version: 1
title: Help
lane: service_reply
entry: {on: web.form_field}
key: event.interaction_id
steps:
  - {id: ticket, on: web.form_field, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
  - id: quiet
    absent: web.form_submitted
    since: [web.form_field]
    for: 5m
    do: [{create_ticket: {subject: q, priority: 1, text: y}}]
"""
LIVE = rules(HELP)
ERASED_AT = NOW + 2 * MINUTE
# Of two people nothing in common is ever told, so what is left of one must not mention the other's names.
PEOPLE = ("maya", "noah")
NUMBERS = {"maya": "C-1", "noah": "C-2"}


def names_of(person: str) -> list[Identifier]:
    """All identifiers of one person but the customer number."""
    return [
        Identifier("device", f"{person}-1", "observed"),
        Identifier("device", f"{person}-2", "observed"),
        Identifier("email", f"{person}@example.com", "asserted"),
        Identifier("social", f"facebook:{person}", "asserted"),
    ]


@st.composite
def deeds(draw: st.DrawFn, at: int, person: str) -> Interaction:
    """What somebody does under one of their names; sometimes they tell another one, or log in."""
    names = names_of(person)
    primary = draw(st.sampled_from([*names, Identifier("customer_number", NUMBERS[person], "verified")]))
    told = [primary]
    if draw(st.integers(0, 2)) == 0:
        told.append(draw(st.sampled_from(names)))
    if draw(st.integers(0, 2)) == 0:
        told.append(Identifier("customer_number", NUMBERS[person], "verified"))
    return event(
        f"{person[0]}e{at}",
        NOW + at * SECOND,
        draw(st.sampled_from(["page_viewed", "form_field", "order_delivered"])),
        draw(st.sampled_from(["web", "web", "web", "order"])),
        interaction_id=f"{person[0]}i{draw(st.integers(0, 2))}",
        identifiers=told,
        text=draw(st.sampled_from([None, "hello"])),
        received_at=NOW + (at + draw(st.sampled_from([0, 3, 50]))) * SECOND,
    )


@st.composite
def lives(draw: st.DrawFn, person: str) -> list[Interaction | Profile]:
    """Up to a dozen of deeds within a minute, and what the system of record says, once or twice."""
    moments = sorted(draw(st.sets(st.integers(0, 60), min_size=2, max_size=12)))
    life: list[Interaction | Profile] = [draw(deeds(at, person)) for at in moments]
    for at in draw(st.sets(st.integers(0, 60), max_size=2)):
        told = draw(st.lists(st.sampled_from(names_of(person)), max_size=2, unique=True))
        known = profile(NUMBERS[person], name=person, updated_at=NOW + at * SECOND, identifiers=told)
        life.insert(draw(st.integers(0, len(life))), known)
    return life


class Kafka:
    """Messages on their way: each key's in order, of one topic and another in any."""

    def __init__(self, replay: Replay, random: Random) -> None:
        self._replay = replay
        self._random = random
        self._ways: dict[tuple[str, str], deque[Message]] = defaultdict(deque)

    def send(self, *messages: Message) -> None:
        for message in messages:
            key = message.customer_id if isinstance(message, Profile) else message.key
            self._ways[topic_of(message), key].append(message)

    def carry(self, steps: int | None = None) -> None:
        """Deliver so many messages, or all."""
        while steps != 0 and (ways := sorted(way for way, waiting in self._ways.items() if waiting)):
            message = self._ways[self._random.choice(ways)].popleft()
            self.send(*self._replay.step(message))
            steps = None if steps is None else steps - 1


def topic_of(message: Message) -> str:
    match message:
        case Interaction():
            return message.channel
        case Profile():
            return "customers"
        case EraseRequested():
            return "requests"
        case ActionReceipt():
            return "receipts"
        case _ if type(message).__name__ in ("IdentityLink", "IdentifierErased"):
            return "links"
        case _:
            return "identified"


def kept(replay: Replay) -> dict[str, str]:
    """All that is kept, as text by what it is."""
    found = {f"customer {one}": text_of(replay.customer(one)) for one in replay.customers()}
    found |= {f"identity {key}": text_of(replay.identity(key)) for key in replay.identities()}
    return found | {f"row {key}": text_of(row) for key, row in replay.rows.items()}


def text_of(value: object) -> str:
    return msgspec.json.encode(value).decode()


STORIES = (lives("maya"), lives("noah"), st.randoms(use_true_random=False))


@settings(deadline=None, max_examples=100)
@given(*STORIES)
def test_a_replay_brings_nothing_back(
    maya: list[Interaction | Profile], noah: list[Interaction | Profile], random: Random
) -> None:
    replay = Replay(LIVE, NOW + MINUTE)
    kafka = Kafka(replay, random)
    kafka.send(*maya, *noah)
    kafka.carry()
    before = kept_of(replay, "noah")
    forget_and_replay(kafka, replay, maya, random, known_to_be_hers(maya))
    assert kept_of(replay, "noah") == before


@settings(deadline=None, max_examples=100)
@given(*STORIES, st.integers(1, 60))
def test_nothing_that_is_under_way_is_left(
    maya: list[Interaction | Profile], noah: list[Interaction | Profile], random: Random, steps: int
) -> None:
    replay = Replay(LIVE, NOW + MINUTE)
    kafka = Kafka(replay, random)
    kafka.send(*maya, *noah)
    kafka.carry(steps)
    forget_and_replay(kafka, replay, maya, random, held_by(replay, "C-1"))


def forget_and_replay(
    kafka: Kafka, replay: Replay, life: list[Interaction | Profile], random: Random, hers: set[str]
) -> None:
    """Erase the first of the two with whatever is under way, then replay her past in any order."""
    kafka.send(EraseRequested(customer_id="C-1", by="test", requested_at=ERASED_AT))
    kafka.carry()
    assert_forgotten(replay, hers)
    replay.now = ERASED_AT + MINUTE
    kafka.send(*(one for one in life if random.random() < 0.8))
    kafka.carry()
    assert_forgotten(replay, hers)


def held_by(replay: Replay, customer_id: str) -> set[str]:
    """The keys of the identifiers that the customer is known to have, under this id and those merged into it."""
    ids = {customer_id}
    while more := {
        one for one in replay.customers() if one not in ids and customer_of(replay, one).merged_into in ids
    }:
        ids |= more
    rows = replay.rows.values()
    return {row.identifier.key for row in rows if isinstance(row, HeldIdentifier) and row.customer_id in ids}


def customer_of(replay: Replay, customer_id: str) -> CustomerState:
    state = replay.customer(customer_id)
    assert state is not None
    return state


def kept_of(replay: Replay, name: str) -> dict[str, str]:
    """What is kept that mentions a name."""
    return {what: text for what, text in kept(replay).items() if name in what or name in text}


def known_to_be_hers(life: list[Interaction | Profile]) -> set[str]:
    """The keys of the identifiers that evidence, of one event after another, joins with the customer's number."""
    number = Identifier("customer_number", "C-1").key
    told = [
        {one.key for one in it.identifiers} | ({number} if isinstance(it, Profile) else set()) for it in life
    ]
    joined = {number}
    while True:
        more = joined.union(*(keys for keys in told if keys & joined))
        if more == joined:
            return joined
        joined = more


def assert_forgotten(replay: Replay, hers: set[str]) -> None:
    """No record, row or identifier mentions her, and nothing that was decided about her is pending."""
    names = {"C-1"} | {key.partition(":")[2] for key in hers} | {provisional_id(key) for key in hers}
    for what, text in kept(replay).items():
        assert not [name for name in names if name in what or f'"{name}"' in text], (what, text)
    called_back = {one.body.action_id for one in replay.commands if isinstance(one.body, CancelAction)}
    for one in replay.commands:
        if one.customer_id in names and not isinstance(one.body, CancelAction):
            assert one.action_id in called_back, one
