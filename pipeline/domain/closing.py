"""The end of a session as an event of its own, on which strategies can start (`session.closed`)."""

from __future__ import annotations

from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import Output, SessionClosed
from pipeline.domain.sessions import close_sessions
from pipeline.domain.state import CustomerState, Session, Thread
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.evaluate import on_event
from pipeline.domain.strategies.fields import CLOSED, SESSION
from pipeline.domain.strategies.moment import moment_of_event
from pipeline.domain.thread_parts import in_order


def close(state: CustomerState, now: int, rules: Rules) -> list[Output]:
    """Close the sessions whose time is over; what comes of it."""
    outputs: list[Output] = []
    for session in close_sessions(state, now):
        threads = _threads_of(state, session)
        closed = _closed(state, session, threads)
        outputs.append(closed)
        if (SESSION, CLOSED) in rules.index:
            event = _event_of(closed, now)
            moment = moment_of_event(state, rules, now, event, (None, session, next(iter(threads), None)))
            on_event(moment)
            outputs.extend(moment.outputs)
    if not state.sessions:
        state.noted.clear()
    return outputs


def _threads_of(state: CustomerState, session: Session) -> list[Thread]:
    """The threads that were spoken of in the session, open ones first."""
    return in_order(
        [
            thread
            for thread in state.threads
            if thread.opened_at <= session.last_at and thread.last_at >= session.started_at
        ]
    )


def _closed(state: CustomerState, session: Session, threads: list[Thread]) -> SessionClosed:
    return SessionClosed(
        event_id=new_id("session-closed", session.session_id),
        customer_id=state.customer_id,
        session_id=session.session_id,
        started_at=session.started_at,
        last_at=session.last_at,
        closed_at=session.closes_at,
        events=session.events,
        channels=session.channels,
        threads=[thread.thread_id for thread in threads],
    )


def _event_of(closed: SessionClosed, now: int) -> Interaction:
    return Interaction(
        event_id=closed.event_id,
        channel=SESSION,
        kind=CLOSED,
        interaction_id=closed.session_id,
        occurred_at=closed.closed_at,
        received_at=now,
        source="sessions",
        identifiers=[],
        ended=True,
    )
