"""Sessions, by event time: all that a customer does with no gap longer than the channel's between two events.

A call is in one session from its first event to its hang-up, however long nothing is heard in between. Late
events join a session as if they had come in order, for as long as it is not closed; a timer closes it `GRACE_MS`
after the gap. What has been closed is not opened again: an event that would have belonged to it begins a session
of its own, and one that arrives after that, too, would have closed is late for good and goes to the history only.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.contacts import CALLS, GAP_MS, GRACE_MS
from pipeline.domain.going_on import held_until
from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import CustomerState, GoingOn, Session


def touch_session(state: CustomerState, interaction: Interaction) -> Session:
    """The session that the event belongs to, brought up to date; sessions that it bridges become one.

    The interaction that goes on must have been brought up to date before.
    """
    at, channel = interaction.occurred_at, interaction.channel
    closes_at = at + GAP_MS[channel]
    if len(state.sessions) == 1:
        session = state.sessions[0]
        if session.started_at < at <= session.closes_at:
            # Conditional expressions, because every event comes by here and a call of `max` costs more.
            session.last_at = at if at > session.last_at else session.last_at
            session.closes_at = closes_at if closes_at > session.closes_at else session.closes_at
            session.events += 1
            session.channels[channel] = session.channels.get(channel, 0) + 1
            return session
    session_id = new_id("session", interaction.event_id)
    alone = Session(session_id, at, at, closes_at, events=1, channels={channel: 1})
    state.sessions.append(alone)
    settle_sessions(state)
    return next(session for session in state.sessions if session.started_at <= at <= session.closes_at)


def settle_sessions(state: CustomerState) -> None:
    """Bring the sessions into the order of their start; those that touch each other, or that a call spans, become
    one under the id of the earliest.
    """
    for call in state.going_on.values():
        if call.channel in CALLS:
            _span(state.sessions, call)
    state.sessions = _joined(state.sessions)


def closing_at(state: CustomerState, session: Session) -> int:
    """When the session is over if nothing more happens: after its gaps, and when no call in it goes on."""
    closes_at = session.closes_at
    if CALLS.isdisjoint(session.channels):
        return closes_at
    for call in state.going_on.values():
        if call.channel in CALLS and session.started_at <= call.last_at <= session.closes_at:
            closes_at = max(closes_at, held_until(call))
    return closes_at


def close_sessions(state: CustomerState, now: int) -> list[Session]:
    """Take out the sessions whose time is over, with the interactions that went quiet in them; the sessions."""
    closed: list[Session] = []
    for session in list(state.sessions):
        closes_at = closing_at(state, session)
        if closes_at + GRACE_MS <= now:
            session.closes_at = closes_at
            state.sessions.remove(session)
            closed.append(session)
    for key, going_on in list(state.going_on.items()):
        if not state.sessions or held_until(going_on) + GRACE_MS <= now:
            del state.going_on[key]
    return closed


def _span(sessions: list[Session], call: GoingOn) -> None:
    """Let the first of the sessions that lie within a call reach to the others."""
    until = held_until(call)
    within = [one for one in sessions if one.started_at <= until and call.started_at <= one.closes_at]
    if len(within) > 1:
        first = min(within, key=lambda one: (one.started_at, one.session_id))
        first.closes_at = max(first.closes_at, *(one.started_at for one in within))


def _joined(sessions: Iterable[Session]) -> list[Session]:
    joined: list[Session] = []
    for session in sorted(sessions, key=lambda session: (session.started_at, session.session_id)):
        if joined and session.started_at <= joined[-1].closes_at:
            _join(joined[-1], session)
        else:
            joined.append(session)
    return joined


def _join(into: Session, other: Session) -> None:
    into.last_at = max(into.last_at, other.last_at)
    into.closes_at = max(into.closes_at, other.closes_at)
    into.events += other.events
    for channel, events in other.channels.items():
        into.channels[channel] = into.channels.get(channel, 0) + events
