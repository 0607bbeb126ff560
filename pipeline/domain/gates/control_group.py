"""The control group: a share of the customers gets nothing of a strategy, so that its effect can be measured.

Who is in it is a hash of the strategy's id and the customer's, so nothing is kept and every worker knows it. It is
the id under which the attempt began. A merge does not change that one, so no attempt changes its arm half way; and
a known customer keeps their id in every merge, so they keep their arm for good. Only somebody who was not known may
be in another arm once it turns out who they are.

Attempts begin in both arms alike, and what would have been sent is recorded. Nothing is spent for it: no cap, and
not the customer's attention, so what others want is as if the strategy were not there.
"""

from __future__ import annotations

from pipeline.domain.gates.asking import Asked
from pipeline.domain.ids import bucket
from pipeline.domain.messages import Reason

EXEMPT = frozenset({"service_reply", "safety"})
"""Lanes that answer a customer or keep them from harm: nobody is left out for a comparison."""


def control_group_gate(asked: Asked) -> Reason | None:
    """Stops all that the strategy wants for a customer of its control group."""
    share = asked.strategy.policy.control
    if share == 0 or asked.wish.lane in EXEMPT:
        return None
    own = bucket("control", asked.strategy.id, asked.attempt.owner)
    if own >= share:
        return None
    return Reason(rule="control_group", held=False, values={"bucket": str(own), "control": str(share)})
