"""Threads: what the customer wants, from the first word about it until it is resolved, across sessions and
channels.

A thread opens with the first contact that says something (a text, a subject, a form, a fact, a file). A later event
belongs to it, the strongest sign first: it names a case number or an order of the thread's; it is of the same
interaction; it answers one of its messages; the thread is the customer's only open one and recent, and not about
another order; or of several recent ones it is the one about the same subject. An interaction about no order that
comes to name the one of another thread makes one thread of the two; one that names another order than was told
before it opens a thread.
"""

from __future__ import annotations

from pipeline.domain.contacts import DESK, GAP_MS, HELPED, REOPENED, RESOLVED, VERDICTS
from pipeline.domain.history import (
    ORDER,
    count_about,
    count_reopened,
    count_resolved,
    note_stated,
    topic,
    touch_about,
)
from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.state import TEXT, CustomerState, GoingOn, Thread, short
from pipeline.domain.thread_edits import join_threads
from pipeline.domain.thread_parts import (
    CASE,
    add_adviser,
    add_attachments,
    add_refs,
    in_order,
    interaction_ref,
    is_lasting,
    lasting_refs,
    message_refs,
    names_something,
    take_facts,
    thread_by_id,
)

RECENT_MS = 7 * 24 * 60 * 60_000
"""How long after its last event an open thread still takes in contacts that do not name it."""


def touch_thread(
    state: CustomerState, interaction: Interaction, going_on: GoingOn | None, contact: bool
) -> Thread | None:
    """The thread that the event belongs to, opened or brought up to date if it is a contact that says something.

    What the desk says of a thread changes it too. Any other event sees the thread and changes nothing in it; None
    when there is none to see.
    """
    thread = find_thread(state, interaction, going_on)
    if going_on is not None and going_on.events == 1 and thread is not None:
        _recognise(thread, interaction, going_on)
    if contact and _says_something(interaction):
        if thread is None or thread.resolved:
            thread = _open(state, interaction)
        elif going_on is not None and going_on.thread_id not in (None, thread.thread_id):
            thread = _turn_to(state, thread, going_on)
        _take_in(state, thread, interaction, going_on)
    if thread is not None and interaction.kind in DESK:
        _hear_desk(state, thread, interaction)
    return thread


def find_thread(state: CustomerState, interaction: Interaction, going_on: GoingOn | None) -> Thread | None:
    """The thread that the event belongs to, among those remembered."""
    if not state.threads:
        return None
    own = thread_by_id(state, going_on.thread_id) if going_on is not None and going_on.thread_id else None
    names = names_something(interaction)
    lasting = lasting_refs(interaction) if names else []
    for ref in lasting:
        if (own is None or ref not in own.refs) and (named := _named(state, ref)) is not None:
            return named if own is None or not named.resolved else own
    if own is not None:
        return None if _other_order(own, interaction) else own
    # An interaction that went quiet is known again at its first event, or never.
    refs = [interaction_ref(interaction)] if going_on is None or going_on.events == 1 else []
    for ref in refs + message_refs(interaction) if names else refs:
        if (named := _named(state, ref)) is not None:
            return None if _other_order(named, interaction) else named
    if lasting and (interaction.channel not in GAP_MS or interaction.kind in VERDICTS):
        return None
    return _nearest(state, interaction)


def resolve(state: CustomerState, thread: Thread, at: int) -> None:
    """Mark a thread as resolved, unless it was reopened at that time or after it."""
    if at < thread.verdict_at or (at == thread.verdict_at and not thread.resolved):
        return
    thread.verdict_at = at
    if not thread.resolved:
        thread.resolved, thread.resolved_at = True, at
        count_resolved(state.history, thread)


def reopen(state: CustomerState, thread: Thread, at: int) -> None:
    """Mark a thread as open again, unless it was resolved after that."""
    if at < thread.verdict_at:
        return
    thread.verdict_at = at
    if thread.resolved:
        count_reopened(state.history, thread)
        thread.resolved, thread.resolved_at = False, None
        thread.last_at = max(thread.last_at, at)


def set_intent(state: CustomerState, thread: Thread, intent: str, confidence: float) -> None:
    """Let the thread be about this intent, in the history too."""
    thread.intent, thread.confidence = short(intent), confidence
    count_about(state.history, thread)


def _named(state: CustomerState, ref: str) -> Thread | None:
    """The thread that goes by a name; its id is a case number too."""
    named = [one for one in state.threads if ref in one.refs or ref == f"{CASE}:{one.thread_id}"]
    return in_order(named)[0] if named else None


def _other_order(thread: Thread, interaction: Interaction) -> bool:
    """Whether the event names another order than was told in another interaction of the thread."""
    order_id, told = interaction.facts.get(ORDER), thread.told.get(ORDER)
    if order_id is None or told is None or told.by == interaction_ref(interaction):
        return False
    return str(thread.facts[ORDER]) != str(order_id)


def _nearest(state: CustomerState, interaction: Interaction) -> Thread | None:
    """The thread of an event which names none: the only recent one, else one about the same subject."""
    since = interaction.occurred_at - RECENT_MS
    recent = [one for one in state.threads if not one.resolved and one.last_at >= since]
    if len(recent) > 1:
        wanted = topic(interaction.subject) if interaction.subject else None
        recent = [one for one in recent if wanted and wanted in (one.counted_as, topic(one.subject or ""))]
    if ORDER in interaction.facts:
        recent = [one for one in recent if ORDER not in one.facts]
    return in_order(recent)[0] if len(recent) > 1 else next(iter(recent), None)


def _says_something(interaction: Interaction) -> bool:
    return bool(
        interaction.text
        or interaction.subject
        or interaction.facts
        or interaction.attachments
        or "form" in interaction.attributes
    )


def _open(state: CustomerState, interaction: Interaction) -> Thread:
    at = interaction.occurred_at
    thread = Thread(new_id("thread", interaction.event_id), opened_at=at, last_at=at)
    state.threads = in_order([thread, *state.threads])
    state.history.threads_opened += 1
    return thread


def _recognise(thread: Thread, interaction: Interaction, going_on: GoingOn) -> None:
    """An interaction that has gone on before, whose thread knows it."""
    if going_on.thread_id is None and interaction_ref(interaction) in thread.refs:
        going_on.thread_id = thread.thread_id


def _turn_to(state: CustomerState, thread: Thread, going_on: GoingOn) -> Thread:
    """The thread that an interaction names, though it has belonged to another: if nothing was known of what that
    one is about, it turns out to be the same.
    """
    before = thread_by_id(state, going_on.thread_id)
    if before is None or before.resolved or any(is_lasting(ref) for ref in before.refs):
        return thread
    join_threads(state, before.thread_id, thread.thread_id)
    return thread_by_id(state, thread.thread_id) or thread


def _take_in(
    state: CustomerState, thread: Thread, interaction: Interaction, going_on: GoingOn | None
) -> None:
    at, history = interaction.occurred_at, state.history
    thread.opened_at = at if at < thread.opened_at else thread.opened_at
    thread.last_at = at if at > thread.last_at else thread.last_at
    if interaction.channel not in thread.channels:
        thread.channels = sorted([*thread.channels, interaction.channel])
    if going_on is not None and going_on.thread_id != thread.thread_id:
        going_on.thread_id = thread.thread_id
        add_refs(thread, [interaction_ref(interaction)])
        if going_on.adviser:
            add_adviser(thread, going_on.adviser)
    if interaction.facts:
        take_facts(thread, interaction)
        note_stated(history, interaction)
    if names_something(interaction):
        add_refs(thread, lasting_refs(interaction) + message_refs(interaction))
    if interaction.attachments:
        add_attachments(thread, interaction.attachments)
    subject = interaction.subject
    if subject and (thread.subject_at is None or (at, subject) < (thread.subject_at, thread.subject or "")):
        thread.subject, thread.subject_at = subject[:TEXT], at
        count_about(history, thread)
    if thread.counted_as:
        touch_about(history, thread)


def _hear_desk(state: CustomerState, thread: Thread, interaction: Interaction) -> None:
    at, adviser = interaction.occurred_at, interaction.attributes.get("adviser")
    if adviser is not None and interaction.kind in HELPED and not thread.resolved:
        add_adviser(thread, short(str(adviser)))
    if interaction.kind == RESOLVED:
        resolve(state, thread, at)
    elif interaction.kind == REOPENED:
        reopen(state, thread, at)
