"""Erasure: what a customer did before they asked to be forgotten calls for nothing."""

from __future__ import annotations

from pipeline.domain.gates.asking import Asked
from pipeline.domain.messages import Reason


def erasure_gate(asked: Asked) -> Reason | None:
    """Stops what is due to an event up to the erasure.

    Such events are not folded, but a record that another customer brings in a merge can have a step that waits
    because of one.
    """
    moment = asked.moment
    if moment.event.occurred_at > moment.state.erased_at:
        return None
    return Reason(rule="erasure", held=False, values={"erased_at": str(moment.state.erased_at)})
