"""History: the customer over the years, in counters that stay small whatever the number of years.

What the counters say does not depend on the order in which events arrive.
"""

from __future__ import annotations

import re

from pipeline.domain.interactions import CHANNELS, Interaction, Scalar
from pipeline.domain.state import (
    ABOUT,
    NAME,
    ORDER_FACTS,
    ORDERS,
    About,
    History,
    Stated,
    Thread,
    cut,
)

ORDER = "order_id"
PREFERENCES = {"preferred_channel": "channel", "preferred_language": "language"}
"""Facts by which customers state a preference, and the preference that each of them states."""

_REPLY = re.compile(r"^(?:\s*(?:re|fwd?|aw|wg)\s*:)+", re.IGNORECASE)


def topic(subject: str) -> str | None:
    """What a subject line is about, the same however it is written; None when it says nothing."""
    return " ".join(_REPLY.sub("", subject).casefold().split())[:NAME] or None


def count_contact(history: History, event: Interaction, began: bool) -> None:
    """Count an event of a contact, which it `began` or not."""
    at = event.occurred_at
    if began:
        history.contacts += 1
        history.channels[event.channel] = history.channels.get(event.channel, 0) + 1
    if history.first_contact_at is None or at < history.first_contact_at:
        history.first_contact_at = at
    last = history.last_contact_at
    if last is None or at > last or (at == last and event.channel > (history.last_channel or "")):
        history.last_contact_at, history.last_channel = at, event.channel


def uncount_contact(history: History, channel: str) -> None:
    """Take back a contact that was counted for both of two customers who are one."""
    if history.channels.get(channel):
        history.contacts -= 1
        history.channels[channel] -= 1


def count_about(history: History, thread: Thread) -> None:
    """Count the thread under what it is about: its intent, else its subject.

    One that was counted under something else is moved; calling it again changes nothing.
    """
    about = thread.intent or (topic(thread.subject) if thread.subject else None)
    if about == thread.counted_as:
        return
    uncount_about(history, thread)
    if about is None:
        return
    counter = history.about.setdefault(about, About())
    counter.times += 1
    thread.counted_as = about
    if thread.resolved:
        _count_resolution(counter, thread.resolved_at or 0)
    touch_about(history, thread)
    _bound_about(history)


def touch_about(history: History, thread: Thread) -> None:
    """Note when the customer last spoke of what the thread is counted under."""
    counter = history.about.get(thread.counted_as or "")
    if counter is not None:
        counter.last_at = max(counter.last_at or 0, thread.last_at)


def uncount_about(history: History, thread: Thread) -> None:
    """Take the thread back from what it is counted under."""
    name, thread.counted_as = thread.counted_as, None
    counter = history.about.get(name) if name else None
    if name and counter is not None:
        counter.times -= 1
        if thread.resolved:
            _uncount_resolution(counter)
        if counter.times <= 0:
            del history.about[name]


def count_resolved(history: History, thread: Thread) -> None:
    """Count a thread that has been resolved."""
    history.threads_resolved += 1
    counter = history.about.get(thread.counted_as or "")
    if counter is not None:
        _count_resolution(counter, thread.resolved_at or 0)


def count_reopened(history: History, thread: Thread) -> None:
    """Count a thread that was resolved as open again."""
    history.threads_resolved -= 1
    counter = history.about.get(thread.counted_as or "")
    if counter is not None:
        _uncount_resolution(counter)


def note_adviser(history: History, adviser: str, at: int) -> None:
    """Who helped last."""
    if (at, adviser) >= (history.last_adviser_at or 0, history.last_adviser or ""):
        history.last_adviser, history.last_adviser_at = adviser, at


def note_stated(history: History, event: Interaction) -> None:
    """Keep the preferences among the facts told; one that names no channel is none."""
    if PREFERENCES.keys().isdisjoint(event.facts):
        return
    for fact, preference in PREFERENCES.items():
        value = event.facts.get(fact)
        if isinstance(value, str) and (preference != "channel" or value in CHANNELS):
            _state(history, preference, Stated(event.occurred_at, value[:NAME]))


def note_order(history: History, event: Interaction) -> None:
    """What the system of record says about an order; of two events the one that happened later is right."""
    order_id = event.facts.get(ORDER)
    if order_id is None:
        return
    order = history.orders.setdefault(str(order_id), {})
    at = order.get("status_at", -1)
    newest = not isinstance(at, int) or event.occurred_at >= at
    for name, value in {**event.attributes, **event.facts}.items():
        if (newest or name not in order) and (name in order or len(order) < ORDER_FACTS):
            order[name] = cut(value)
    if newest:
        order |= {"status": event.kind, "status_at": event.occurred_at}
    _bound_orders(history)


def add_history(history: History, other: History) -> None:
    """Add another customer's counters; the result does not depend on which are added first."""
    firsts = [at for at in (history.first_contact_at, other.first_contact_at) if at is not None]
    history.first_contact_at = min(firsts, default=None)
    latest = max(history, other, key=lambda it: (it.last_contact_at or 0, it.last_channel or ""))
    history.last_contact_at, history.last_channel = latest.last_contact_at, latest.last_channel
    history.contacts += other.contacts
    history.threads_opened += other.threads_opened
    history.threads_resolved += other.threads_resolved
    for channel, contacts in other.channels.items():
        history.channels[channel] = history.channels.get(channel, 0) + contacts
    for order_id, order in other.orders.items():
        mine = history.orders.get(order_id, {})
        newer = _status_at(order) > _status_at(mine)
        history.orders[order_id] = mine | order if newer else order | mine
    _bound_orders(history)
    for name, theirs in other.about.items():
        counter = history.about.setdefault(name, About())
        counter.times += theirs.times
        counter.resolved += theirs.resolved
        if theirs.resolved_at is not None:
            counter.resolved_at = max(counter.resolved_at or 0, theirs.resolved_at)
        counter.last_at = max(counter.last_at or 0, theirs.last_at or 0)
    _bound_about(history)
    if other.last_adviser is not None:
        note_adviser(history, other.last_adviser, other.last_adviser_at or 0)
    for preference, stated in other.stated.items():
        _state(history, preference, stated)


def _count_resolution(counter: About, at: int) -> None:
    counter.resolved += 1
    counter.resolved_at = max(counter.resolved_at or 0, at)


def _uncount_resolution(counter: About) -> None:
    """The time of the last resolution stays, unless none is left."""
    counter.resolved -= 1
    if counter.resolved <= 0:
        counter.resolved_at = None


def _state(history: History, preference: str, stated: Stated) -> None:
    before = history.stated.get(preference)
    if before is None or (stated.at, stated.value) >= (before.at, before.value):
        history.stated[preference] = stated


def _bound_about(history: History) -> None:
    """Forget what the customer came about longest ago, beyond the latest `ABOUT`."""
    while len(history.about) > ABOUT:
        about = history.about
        del about[min(about, key=lambda name: (about[name].last_at or 0, name))]


def _bound_orders(history: History) -> None:
    """Forget the orders of which nothing was heard for longest, beyond the latest `ORDERS`."""
    while len(history.orders) > ORDERS:
        orders = history.orders
        del orders[min(orders, key=lambda order_id: (_status_at(orders[order_id]), order_id))]


def _status_at(order: dict[str, Scalar]) -> float:
    at = order.get("status_at", -1)
    return at if isinstance(at, int | float) else -1
