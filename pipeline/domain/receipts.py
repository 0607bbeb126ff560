"""What becomes of actions, as whoever carries them out tells it.

Receipts may come twice, out of order and late: each action goes on to the furthest of them by `RECEIPT_RANK`. When
a receipt was written does not matter, so one from the future is as good as any. One for an action that the record
does not remember changes nothing.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.ledger import settle
from pipeline.domain.messages import RECEIPT_RANK, ActionReceipt, Output
from pipeline.domain.state import ACTIONS, CustomerState


def on_receipt(state: CustomerState, receipt: ActionReceipt) -> list[Output]:
    """Note how far an action has come, in the ledger of caps too; a merged customer's are the other one's."""
    if state.merged_into is not None:
        return [replace(receipt, customer_id=state.merged_into)]
    if receipt.action_id in state.actions:
        advance_action(state, receipt.action_id, receipt.status)
    settle(state, receipt.action_id, receipt.status)
    return []


def advance_action(state: CustomerState, action_id: str, status: str) -> None:
    """Note how far an action has come, among the latest `ACTIONS`."""
    known = state.actions.get(action_id)
    if known is None or RECEIPT_RANK[status] > RECEIPT_RANK[known]:
        state.actions[action_id] = status
    while len(state.actions) > ACTIONS:
        del state.actions[next(iter(state.actions))]
