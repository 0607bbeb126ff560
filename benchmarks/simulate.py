"""`python -m benchmarks.simulate`: how fast drafts are simulated on a recording, by whom they concern.

Writes SIMULATE.md.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated, NamedTuple

import typer

from benchmarks.measure import BenchmarkError
from benchmarks.pipeline import progress
from benchmarks.pipeline_events import SEED, interactions, profiles
from benchmarks.pipeline_strategies import write_strategies
from benchmarks.report import machine
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Rules, Strategy
from pipeline.local.simulation.play import simulate
from pipeline.pack import load_recogniser, load_rules
from pipeline.wire.container import Container, open_container, write_container

RESULTS = Path(__file__).with_name("SIMULATE.md")
AIM = 50_000
START = 1_772_445_600_000
_EVENT_MS = 25

ENTRIES = {
    "three devices in a hundred": (
        "[web.page_viewed, mobile_app.page_viewed]",
        "event.identifiers[0].value.matches('^d-[0-9]{5}(42|43|44)')",
    ),
    "one device in ten": (
        "[web.page_viewed, mobile_app.page_viewed]",
        "event.identifiers[0].value.matches('^d-[0-9]{6}7')",
    ),
    "everybody whose session ends": ("[session.closed]", "session.events > 0"),
}
"""Whom the drafts are about: what their attempts begin with."""


class Measured(NamedTuple):
    """A draft on the recording: shares of customers and events that it concerns, and what each round took."""

    customers: float
    events: float
    attempts: int
    seconds: list[float]

    def rate(self, events: int) -> float:
        """Events a second, by the median round."""
        return events / median(self.seconds)


def draft(number: int, rules: Rules) -> Strategy:
    """The draft with this number: after the entry it waits for a form that is not sent, and says something."""
    on, when = list(ENTRIES.values())[number]
    text = f"""
strategy: draft
version: 2
title: About {list(ENTRIES)[number]}
lane: service_reply
entry: {{on: {on}, when: "{when}"}}
key: session.session_id
steps:
  - id: ask
    absent: [web.form_submitted]
    for: 5m
    when: history.contacts > 1
    do: [{{escalate: {{to: desk, reason: quiet}}}}]
"""
    compiled = compile_strategy(text, "draft.yaml", rules.brand)
    if isinstance(compiled, list):
        raise BenchmarkError("\n".join(map(str, compiled)))
    return compiled


def measure(
    recording: Container, known: list[Profile], rules: Rules, tried: Strategy, rounds: int
) -> Measured:
    """Simulate a draft beside what is active, several times, in processor time of this process."""
    recogniser = load_recogniser()
    if isinstance(recogniser, Failure):
        raise BenchmarkError(recogniser.message)
    both = rules, Rules([*rules.strategies.values(), tried], rules.brand)
    seconds = []
    for _ in range(rounds):
        began = time.process_time()
        found = simulate(recording, known, both, frozenset({tried.id}), progress, recogniser=recogniser)
        seconds.append(time.process_time() - began)
    return Measured(
        found.groups_played / found.groups,
        found.played / found.events,
        found.trial.draft[tried.id].attempts,
        seconds,
    )


def markdown(measured: list[Measured], events: int, customers: int, strategies: int) -> str:
    """The report: the figure of the first draft, then all of them, and what it ran on."""
    about = {name: value for name, value in machine().items() if name != "Kafka"}
    about["cores"] = about["cores"].partition(", shared")[0] + ", one of them used"
    rows = [
        f"| {name} | {100 * one.customers:.1f} % | {100 * one.events:.1f} % | {one.attempts:,} |"
        f" {one.rate(events):,.0f} | {', '.join(f'{events / spent:,.0f}' for spent in one.seconds)} |"
        for name, one in zip(ENTRIES, measured, strict=True)
    ]
    least = measured[0]
    return "\n".join(
        [
            "# Simulation: results",
            "",
            f"**A draft that concerns {100 * least.customers:.1f} % of customers is simulated beside what is active"
            f" at {least.rate(events):,.0f} recorded events a second on one core (aim: {AIM:,}).**",
            "",
            "| the draft is about | customers concerned | their events | attempts | events/s, median of"
            f" {len(least.seconds)} | each round |",
            "|---|---:|---:|---:|---:|---|",
            *rows,
            "",
            f"{events:,} recorded events of {customers:,} customers, {strategies} active strategies. Every event is"
            " read; only customers whom the draft could concern are folded, twice: once with the active strategies,"
            " once with the draft among them; their intents are read once. So the rate falls with their share; the"
            " last row folds everybody. Customers are counted as groups that identifiers connect. Rates are by"
            " processor time of the process, reading the file included. That leaving others out changes"
            " nothing is held by `tests/property/test_simulation.py`.",
            "Written by `make bench-simulate`.",
            "",
            *(f"- {name}: {value}" for name, value in about.items()),
            "",
        ]
    )


def main(
    events: Annotated[int, typer.Option(min=1_000, help="Recorded events.")] = 200_000,
    customers: Annotated[int, typer.Option(min=100, help="Customers who cause them.")] = 20_000,
    strategies: Annotated[int, typer.Option(min=1, help="Active strategies.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; the median counts.")] = 3,
) -> None:
    """Measure how fast a recording is simulated."""
    with tempfile.TemporaryDirectory(prefix="simulate-") as name:
        directory = Path(name)
        write_strategies(directory / "strategies", strategies)
        rules = load_rules(directory / "strategies")
        if isinstance(rules, list):
            raise BenchmarkError("\n".join(map(str, rules)))
        times = itertools.count(START, _EVENT_MS)
        visits = interactions(customers, SEED, "e-", lambda: next(times))
        write_container(directory / "events.avro", Interaction, itertools.islice(visits, events))
        recording = open_container(directory / "events.avro", Interaction)
        assert isinstance(recording, Container)
        known = list(profiles(customers, START))
        measured = [
            measure(recording, known, rules, draft(number, rules), rounds) for number in range(len(ENTRIES))
        ]
    text = markdown(measured, events, customers, strategies)
    RESULTS.write_text(text, encoding="utf-8")
    typer.echo(text)


if __name__ == "__main__":
    typer.run(main)
