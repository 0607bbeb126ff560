"""The kill switch: while it is on, no strategy does anything."""

from __future__ import annotations

from pipeline.domain.gates.asking import Asked
from pipeline.domain.messages import Reason


def kill_switch_gate(asked: Asked) -> Reason | None:
    """Stops everything while the kill switch is on."""
    stopped = asked.moment.rules.stopped
    if stopped is None:
        return None
    return Reason(rule="kill_switch", held=False, values={"stopped": stopped})
