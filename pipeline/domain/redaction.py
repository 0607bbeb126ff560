"""What may be shown of a customer to somebody who must not learn who it is.

A list of what is shown, not of what is hidden: a field that nobody has thought of is masked.
"""

from __future__ import annotations

from typing import Any

MASK = "[redacted]"

# Made by the pipeline, or the vocabulary of a business rather than the words of a customer; counts and times.
SHOWN = frozenset(
    {
        *("customer_id", "known", "absorbed", "apart", "merged_into", "bytes", "next_due", "erased_at"),
        *("tier", "timezone", "language", "consent", "updated_at"),
        *("channel", "kind", "step", "queue", "queued_at", "ended", "late", "occurred_at"),
        *("session_id", "thread_id", "started_at", "last_at", "closes_at", "opened_at", "events", "channels"),
        *("intent", "confidence", "resolved", "resolved_at", "steps_done", "media_type", "size"),
        *("contacts", "first_contact_at", "last_contact_at", "last_channel", "times"),
        *("threads_opened", "threads_resolved"),
        *("strategy_id", "version", "ended_at", "done", "due", "stopped_at", "actions"),
        *("type", "assurance"),
    }
)
# What lies in these is looked at field by field.
PARTS = frozenset(
    {"customer", "profile", "now", "over", "sessions", "threads", "attachments", "history", "about", "orders"}
    | {"attempts", "waits", "identifiers", "rows"}
)


def redacted(tree: Any) -> Any:
    """The tree of a customer's card or history with everything masked that could tell who the customer is.

    Names of facts and preferences stay, their values do not; what is absent stays absent.
    """
    if isinstance(tree, list):
        return [redacted(one) for one in tree]
    if not isinstance(tree, dict):
        return _masked(tree)
    return {name: _field(name, value) for name, value in tree.items()}


def _field(name: str, value: Any) -> Any:
    if isinstance(value, dict | list) and name in PARTS:
        return redacted(value)
    return value if name in SHOWN else _masked(value)


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_masked(one) for one in value]
    return None if value is None else MASK
