"""Plays a scenario on a running pipeline: a `Driver` whose time is real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from msgspec.structs import replace

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.local.demo.line import Line
from pipeline.local.demo.names import Names
from pipeline.local.demo.pace import Pace, on_story_clock
from pipeline.local.demo.story import Happening
from pipeline.local.demo.words import ago, happened, place
from pipeline.observe.clock import wall_clock

_CLOCK_NOISE_MS = 60_000


class LiveDriver:
    """A `Driver` on the real clock; the rules are the worker's own.

    A customer's clock never waits for the pipeline, unless the pace says so. Every event is told to
    `on_happening` right before it is sent.
    """

    def __init__(
        self, line: Line, names: Names, pace: Pace, on_happening: Callable[[Happening], None]
    ) -> None:
        self._line = line
        self._names = names
        self._pace = pace
        self._on_happening = on_happening
        self._knots: list[tuple[int, int]] = []

    def start(self, rules: Rules, now: int) -> None:
        """The worker runs already, with the rules that it has read itself."""

    def import_customers(self, data: bytes, media_type: str) -> list[Failure]:
        """Publish the system of record's customers; what could not be read."""
        return self._line.import_customers(self._names.marked(data), media_type, wall_clock())

    def deliver(self, channel: str, payload: bytes, received_at: int) -> list[Failure]:
        """Publish a service's payload; what could not be read."""
        interactions, failures = self._line.interactions(channel, self._names.marked(payload), received_at)
        for interaction in interactions:
            now = wall_clock()
            past_ms = now - received_at
            if past_ms < _CLOCK_NOISE_MS:
                self._knots.append((received_at, now))
            self._on_happening(self._happening(interaction, past_ms))
            self._line.publish(interaction)
        self._line.flush()
        return failures

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; what was sent has then taken effect, or a person would not have waited.

        Raises NotSettled when it has not within half a minute.
        """
        left_s = (to - wall_clock()) / 1_000
        if self._pace.waits or left_s <= 0:
            self._line.settle()
        time.sleep(max(0.0, (to - wall_clock()) / 1_000))

    def commands(self) -> list[ActionCommand]:
        """All commands since the start, in order, decided on the story's clock."""
        self._line.settle()
        return [
            replace(self._names.plain(command), decided_at=on_story_clock(command.decided_at, self._knots))
            for command, _ in self._line.commands
        ]

    def decisions(self) -> list[Decision]:
        """All decisions since the start, in order."""
        self._line.settle()
        return [self._names.plain(decision) for decision, _ in self._line.decisions]

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""
        self._line.settle()
        state = self._line.feed.effects.customers.get(self._names.name(customer_id))
        return None if state is None else self._names.plain(state)

    def stop(self) -> None:
        """The pipeline goes on running."""

    def _happening(self, interaction: Interaction, past_ms: int) -> Happening:
        shown = self._names.plain(interaction)
        clock = datetime.now(UTC).astimezone().strftime("%H:%M:%S")
        when = ago(past_ms / 1_000) if past_ms >= _CLOCK_NOISE_MS else clock
        return Happening(interaction.event_id, shown.kind, when, place(shown), happened(shown))
