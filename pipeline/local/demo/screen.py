"""A story on the terminal: live in two columns, or line by line where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Protocol

from rich import box
from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipeline.domain.messages import ActionCommand, Decision
from pipeline.local.demo.story import Answer, Happening, Story

_FRAMES_PER_S = 12


class Screen(Protocol):
    """What a story is told to while it goes on."""

    def happens(self, happening: Happening) -> None:
        """The customer does something."""

    def answered(self, message: ActionCommand | Decision, latency_ms: float) -> None:
        """Throughline has decided; called in another thread."""


class LiveScreen:
    """Two columns, drawn anew several times a second."""

    def __init__(self, story: Story) -> None:
        self._story = story

    def happens(self, happening: Happening) -> None:
        """The customer does something."""
        self._story.happens(happening)

    def answered(self, message: ActionCommand | Decision, latency_ms: float) -> None:
        """Throughline has decided."""
        self._story.answered(message, latency_ms)


class PlainScreen:
    """A line for everything, when it comes."""

    def __init__(self, story: Story, console: Console) -> None:
        self._story = story
        self._console = console

    def happens(self, happening: Happening) -> None:
        """The customer does something."""
        self._story.happens(happening)
        self._console.print(f"{happening.time}  {happening.place}: {happening.words}", markup=False)

    def answered(self, message: ActionCommand | Decision, latency_ms: float) -> None:
        """Throughline has decided."""
        happening = self._story.answered(message, latency_ms)
        if happening is not None:
            answer = happening.answers[-1]
            self._console.print(Text.assemble("    ", _sign(answer), "  ", answer.words))


@contextmanager
def screen(story: Story, console: Console) -> Iterator[Screen]:
    """The screen that fits the console; the whole story stays on it."""
    if not console.is_terminal:
        console.print(f"\n{story.title}", markup=False)
        yield PlainScreen(story, console)
        return

    def frame() -> RenderableType:
        return fitting(story, console)

    with Live(get_renderable=frame, console=console, refresh_per_second=_FRAMES_PER_S, transient=True):
        yield LiveScreen(story)
    console.print(columns(story.title, story.happenings))


def fitting(story: Story, console: Console) -> RenderableType:
    """The story in two columns with the time below; of one that is higher than the terminal the latest part."""
    happenings = list(story.happenings)
    for first in range(len(happenings)):
        shown = columns(story.title, happenings[first:])
        if len(console.render_lines(shown)) < console.height:
            return shown
    return columns(story.title, happenings[-1:])


def columns(title: str, happenings: Sequence[Happening]) -> RenderableType:
    """The customer on the left; on the right, beside each event, what it led to."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    table.add_column("The customer", ratio=2)
    table.add_column("Throughline", ratio=3)
    for happening in happenings:
        left, right = _grid(), _grid()
        left.add_row(Text(happening.time, "dim"), _said(happening))
        for answer in list(happening.answers):
            right.add_row(_sign(answer), Text(answer.words))
        table.add_row(left, right)
    clock = Text(datetime.now(UTC).astimezone().strftime("%H:%M:%S"), "dim")
    return Panel(table, title=Text(title, "bold"), subtitle=clock, border_style="blue")


def _grid() -> Table:
    """What leads a line stays clear of the lines that follow it."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    return grid


def _said(happening: Happening) -> Text:
    return Text.assemble((f"{happening.place}: ", "bold cyan"), happening.words)


def _sign(answer: Answer) -> Text:
    sign, style = ("▸", "green") if answer.acts else ("✗", "yellow")
    return Text(f"{sign} {answer.latency_ms:4.0f} ms", style)
