"""The parts of a thread's record: the names it goes by, the facts, who handles it, what was sent along."""

from __future__ import annotations

from collections.abc import Iterable

from pipeline.domain.history import ORDER
from pipeline.domain.interactions import Attachment, Interaction
from pipeline.domain.state import (
    ADVISERS,
    ATTACHMENTS,
    NAME,
    REFS,
    THREAD_FACTS,
    THREADS,
    CustomerState,
    Thread,
    Told,
    cut,
    short,
)

URI_CHARACTERS = 2_048
"""The longest reference to a file that is kept; half of one would lead nowhere."""

CASE, MESSAGE, ORDER_REF = "case", "message", "order"
"""What a thread is referred to by, beside its interactions: `case:4711`, `message:<id>`, `order:1001`."""

MESSAGE_IDS = ("in_reply_to", "message_id")
"""Attributes by which a channel tells which message an event is, and which it answers."""

_NAMING = frozenset({CASE, ORDER, *MESSAGE_IDS})
_LASTING = (f"{CASE}:", f"{ORDER_REF}:")


def thread_by_id(state: CustomerState, thread_id: str | None) -> Thread | None:
    """The thread with this id among those remembered."""
    for thread in state.threads:
        if thread.thread_id == thread_id:
            return thread
    return None


def in_order(threads: list[Thread]) -> list[Thread]:
    """Open threads first, then the one touched last; no more than `THREADS`."""
    return sorted(threads, key=lambda thread: (thread.resolved, -thread.last_at, thread.thread_id))[:THREADS]


def is_lasting(ref: str) -> bool:
    """Whether the name is one that all interactions about the same thing have in common: a case, an order."""
    return ref.startswith(_LASTING)


def names_something(interaction: Interaction) -> bool:
    """Whether the event may have `lasting_refs` or `message_refs`: most have none, and this tells it quickly."""
    return not (_NAMING.isdisjoint(interaction.facts) and _NAMING.isdisjoint(interaction.attributes))


def lasting_refs(interaction: Interaction) -> list[str]:
    """The case number and the order that the event names."""
    facts, attributes, refs = interaction.facts, interaction.attributes, []
    if CASE in facts or CASE in attributes:
        refs.append(short(f"{CASE}:{facts[CASE] if CASE in facts else attributes[CASE]}"))
    if ORDER in facts:
        refs.append(short(f"{ORDER_REF}:{facts[ORDER]}"))
    return refs


def message_refs(interaction: Interaction) -> list[str]:
    """The messages that the event answers or is."""
    attributes = interaction.attributes
    return [short(f"{MESSAGE}:{attributes[name]}") for name in MESSAGE_IDS if name in attributes]


def interaction_ref(interaction: Interaction) -> str:
    """The name of the event's interaction."""
    return f"{interaction.channel}:{interaction.interaction_id}"[:NAME]


def add_refs(thread: Thread, refs: Iterable[str]) -> None:
    """Let the thread be found under these names; beyond the bound the first interactions and messages are
    forgotten, then the first of the others.
    """
    added = [ref for ref in refs if ref not in thread.refs]
    if added:
        thread.refs = [*thread.refs, *added]
    while len(thread.refs) > REFS:
        passing = (ref for ref in thread.refs if not is_lasting(ref))
        thread.refs.remove(next(passing, thread.refs[0]))


def add_adviser(thread: Thread, adviser: str) -> None:
    """Note who handles the thread now."""
    if not thread.advisers or thread.advisers[-1] != adviser:
        others = [one for one in thread.advisers if one != adviser]
        thread.advisers = [*others, adviser][-ADVISERS:]


def add_attachments(thread: Thread, attachments: Iterable[Attachment]) -> None:
    """Keep the references to what was sent along, the latest beyond the bound, each once."""
    known = {one.uri: one for one in thread.attachments}
    for one in attachments:
        if len(one.uri) <= URI_CHARACTERS:
            known.setdefault(one.uri, Attachment(one.uri, short(one.media_type), one.size))
    thread.attachments = list(known.values())[-ATTACHMENTS:]


def take_facts(thread: Thread, interaction: Interaction) -> None:
    """Facts told later replace those told earlier, by the time of telling, not of arrival."""
    at, by = interaction.occurred_at, interaction_ref(interaction)
    facts, told = thread.facts, thread.told
    for name, fact in interaction.facts.items():
        before = told.get(name)
        if before is None:
            taken = len(facts) < THREAD_FACTS and len(name) <= NAME
        elif at == before.at:
            taken = (by, str(fact)) >= (before.by, str(facts[name]))
        else:
            taken = at > before.at
        if taken:
            facts[name], told[name] = cut(fact), Told(at, by)
