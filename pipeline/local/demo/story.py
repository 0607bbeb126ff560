"""What is shown: what the customer did, and beside it what that made Throughline decide."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.domain.messages import ActionCommand, Decision
from pipeline.local.demo.words import decided, not_done


@dataclass(frozen=True)
class Answer:
    """A command, or a decision not to act; `latency_ms` runs from the event's publication to its receipt."""

    words: str
    latency_ms: float
    acts: bool


@dataclass(frozen=True)
class Happening:
    """Something that the customer did, or that happened to them before the story; `time` is its clock."""

    event_id: str
    kind: str
    time: str
    place: str
    words: str
    answers: list[Answer] = field(default_factory=list)


class Story:
    """The happenings of one scenario in their order.

    The thread that publishes adds to it while another reads it; lists only grow, so a reader needs no lock.
    """

    def __init__(self, title: str) -> None:
        self.title = title
        self.happenings: list[Happening] = []

    def happens(self, happening: Happening) -> None:
        """The customer does something."""
        self.happenings.append(happening)

    def answered(self, message: ActionCommand | Decision, latency_ms: float) -> Happening | None:
        """Note what an event led to; returns that event, None when there is nothing to show.

        A decision to act is shown by its commands.
        """
        if isinstance(message, Decision) and message.outcome == "fired":
            return None
        for happening in reversed(self.happenings):
            if happening.event_id == message.event_id:
                acts = isinstance(message, ActionCommand)
                words = decided(message) if isinstance(message, ActionCommand) else not_done(message)
                happening.answers.append(Answer(words, latency_ms, acts))
                return happening
        return None
