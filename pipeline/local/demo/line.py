"""Into the pipeline as a channel service sends, and out of it again, with the time in between."""

from __future__ import annotations

import time
from collections.abc import Callable

from pipeline.channels.customers import read as read_customers
from pipeline.channels.registry import adapt
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.local.demo.feed import Feed
from pipeline.runtime.publisher import Publisher

PATIENCE_S = 30.0
"""How long anything may take before the demo gives up."""

OnAnswer = Callable[[ActionCommand | Decision, float], None]


class NotSettled(Exception):
    """What was sent has not taken effect; the message says what to look at."""


class Line:
    """Publishes through the channel adapters, and times what comes of it.

    `commands` and `decisions` are those that its own events have caused, with their latency in milliseconds:
    from right before an event is handed to the producer until the consumer has what it led to. `published`
    holds when each event went out, `received` when each command (by action id) came in, in seconds of
    `time.perf_counter`. `on_answer` is called for each in the reading thread.
    """

    def __init__(self, feed: Feed, publisher: Publisher) -> None:
        self.feed = feed
        self._publisher = publisher
        self.begin()

    def begin(self, on_answer: OnAnswer = lambda message, latency_ms: None) -> None:
        """Forget what was sent and what came of it, and begin again."""
        with self.feed.changed:
            self.published: dict[str, float] = {}
            self.received: dict[str, float] = {}
            self.commands: list[tuple[ActionCommand, float]] = []
            self.decisions: list[tuple[Decision, float]] = []
            self._on_answer = on_answer
            self.feed.on_message = self._take
            self.feed.effects.sessions.clear()

    def import_customers(self, data: bytes, media_type: str, now: int) -> list[Failure]:
        """Publish a file of the system of record's customers; what could not be read."""
        values = read_customers(data, media_type, updated_at=now)
        for value in values:
            if isinstance(value, Profile):
                with self.feed.changed:
                    self.feed.effects.expect(value)
                self._publisher.send(value)
        self._publisher.flush()
        return [value for value in values if isinstance(value, Failure)]

    def interactions(
        self, channel: str, payload: bytes, received_at: int
    ) -> tuple[list[Interaction], list[Failure]]:
        """What a service's payload holds, and what of it could not be read."""
        values = adapt(channel, payload, received_at)
        return (
            [value for value in values if isinstance(value, Interaction)],
            [value for value in values if isinstance(value, Failure)],
        )

    def publish(self, interaction: Interaction) -> None:
        """Send one event; its latency counts from the hand-over to the producer."""
        with self.feed.changed:
            self.feed.effects.expect(interaction)
        self.published[interaction.event_id] = time.perf_counter()
        self._publisher.send(interaction)

    def flush(self) -> None:
        """Wait until everything is with the broker. Raises PublishError when it cannot be delivered."""
        self._publisher.flush()

    def settle(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until everything has taken effect and all that it led to has come.

        Raises NotSettled after `patience_s` seconds, FeedError when nothing can come any more.
        """
        if not self.feed.settled(patience_s):
            raise NotSettled(
                f"{self.feed.effects.under_way} events or profiles have not taken effect within "
                f"{patience_s:.0f} s: is the worker running, with the same topic prefix and broker?"
            )

    def _take(self, message: ActionCommand | Decision, at: float) -> None:
        sent = self.published.get(message.event_id or "")
        if sent is None:
            return
        latency_ms = (at - sent) * 1_000
        if isinstance(message, ActionCommand):
            self.received[message.action_id] = at
            self.commands.append((message, latency_ms))
        else:
            self.decisions.append((message, latency_ms))
        self._on_answer(message, latency_ms)
