"""A whole demo: the stage, the warm-up, the play, the verdict."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from rich.console import Console

from pipeline.domain.strategies.compiled import Rules
from pipeline.local.demo.crowd import Traffic
from pipeline.local.demo.feed import Feed
from pipeline.local.demo.figures import latency_summary
from pipeline.local.demo.line import Line
from pipeline.local.demo.load import play_crowd, send_crowd
from pipeline.local.demo.pace import FAST, PERSON
from pipeline.local.demo.play import play, scenarios
from pipeline.local.demo.report import as_json
from pipeline.local.demo.stage import Stage, StageError, stage
from pipeline.pack import load_rules
from pipeline.runtime.codec import make_codec
from pipeline.runtime.publisher import Publisher

_WARM_UP = Traffic(customers=60, rate=100, gap_ms=(50, 200))
_WORKER_START_S = 60.0


@dataclass(frozen=True)
class Wanted:
    """What to play: the two scenarios, `fast` or at the pace of a person, or else a `crowd`."""

    bootstrap: str | None
    own_worker: bool
    fast: bool
    crowd: Traffic | None


@dataclass(frozen=True)
class Verdict:
    """Whether all was as it must be, and the figures for machines."""

    passed: bool
    figures: dict[str, Any]


def run(wanted: Wanted, console: Console) -> Verdict:
    """Play the demo and show it on the console. Everything that it starts has ended when it returns or raises.

    Raises StageError, BrokerError, FeedError, NotSettled or PublishError when the pipeline cannot be run.
    """

    def tell(line: str) -> None:
        console.print(line, markup=False, style="dim")

    with stage(wanted.bootstrap, wanted.own_worker, tell) as on, _line(on) as line:
        tell(f"Warming up with {_WARM_UP.customers} throw-away customers; they are not counted …")
        mark = uuid.uuid4().hex[:6]
        send_crowd(line, _WARM_UP, f"w{mark}", _WORKER_START_S, lambda: None)
        if wanted.crowd is not None:
            counted = play_crowd(line, wanted.crowd, mark, console)
            for problem in counted.problems:
                console.print(problem, markup=False)
            return Verdict(not counted.problems, msgspec.to_builtins(counted))
        return _scenarios(line, on.mark, wanted.fast, console)


def _scenarios(line: Line, mark: str, fast: bool, console: Console) -> Verdict:
    rules = load_rules()
    if not isinstance(rules, Rules):
        raise StageError("\n".join(map(str, rules)))
    pace = FAST if fast else PERSON
    outcomes = [play(scenario, pace, line, mark, rules, console) for scenario in scenarios()]
    latencies = [command.latency_ms for one in outcomes for command in one.commands]
    told = latency_summary(latencies)
    console.print(
        f"Event → command: median {told['p50']} ms, slowest {max(latencies, default=0):.0f} ms; "
        f"{line.feed.dead_letters} dead letters."
    )
    passed = all(one.passed for one in outcomes) and not line.feed.dead_letters
    return Verdict(passed, as_json(outcomes, line.feed.dead_letters))


@contextmanager
def _line(on: Stage) -> Iterator[Line]:
    codec = make_codec(on.settings)
    with Feed(on.settings, on.watch) as feed, Publisher(on.settings, codec, "throughline/demo") as publisher:
        yield Line(feed, publisher)
