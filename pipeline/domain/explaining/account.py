"""All that is told of one customer on the topics in a time, as far as it explains decisions."""

from __future__ import annotations

import msgspec

from pipeline.domain.messages import (
    ActionCommand,
    ActionReceipt,
    Decision,
    IdentifiedInteraction,
    IdentityChange,
)
from pipeline.domain.strategies.language import ENTRY


class Cause(msgspec.Struct, frozen=True):
    """The event that was judged; `occurred_at` in epoch milliseconds."""

    event_id: str
    channel: str
    kind: str
    occurred_at: int


class Account(msgspec.Struct):
    """Decisions in their order, commands and causes by id, receipts by the action's id.

    `others` are the ids of customers whom this one took in in that time: what was decided before that is theirs.
    """

    customer_id: str
    decisions: list[Decision] = []
    commands: dict[str, ActionCommand] = {}
    receipts: dict[str, list[ActionReceipt]] = {}
    causes: dict[str, Cause] = {}
    others: list[str] = []

    def take(self, record: msgspec.Struct) -> None:
        """Note the next record that is about the customer."""
        match record:
            case Decision():
                self.decisions.append(record)
            case ActionCommand():
                self.commands[record.action_id] = record
            case ActionReceipt():
                self.receipts.setdefault(record.action_id, []).append(record)
            case IdentityChange(outcome="merged"):
                self.others.append(record.other)
            case IdentifiedInteraction(interaction=event):
                self.causes[event.event_id] = Cause(
                    event.event_id, event.channel, event.kind, event.occurred_at
                )
            case _:
                pass

    def decision_on(self, action_id: str) -> Decision | None:
        """The decision by which an action was sent, else the last one of a shadow that would have sent it."""
        found = [one for one in self.decisions if action_id in one.action_ids]
        return next((one for one in found if one.outcome == "fired"), found[-1] if found else None)

    def beside(self, decision: Decision) -> list[Decision]:
        """What else was decided at the same moment: because of the same event, or at the same time of a timer."""
        moment = _moment(decision)
        return [
            one
            for one in self.decisions
            if _moment(one) == moment and one.decision_id != decision.decision_id
        ]

    def last_words(self) -> list[Decision]:
        """What was done, and of each step that was not the last reason why not, in order of time.

        A shadow's decisions are left out, and that an attempt began where something else is told of it.
        """
        real = [one for one in self.decisions if one.outcome != "shadow"]
        last = {(one.strategy_id, one.attempt_key, one.step): one.decision_id for one in real}
        gone_on = {(one.strategy_id, one.attempt_key) for one in real if one.step != ENTRY}
        return [
            one
            for one in real
            if one.action_ids
            or (
                last[one.strategy_id, one.attempt_key, one.step] == one.decision_id
                and not (one.step == ENTRY and (one.strategy_id, one.attempt_key) in gone_on)
            )
        ]


def _moment(decision: Decision) -> str | int:
    return decision.decided_at if decision.event_id is None else decision.event_id
