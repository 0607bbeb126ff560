"""Everything that is known of a customer, laid out for a person to read: the hot record as a tree of plain values.

Structs that are stored as arrays are maps here, by their fields' names; times are epoch milliseconds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.domain.state import CustomerState, preferences

Card = dict[str, Any]


def card_of(state: CustomerState, size: int) -> Card:
    """The card of a customer whose hot record has `size` bytes.

    `now` is what they are doing, the latest first; `over` are interactions that ended in the same sessions.
    """
    going_on = sorted(
        state.going_on.values(), key=lambda one: (-one.last_at, one.channel, one.interaction_id)
    )
    history = plain(state.history)
    return {
        "customer_id": state.customer_id,
        "known": state.known,
        "profile": plain(state.profile),
        "preferences": preferences(state),
        "now": [plain(one) for one in going_on if not one.ended],
        "over": [plain(one) for one in going_on if one.ended],
        "sessions": plain(state.sessions),
        "threads": plain(state.threads),
        "history": history
        | {
            "about": [{"about": what, **counts} for what, counts in history["about"].items()],
            "orders": [{"order_id": number, "facts": facts} for number, facts in history["orders"].items()],
        },
        "attempts": [
            plain(one) | {"waits": [{"step": step, **plain(wait)} for step, wait in one.waits.items()]}
            for one in state.attempts.values()
        ],
        "actions": state.actions,
        "identifiers": [
            {**plain(seen.identifier), "last_at": seen.last_at} for seen in state.identifiers.values()
        ],
        "absorbed": state.absorbed,
        "apart": state.apart,
        "erased_at": state.erased_at if state.erased_at >= 0 else None,
        "next_due": state.next_due,
        "bytes": size,
    }


def plain(value: Any) -> Any:
    """Structs as maps, all the way down."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value
