"""From wish to command: what an action must pass, in order. The first gate that stops it is recorded.

`verdict` changes nothing. What it lets pass is taken by `take` before anything else is asked, so that the next
wish is judged with it.
"""

from __future__ import annotations

from pipeline.domain.gates.arbitration import arbitration_gate, rival
from pipeline.domain.gates.asking import Answer, Asked, Gate, Hold, Wish
from pipeline.domain.gates.caps import caps_gate, reserve_caps
from pipeline.domain.gates.consent import consent_gate
from pipeline.domain.gates.control_group import control_group_gate
from pipeline.domain.gates.erasure import erasure_gate
from pipeline.domain.gates.interaction import interaction_gate
from pipeline.domain.gates.kill_switch import kill_switch_gate
from pipeline.domain.gates.quiet_hours import quiet_hours_gate
from pipeline.domain.messages import ActionCommand
from pipeline.domain.state import Attempt
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.moment import Moment

__all__ = [
    "GATES",
    "Answer",
    "Hold",
    "Wish",
    "rival",
    "take",
    "verdict",
]

GATES: tuple[Gate, ...] = (
    kill_switch_gate,
    erasure_gate,
    consent_gate,
    quiet_hours_gate,
    interaction_gate,
    caps_gate,
    arbitration_gate,
    control_group_gate,
)
"""All gates, in the order in which they are asked."""


def verdict(wish: Wish, strategy: Strategy, attempt: Attempt, moment: Moment) -> Answer:
    """None when all gates let the wish pass; else the answer of the first that does not: a Reason, or a Hold."""
    asked = Asked(wish, strategy, attempt, moment)
    for gate in GATES:
        answer = gate(asked)
        if answer is not None:
            return answer
    return None


def take(command: ActionCommand, wish: Wish, strategy: Strategy, moment: Moment) -> None:
    """Send a command that has passed: its caps are spent, and it has what there is one of at this moment."""
    reserve_caps(moment.state, command, wish.channel, strategy, moment.rules.brand)
    moment.outputs.append(command)
