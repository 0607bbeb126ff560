"""A recording, played through two sets of rules: read once to find who is concerned, and again to play those."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pipeline.domain.customers import Profile
from pipeline.domain.intents import Recogniser
from pipeline.domain.interactions import Interaction
from pipeline.domain.simulation.connected import NOBODY, Connected
from pipeline.domain.simulation.entries import Entries
from pipeline.domain.simulation.trial import Trial
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.wire.container import Container

DAY_MS = 86_400_000
Progress = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""Shows how far something is: its title and whole size → what is told how much is done."""


@dataclass(frozen=True)
class Simulation:
    """What came of a recording: `events` were read, of which `nobodys` name no customer, and `played` were folded.

    They are of so many `groups` of customers that identifiers connect, of which `groups_played` were concerned.
    `start` is when the first was received, `end` up to when time went on (epoch milliseconds).
    """

    events: int
    nobodys: int
    played: int
    groups: int
    groups_played: int
    start: int
    end: int
    trial: Trial


@dataclass
class _Index:
    """What is remembered of every event of a recording: a node of its group, and its size in bytes.

    `concerned` are nodes of events that a strategy could see.
    """

    nodes: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("I"))
    concerned: set[int] = field(default_factory=set)
    start: int | None = None
    end: int = 0


def simulate(
    recording: Container,
    profiles: Iterable[Profile],
    rules: tuple[Rules, Rules],
    compared: frozenset[str],
    progress: Progress,
    wait_ms: int = DAY_MS,
    recogniser: Recogniser | None = None,
) -> Simulation:
    """Play the recording through the active rules and the draft's, which differ in the `compared` strategies.

    After the last event time goes on for `wait_ms`, so that steps that wait have their turn. Without a `recogniser`
    threads have no intents. Customers whom none of
    the compared strategies could see are left out: both sides do the same for them. Raises ContainerError when the
    recording is damaged.
    """
    connected = Connected()
    known = [(profile, connected.profile(profile)) for profile in profiles]
    index = _read(recording, connected, Entries(_versions(rules, compared)), progress)
    groups = _groups(connected, index.concerned)
    of_group: dict[int, list[Profile]] = defaultdict(list)
    for profile, node in known:
        of_group[groups[node]].append(profile)
    start, end = index.start or 0, index.end + wait_ms
    trial = Trial(*rules, start, end, recogniser)
    played = sum(node != NOBODY and groups[node] != NOBODY for node in index.nodes)
    with progress("Playing: events", played) as told:
        done = 0
        for group, events in _events_of(recording, index, groups):
            trial.play(of_group[group], events)
            done += len(events)
            told(done)
    nodes = set(index.nodes).difference([NOBODY])
    return Simulation(
        events=len(index.nodes),
        nobodys=index.nodes.count(NOBODY),
        played=played,
        groups=len({connected.group(node) for node in nodes}),
        groups_played=len({groups[node] for node in nodes}.difference([NOBODY])),
        start=start,
        end=end,
        trial=trial,
    )


def _versions(rules: Iterable[Rules], compared: frozenset[str]) -> list[Strategy]:
    """All that runs of some strategies; there may be several versions of one."""
    versions = [one for side in rules for found in side.index.values() for one in found if one.id in compared]
    return list({id(one): one for one in versions}.values())


def _read(recording: Container, connected: Connected, entries: Entries, progress: Progress) -> _Index:
    """Go through the recording once, and join whoever is connected."""
    index = _Index()
    with progress("Reading: bytes", recording.path.stat().st_size) as told:
        for block in recording.blocks():
            for event, size in recording.read(block):
                node = connected.event(event)
                index.nodes.append(node)
                index.sizes.append(size)
                if node == NOBODY:
                    continue
                at = event.received_at
                index.start = at if index.start is None else min(index.start, at)
                index.end = max(index.end, at)
                if entries.always or entries.begins(event):
                    index.concerned.add(node)
            told(block.end)
    return index


def _groups(connected: Connected, concerned: Iterable[int]) -> list[int]:
    """The group of every node, NOBODY where it is not concerned."""
    wanted = {connected.group(node) for node in concerned}
    groups = map(connected.group, range(len(connected)))
    return [group if group in wanted else NOBODY for group in groups]


def _events_of(
    recording: Container, index: _Index, groups: list[int]
) -> Iterator[tuple[int, list[Interaction]]]:
    """Each group that is concerned with all of its events in the order of receipt, once the last has been read."""
    missing = Counter(groups[node] for node in index.nodes if node != NOBODY)
    del missing[NOBODY]
    kept: dict[int, list[bytes]] = defaultdict(list)
    if not missing:
        return
    for raw, records, first, _ in recording.blocks():
        at = 0
        for number in range(first, first + records):
            node, end = index.nodes[number], at + index.sizes[number]
            group = NOBODY if node == NOBODY else groups[node]
            if group != NOBODY:
                kept[group].append(raw[at:end])
                missing[group] -= 1
                if not missing[group]:
                    events = [recording.decode(one, 0)[0] for one in kept.pop(group)]
                    yield group, sorted(events, key=lambda event: event.received_at)
            at = end
