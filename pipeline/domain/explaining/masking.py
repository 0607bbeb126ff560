"""An explanation for somebody who must not learn who the customer is.

As in `domain/redaction.py` it is a list of what is shown: a field that nobody has thought of is masked.
"""

from __future__ import annotations

from typing import Any

import msgspec

from pipeline.domain.explaining.explanation import Deed, Explanation
from pipeline.domain.explaining.reasons import NAMED
from pipeline.domain.messages import Reason
from pipeline.domain.redaction import MASK

_SHOWN_OF_ACTIONS = frozenset({"channel", "template", "language", "currency", "skill", "priority"})
# What gates tell beside names of strategies, counts and times.
_HIDDEN_OF_GATES = frozenset({"on a call", "customer.timezone"})


def masked(explanation: Explanation) -> Explanation:
    """The explanation with everything masked that could tell who the customer is: what conditions saw, what the
    attempt and its actions are about, the channels' own ids, and details of receipts.
    """
    cause = explanation.cause
    return msgspec.structs.replace(
        explanation,
        attempt_key=MASK if explanation.attempt_key else "",
        event_id=None if explanation.event_id is None else MASK,
        cause=None if cause is None else msgspec.structs.replace(cause, event_id=MASK),
        reasons=[_reason(one) for one in explanation.reasons],
        actions=[_deed(one) for one in explanation.actions],
        beside=[
            msgspec.structs.replace(one, reason=one.reason and _reason(one.reason))
            for one in explanation.beside
        ],
    )


def _reason(reason: Reason) -> Reason:
    hidden = _HIDDEN_OF_GATES if reason.rule in NAMED else reason.values
    values = {name: MASK if name in hidden else value for name, value in reason.values.items()}
    return Reason(rule=reason.rule, held=reason.held, values=values)


def _deed(deed: Deed) -> Deed:
    body: dict[str, Any] = {
        name: value if name in _SHOWN_OF_ACTIONS else MASK for name, value in deed.body.items()
    }
    receipts = [
        msgspec.structs.replace(one, detail=None if one.detail is None else MASK) for one in deed.receipts
    ]
    return msgspec.structs.replace(deed, body=body, receipts=receipts)
