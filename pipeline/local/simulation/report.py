"""What a simulation found: rows of figures, a table and bars for the terminal, values for machines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from rich.bar import Bar
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.domain.messages import ActionCommand
from pipeline.domain.simulation.tally import Tally
from pipeline.domain.simulation.trial import Change, Example
from pipeline.local.simulation.play import Simulation

ACTIVE, DRAFT = "#4c78a8", "#f58518"
SENT = " sent"
"""How a row's figure of commands ends."""
_BAR = 40
_SHOWN = 3
_CHANGES: dict[Change, str] = {
    "more": "would get more",
    "less": "would get less",
    "other": "would get other things",
}


class Row(NamedTuple):
    """One figure of a strategy on both sides."""

    strategy: str
    what: str
    active: int
    draft: int


def rows(simulation: Simulation, compared: Iterable[str]) -> list[Row]:
    """All figures of the strategies that are compared, then those of others that do otherwise beside the draft."""
    trial = simulation.trial
    others = sorted((trial.active.keys() | trial.draft.keys()).difference(compared))
    found = [row for name in sorted(compared) for row in _of(name, trial.active[name], trial.draft[name])]
    beside = [row for name in others for row in _of(name, trial.active[name], trial.draft[name])]
    return found + [row for row in beside if row.active != row.draft]


def _of(name: str, active: Tally, draft: Tally) -> Iterator[Row]:
    yield Row(name, "attempts", active.attempts, draft.attempts)
    for field, words in (
        ("steps", "step {}"),
        ("commands", f"{{}}{SENT}"),
        ("suppressed", "suppressed: {}"),
        ("errors", "error: {}"),
    ):
        left, right = getattr(active, field), getattr(draft, field)
        for key in sorted(left.keys() | right.keys()):
            yield Row(name, words.format(key), left[key], right[key])


def print_report(simulation: Simulation, compared: frozenset[str], console: Console) -> None:
    """Print what would have been done, and for whom that is not what is done now."""
    share = 100 * simulation.played / simulation.events if simulation.events else 0
    console.print(
        f"{simulation.events:,} events from {_time(simulation.start)}, time going on until {_time(simulation.end)};"
        f" {simulation.played:,} ({share:.1f} %) are of customers whom a draft could concern"
    )
    if simulation.nobodys:
        console.print(f"{simulation.nobodys:,} events name nobody and were passed over")
    found = rows(simulation, compared)
    table = Table("Strategy", "", "Active", "Draft", "Difference")
    for column in table.columns[2:]:
        column.justify = "right"
    for at, row in enumerate(found):
        again = at and found[at - 1].strategy == row.strategy
        table.add_row(
            Text("" if again else row.strategy),
            Text(row.what),
            f"{row.active:,}",
            f"{row.draft:,}",
            _difference(row.draft - row.active),
        )
    console.print(table)
    sent = [row for row in found if row.what.endswith(SENT)]
    if sent:
        console.print(_bars(sent))
    _print_customers(simulation, console)


def _difference(figure: int) -> Text:
    return Text(f"{figure:+,}", "yellow") if figure else Text("")


def _bars(sent: list[Row]) -> Table:
    """Two bars for each kind of command, the active one above."""
    most = max(max(row.active, row.draft) for row in sent)
    grid = Table(box=None, pad_edge=False, show_header=False)
    for row in sent:
        for name, figure, colour in ((row.what, row.active, ACTIVE), ("", row.draft, DRAFT)):
            bar = Bar(most, 0, figure, width=_BAR, color=colour)
            grid.add_row(Text(row.strategy if name else ""), Text(name), bar, f"{figure:,}")
    grid.add_row("", "", Text.assemble(("█", ACTIVE), " active  ", ("█", DRAFT), " draft"), "")
    return grid


def _print_customers(simulation: Simulation, console: Console) -> None:
    trial = simulation.trial
    if not trial.customers:
        console.print("No customer would get anything else than now.")
    for change, words in _CHANGES.items():
        if not trial.customers[change]:
            continue
        number = trial.customers[change]
        console.print(f"{number:,} customer{'' if number == 1 else 's'} {words}, such as:")
        for example in trial.examples[change]:
            console.print(Text(f"  {example.customer_id}"))
            for sign, colour, commands in (("-", ACTIVE, example.active), ("+", DRAFT, example.draft)):
                for command in commands[:_SHOWN]:
                    console.print(Text(f"    {sign} {_shown(command)}", colour))


def _shown(command: ActionCommand) -> str:
    body = msgspec.to_builtins(command.body)
    settings = ", ".join(
        f"{name} {value}" for name, value in body.items() if name != "kind" and value not in (None, {}, [])
    )
    return f"{_time(command.decided_at)} {command.kind} by {command.strategy_id}/{command.step} ({settings})"


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def as_values(simulation: Simulation, compared: frozenset[str]) -> dict[str, Any]:
    """The same for machines. Times are epoch milliseconds."""
    trial = simulation.trial
    names = sorted({row.strategy for row in rows(simulation, compared)})
    return {
        "events": simulation.events,
        "nobodys": simulation.nobodys,
        "played": simulation.played,
        "start": simulation.start,
        "end": simulation.end,
        "compared": sorted(compared),
        "strategies": {
            name: {
                "active": msgspec.to_builtins(trial.active[name]),
                "draft": msgspec.to_builtins(trial.draft[name]),
            }
            for name in names
        },
        "customers": dict(trial.customers),
        "examples": {
            change: [_values(one) for one in found] for change, found in trial.examples.items() if found
        },
    }


def _values(example: Example) -> Any:
    return msgspec.to_builtins(example)
