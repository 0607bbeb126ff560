"""Threads: what the customer wants, from the first word about it until it is resolved, across sessions and
channels.

A thread opens with the first contact that says something (a text, a subject, a form, a fact) and takes in
the later ones: those of the same interaction, those about the same order, and, while it is the customer's
only open thread and recent, those about no other order.
"""

from __future__ import annotations

from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Interaction
from pipeline.domain.sessions import is_contact
from pipeline.domain.state import TEXT, THREAD_FACTS, THREADS, CustomerState, GoingOn, Thread, cut

RECENT_MS = 7 * 24 * 60 * 60_000
"""How long after its last event an open thread still takes in contacts that do not say what they are about.
"""

ORDER = "order_id"


def touch_thread(state: CustomerState, interaction: Interaction, going_on: GoingOn | None) -> Thread | None:
    """The thread that the event belongs to, opened or brought up to date if the event says something.

    An event that says nothing sees the thread and changes nothing in it; None when there is none to see.
    """
    thread = find_thread(state, interaction, going_on)
    if not is_contact(interaction) or not _says_something(interaction):
        return thread
    if thread is None or thread.resolved:
        thread = _open(state, interaction)
    if going_on is not None:
        going_on.thread_id = thread.thread_id
    _take_in(thread, interaction)
    return thread


def resolve(state: CustomerState, thread: Thread, now: int) -> None:
    """Mark a thread as resolved."""
    if not thread.resolved:
        thread.resolved, thread.resolved_at = True, now
        state.history.threads_resolved += 1


def thread_by_id(state: CustomerState, thread_id: str | None) -> Thread | None:
    """The thread with this id among those remembered."""
    for thread in state.threads:
        if thread.thread_id == thread_id:
            return thread
    return None


def in_order(threads: list[Thread]) -> list[Thread]:
    """Open threads first, then the one touched last; no more than `THREADS`."""
    return sorted(threads, key=lambda thread: (thread.resolved, -thread.last_at, thread.thread_id))[:THREADS]


def find_thread(state: CustomerState, interaction: Interaction, going_on: GoingOn | None) -> Thread | None:
    """The thread that the event belongs to, among those remembered."""
    if going_on is not None and (own := thread_by_id(state, going_on.thread_id)):
        return own
    order_id = interaction.facts.get(ORDER)
    if order_id is not None:
        same = [thread for thread in state.threads if thread.facts.get(ORDER) == order_id]
        if same:
            return min(same, key=lambda thread: (thread.resolved, -thread.last_at, thread.thread_id))
        if not is_contact(interaction):
            return None
    open_ones = [thread for thread in state.threads if not thread.resolved]
    if len(open_ones) != 1 or interaction.occurred_at - open_ones[0].last_at > RECENT_MS:
        return None
    about = open_ones[0].facts.get(ORDER)
    return open_ones[0] if order_id is None or about is None else None


def _says_something(interaction: Interaction) -> bool:
    return bool(
        interaction.text or interaction.subject or interaction.facts or "form" in interaction.attributes
    )


def _open(state: CustomerState, interaction: Interaction) -> Thread:
    at = interaction.occurred_at
    thread = Thread(new_id("thread", interaction.event_id), opened_at=at, last_at=at)
    state.threads = in_order([thread, *state.threads])
    state.history.threads_opened += 1
    return thread


def _take_in(thread: Thread, interaction: Interaction) -> None:
    """Facts told later replace those told earlier, by the time of telling, not of arrival."""
    newest = interaction.occurred_at >= thread.last_at
    for name, fact in interaction.facts.items():
        if (newest or name not in thread.facts) and (
            name in thread.facts or len(thread.facts) < THREAD_FACTS
        ):
            thread.facts[name] = cut(fact)
    thread.opened_at = min(thread.opened_at, interaction.occurred_at)
    thread.last_at = max(thread.last_at, interaction.occurred_at)
    if thread.subject is None and interaction.subject is not None:
        thread.subject = interaction.subject[:TEXT]
    if interaction.channel not in thread.channels:
        thread.channels.append(interaction.channel)
