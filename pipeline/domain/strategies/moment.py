"""What a strategy looks at when it is evaluated: one customer, one event or timer, one time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pipeline.domain.circumstances import in_force
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import Output
from pipeline.domain.state import (
    Anchor,
    Attempt,
    Customer,
    CustomerState,
    GoingOn,
    Kept,
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
    which. `cause` is the id of the event by which this happens, None for a timer; `again` is what makes a step that
    is held be looked at again: that id, or the time it waited for. There is always something to look at: a session
    or thread that is not there is an empty one.
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
    cause: str | None = None
    again: str = ""
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
                self._circumstances(),
                self.now,
            )
        return self._values

    def _circumstances(self) -> list[str]:
        """The ids of those that are in force for the customer."""
        declared = self.rules.circumstances
        about = (self.customer, self.state.history, self.thread, self.session)
        return in_force(declared, self.now, about) if declared else []

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
        cause=event.event_id,
    )


def moment_of_timer(
    state: CustomerState,
    rules: Rules,
    now: int,
    anchor: Anchor,
    outputs: list[Output],
    kept: Kept | None = None,
) -> Moment:
    """The moment of a timer that was set because of `anchor`, of whose event more may have been `kept`; what comes
    of it goes to `outputs`.
    """
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
    if kept is not None:
        event.text, event.subject, event.language = kept.text, kept.subject, kept.language
        event.facts, event.attributes = kept.facts, kept.attributes
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
        outputs=outputs,
    )


def _alone(event: Interaction) -> GoingOn:
    return GoingOn(event.channel, event.interaction_id, event.occurred_at, event.occurred_at, event.kind)
