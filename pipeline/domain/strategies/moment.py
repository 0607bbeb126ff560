"""What a strategy looks at when it is evaluated: one customer, one event or timer, one time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import Output
from pipeline.domain.state import (
    Anchor,
    Attempt,
    Customer,
    CustomerState,
    GoingOn,
    Session,
    Thread,
    customer_view,
)
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.thread_parts import thread_by_id

NO_SESSION = Session("", 0, 0, 0)
NO_THREAD = Thread("", 0, 0)


@dataclass(slots=True)
class Moment:
    """One event or timer at `now` (epoch milliseconds); what comes of it is collected in `outputs`.

    `event` is the event, or for a timer what is remembered of the event that began the wait; `by_event` tells
    which. There is always something to look at: a session or thread that is not there is an empty one.
    """

    state: CustomerState
    rules: Rules
    now: int
    event: Interaction
    by_event: bool
    interaction: GoingOn
    session: Session
    thread: Thread
    customer: Customer
    outputs: list[Output] = field(default_factory=list)
    _values: tuple[Any, ...] = ()
    _values_of: Thread | None = None

    @property
    def anchor(self) -> Anchor:
        """What to remember of the event."""
        event = self.event
        return Anchor(
            event.event_id,
            event.channel,
            event.kind,
            event.interaction_id,
            event.occurred_at,
            event.reply_to,
        )

    def values(self) -> tuple[Any, ...]:
        """The values of the vocabulary, in its order; several strategies ask for the same ones."""
        if self._values_of is not self.thread:
            state = self.state
            self._values_of = self.thread
            self._values = (
                self.event,
                self.interaction,
                self.session,
                self.thread,
                self.customer,
                state.history,
                [*state.going_on.values()],
                (),
                self.now,
            )
        return self._values

    def look_at(self, attempt: Attempt) -> None:
        """Turn to the attempt's own thread; an attempt without one takes the event's."""
        if attempt.thread_id is None:
            attempt.thread_id = self.thread.thread_id or None
        else:
            self.thread = thread_by_id(self.state, attempt.thread_id) or self.thread


def moment_of_event(
    state: CustomerState,
    rules: Rules,
    now: int,
    event: Interaction,
    seen: tuple[GoingOn | None, Session | None, Thread | None],
) -> Moment:
    """The moment of an event, with the interaction, session and thread that it belongs to."""
    going_on, session, thread = seen
    return Moment(
        state=state,
        rules=rules,
        now=now,
        event=event,
        by_event=True,
        interaction=going_on or _alone(event),
        session=session or state.session or NO_SESSION,
        thread=thread or NO_THREAD,
        customer=customer_view(state),
    )


def moment_of_timer(state: CustomerState, rules: Rules, now: int, anchor: Anchor) -> Moment:
    """The moment of a timer that was set because of `anchor`."""
    event = Interaction(
        event_id=anchor.event_id,
        channel=anchor.channel,
        kind=anchor.kind,
        interaction_id=anchor.interaction_id,
        occurred_at=anchor.occurred_at,
        received_at=anchor.occurred_at,
        source="timer",
        identifiers=[],
        reply_to=anchor.reply_to,
    )
    going_on = state.going_on.get(f"{anchor.channel}:{anchor.interaction_id}")
    return Moment(
        state=state,
        rules=rules,
        now=now,
        event=event,
        by_event=False,
        interaction=going_on or _alone(event),
        session=state.session or NO_SESSION,
        thread=NO_THREAD,
        customer=customer_view(state),
    )


def _alone(event: Interaction) -> GoingOn:
    return GoingOn(event.channel, event.interaction_id, event.occurred_at, event.occurred_at, event.kind)
