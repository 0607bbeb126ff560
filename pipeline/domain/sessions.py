"""Sessions and the interactions in them, by event time.

A session holds everything that the customer does with no gap longer than the channel's between two events.
Late events join it as if they had come in order, for as long as it is not closed; a timer closes it
`GRACE_MS` after the gap. An event that arrives after its own session would have closed is late for good: it
goes to the history only.
"""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import GOING_ON, CustomerState, GoingOn, Session

MINUTE_MS = 60_000
GRACE_MS = 10_000
"""How long a timer waits beyond its time for events that are on their way, in milliseconds."""

GAP_MS: dict[str, int] = {
    "web": 30 * MINUTE_MS,
    "mobile_app": 30 * MINUTE_MS,
    "knowledge_base": 30 * MINUTE_MS,
    "email": 30 * MINUTE_MS,
    "voice": 30 * MINUTE_MS,
    "chat": 15 * MINUTE_MS,
    "chatbot": 15 * MINUTE_MS,
    "sms": 60 * MINUTE_MS,
    "social": 60 * MINUTE_MS,
    "review": 15 * MINUTE_MS,
    "store": 30 * MINUTE_MS,
}
"""How long a customer may be quiet on a channel before it is another session. `order` has none: the system of
record's events are facts about the customer's orders, not contacts."""


def is_contact(interaction: Interaction) -> bool:
    """Whether the customer did this, rather than the business's own systems."""
    return interaction.channel in GAP_MS


def is_late(interaction: Interaction) -> bool:
    """Whether the event was received after the session that it alone would make had closed."""
    delay = interaction.received_at - interaction.occurred_at
    return is_contact(interaction) and delay > GAP_MS[interaction.channel] + GRACE_MS


def touch_session(state: CustomerState, interaction: Interaction) -> Session:
    """The session that the event belongs to, brought up to date; sessions that it bridges become one."""
    at, channel = interaction.occurred_at, interaction.channel
    closes_at = at + GAP_MS[channel]
    if len(state.sessions) == 1:
        session = state.sessions[0]
        if session.started_at <= at <= session.closes_at:
            session.last_at = max(session.last_at, at)
            session.closes_at = max(session.closes_at, closes_at)
            session.events += 1
            session.channels[channel] = session.channels.get(channel, 0) + 1
            return session
    session_id = new_id("session", interaction.event_id)
    alone = Session(session_id, at, at, closes_at, events=1, channels={channel: 1})
    state.sessions = join_sessions([*state.sessions, alone])
    return next(session for session in state.sessions if session.started_at <= at <= session.closes_at)


def join_sessions(sessions: Iterable[Session]) -> list[Session]:
    """Sessions in the order of their start, those that touch each other joined under the id of the
    earliest.
    """
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


def touch_going_on(state: CustomerState, interaction: Interaction) -> tuple[GoingOn, bool]:
    """The interaction that the event belongs to, brought up to date, and whether this event began it."""
    key = f"{interaction.channel}:{interaction.interaction_id}"
    at = interaction.occurred_at
    going_on = state.going_on.get(key)
    began = going_on is None
    if going_on is None:
        going_on = GoingOn(interaction.channel, interaction.interaction_id, at, at)
        state.going_on[key] = going_on
        if len(state.going_on) > GOING_ON:
            del state.going_on[min(state.going_on, key=lambda key: (state.going_on[key].last_at, key))]
    going_on.events += 1
    going_on.started_at = min(going_on.started_at, at)
    going_on.ended = going_on.ended or interaction.ended
    if at >= going_on.last_at:
        going_on.last_at, going_on.kind = at, interaction.kind
        going_on.step = _step(interaction) or going_on.step
    return going_on, began


def close_sessions(state: CustomerState, now: int) -> None:
    """Drop the sessions whose time is over, with the interactions that went quiet in them."""
    state.sessions = [session for session in state.sessions if session.closes_at + GRACE_MS > now]
    for key, going_on in list(state.going_on.items()):
        if going_on.last_at + GAP_MS[going_on.channel] + GRACE_MS <= now:
            del state.going_on[key]
    if not state.sessions:
        state.going_on.clear()
        state.noted.clear()


def _step(interaction: Interaction) -> str | None:
    """Where in the interaction the customer is: form and field, or the step that the channel names."""
    form, field = interaction.attributes.get("form"), interaction.attributes.get("field")
    if form is not None:
        return f"{form}/{field}" if field is not None else str(form)
    step = interaction.attributes.get("step")
    return None if step is None else str(step)
