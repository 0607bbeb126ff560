"""A simulation, which folds only those who are concerned, against the whole pipeline folding everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
import pytest

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.replay import Replay
from pipeline.domain.simulation.tally import Tallies
from pipeline.domain.strategies.compiled import Rules
from pipeline.local.simulation.play import simulate
from pipeline.wire.container import Container, open_container, write_container
from tests.domain_values import HOUR, rules
from tests.worlds.visits import Deed
from tests.worlds.world import events, make

SEEDS = range(2001, 2007)
DRAFTS = 6

TRIGGERS = ["web.page_viewed", "web.login", "email.message", "voice.message", "social.message", "*.message"]
RARE = ["sms.message", "store.message", "session.closed"]
CONDITIONS = [
    'event.interaction_id.endsWith("7")',
    'event.text.contains("ell")',
    'has(event.attributes.page) && event.attributes.page == "/2"',
    "event.facts.none == 1",
    "event.received_at - event.occurred_at > duration('5s')",
    "event.occurred_at <= event.received_at",
    "customer.known",
    "history.contacts >= 3",
    "1 / history.contacts == 1",
    "event.identifiers.size() > 1 && session.events > 2",
    "session.events > 1 && event.kind == 'message'",
]
STEPS = [
    "{id: now, on: entry, do: [{escalate: {to: desk, reason: now}}]}",
    "{id: later, after: 40s, do: [{escalate: {to: desk, reason: later}}]}",
    "{id: written, on: ['*.message'], when: customer.known, repeat: 2, do: [{escalate: {to: desk, reason: m}}]}",
    "{id: silent, absent: ['*.message'], for: 2m, do: [{escalate: {to: desk, reason: quiet}}]}",
]


def strategy(random: Random, name: str, version: int) -> str:
    """A strategy of random parts."""
    triggers = (
        random.sample(TRIGGERS, random.randint(1, 2)) if random.random() < 0.6 else [random.choice(RARE)]
    )
    conditions = random.sample(CONDITIONS, random.randint(0, 2))
    steps = random.sample(STEPS, random.randint(1, 3))
    lines = [
        f"strategy: {name}",
        f"version: {version}",
        "title: random",
        "lane: service_reply",
        f"entry: {{on: [{', '.join(map(repr, triggers))}], when: {msgspec.json.encode(conditions).decode()}}}",
        f"key: {random.choice(['event.interaction_id', 'customer.id', 'event.event_id'])}",
        f"max_age: {random.choice(['4s', '2h', '30d'])}",
        "steps:",
        *(f"  - {step}" for step in steps),
    ]
    return "\n".join(lines)


def recorded(seed: int, path: Path) -> tuple[list[Profile], Container]:
    """The month of a world: its profiles, and its events as they are received, in a file."""
    arrivals = make(seed).arrivals
    received = [
        one
        for arrival in arrivals
        if isinstance(arrival.what, Deed)
        for one in events(arrival.what, arrival.at)
    ]
    random = Random(seed)
    for event in random.sample(received, len(received) // 20):
        event.occurred_at += HOUR  # by a clock that is ahead
    random.shuffle(received)
    write_container(path, Interaction, received)
    container = open_container(path, Interaction)
    assert isinstance(container, Container)
    return [arrival.what for arrival in arrivals if isinstance(arrival.what, Profile)], container


def folded(live: Rules, profiles: list[Profile], container: Container, until: int) -> Replay:
    """Everybody's events through the whole pipeline, records packed between any two messages."""
    in_order = sorted(container.values(), key=lambda event: event.received_at)
    replay = Replay(live, in_order[0].received_at)
    replay.fold(*profiles)
    for event in in_order:
        replay.advance(event.received_at)
        replay.fold(event)
    replay.advance(until)
    return replay


@contextmanager
def silent(title: str, size: int) -> Iterator:
    yield lambda done: None


def changes(active: Replay, draft: Replay) -> Counter[str]:
    """How many customers would get more, fewer or other actions."""
    sent = Counter((command.customer_id, msgspec.json.encode(command.body)) for command in draft.commands)
    sent.subtract((command.customer_id, msgspec.json.encode(command.body)) for command in active.commands)
    balance: Counter[str] = Counter()
    touched = set()
    for (customer_id, _), difference in sent.items():
        balance[customer_id] += difference
        if difference:
            touched.add(customer_id)
    return Counter("more" if balance[one] > 0 else "less" if balance[one] < 0 else "other" for one in touched)


def drafts(seed: int) -> Iterator[tuple[Rules, Rules]]:
    """What is active and what is tried: the strategy `drafted` differs, `common` is the same."""
    random = Random(seed)
    for _ in range(DRAFTS):
        common, active, draft = (
            strategy(random, name, version)
            for name, version in (("common", 1), ("drafted", 1), ("drafted", 2))
        )
        yield rules(common, active), rules(common, draft)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_is_left_out_makes_no_difference(seed: int, tmp_path: Path) -> None:
    profiles, container = recorded(seed, tmp_path / "events.avro")
    for live in drafts(seed):
        simulation = simulate(container, profiles, live, frozenset({"drafted"}), silent)
        trial = simulation.trial
        active, draft = (folded(one, profiles, container, simulation.end) for one in live)
        for replay, found in ((active, trial.active), (draft, trial.draft)):
            tallies = Tallies()
            tallies.count(replay.commands, replay.decisions)
            assert found["drafted"] == tallies["drafted"]
        assert trial.customers == changes(active, draft)


def test_of_some_drafts_most_customers_are_left_out_and_of_some_none(tmp_path: Path) -> None:
    """Or the test above would hold nothing to it."""
    profiles, container = recorded(SEEDS[0], tmp_path / "events.avro")
    shares = []
    for live in drafts(SEEDS[0]):
        simulation = simulate(container, profiles, live, frozenset({"drafted"}), silent)
        shares.append(simulation.played / simulation.events)
    assert min(shares) < 0.5
    assert max(shares) > 0.8
