"""The demo of a crowd: many customers on all channels at once, with live counters."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
from rich.console import Console
from rich.live import Live
from rich.table import Table

from pipeline.local.demo.crowd import Traffic, as_csv, crowd, schedule
from pipeline.local.demo.figures import latency_summary
from pipeline.local.demo.line import PATIENCE_S, Line, NotSettled
from pipeline.observe.clock import wall_clock

SEED = 7
_FRAMES_PER_S = 4
_PLAIN_EVERY_S = 2.0


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """A crowd's demo in figures; `events_per_s` is what was sent on average."""

    customers: int
    events: int
    events_per_s: float
    sessions: int
    commands: dict[str, int]
    suppressed: int
    latency_ms: dict[str, float | int | None]
    dead_letters: int
    problems: list[str]


def send_crowd(line: Line, traffic: Traffic, mark: str, patience_s: float, tick: Callable[[], None]) -> float:
    """Import a crowd and play it; the seconds that its events took.

    Returns when everything has taken effect; raises NotSettled when the customers, or at the end the events,
    have not within `patience_s`. `tick` is called before every event.
    """
    people = crowd(traffic.customers, SEED, mark)
    line.import_customers(as_csv(people), "text/csv", wall_clock())
    line.settle(patience_s)
    began = time.monotonic()
    for number, (at_ms, step) in enumerate(schedule(people, traffic, SEED)):
        tick()
        time.sleep(max(0.0, began + at_ms / 1_000 - time.monotonic()))
        now = wall_clock()
        payload = step.payload(f"{mark}-{number}", now)
        interactions, _ = line.interactions(step.channel, payload, now)
        for interaction in interactions:
            line.publish(interaction)
    took = time.monotonic() - began
    line.flush()
    line.settle()
    return took


def play_crowd(line: Line, traffic: Traffic, mark: str, console: Console) -> Counted:
    """Play a crowd, show it, and count what came out."""
    line.begin()
    problems: list[str] = []
    took = 0.0
    began = time.monotonic()
    last_told = began

    def counted() -> Counted:
        return count(line, traffic.customers, time.monotonic() - began, problems)

    def tell_plainly() -> None:
        nonlocal last_told
        if time.monotonic() - last_told >= _PLAIN_EVERY_S:
            last_told = time.monotonic()
            now = counted()
            console.print(
                f"{now.events} events, {sum(now.commands.values())} commands, "
                f"p99 {now.latency_ms['p99']} ms, {now.dead_letters} dead letters"
            )

    shown: AbstractContextManager[object] = nullcontext()
    if console.is_terminal:
        shown = Live(
            get_renderable=lambda: table(counted()), console=console, refresh_per_second=_FRAMES_PER_S
        )
    with shown:
        try:
            took = send_crowd(
                line, traffic, mark, PATIENCE_S, (lambda: None) if console.is_terminal else tell_plainly
            )
        except NotSettled as error:
            problems.append(str(error))
    result = count(line, traffic.customers, took, problems)
    if not console.is_terminal:
        console.print(table(result))
    return result


def count(line: Line, size: int, took_s: float, problems: list[str]) -> Counted:
    """What has come out so far, and what is wrong with it."""
    commands = list(line.commands)
    wrong = list(problems)
    repeated = len(commands) - len({command.action_id for command, _ in commands})
    if repeated:
        wrong.append(f"{repeated} commands came more than once.")
    if line.feed.dead_letters:
        wrong.append(f"{line.feed.dead_letters} records went to dead-letters.")
    return Counted(
        customers=size,
        events=len(line.published),
        events_per_s=round(len(line.published) / took_s, 1) if took_s else 0.0,
        sessions=len(line.feed.effects.sessions),
        commands=dict(sorted(Counter(command.kind for command, _ in commands).items())),
        suppressed=sum(decision.outcome == "suppressed" for decision, _ in list(line.decisions)),
        latency_ms=latency_summary([latency_ms for _, latency_ms in commands]),
        dead_letters=line.feed.dead_letters,
        problems=wrong,
    )


def table(counted: Counted) -> Table:
    """The figures on the terminal."""
    shown = Table(title=f"{counted.customers} customers at once", show_header=False)
    latency: dict[str, Any] = counted.latency_ms
    rows = {
        "events": f"{counted.events} ({counted.events_per_s:.0f} a second)",
        "sessions": str(counted.sessions),
        **{f"command {kind}": str(number) for kind, number in counted.commands.items()},
        "decided against": str(counted.suppressed),
        "event → command, median": f"{latency['p50']} ms",
        "event → command, p99": f"{latency['p99']} ms",
        "dead letters": str(counted.dead_letters),
    }
    for name, value in rows.items():
        shown.add_row(name, value)
    return shown
