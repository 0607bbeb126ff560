"""The whole pipeline as a fold in memory: the same functions as the agents', topics as one queue, tables as dicts.

Every state goes through MessagePack between two messages, so that nothing depends on objects staying the same.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from pipeline.domain import identity as identities
from pipeline.domain import state as states
from pipeline.domain.customer import Message as AboutCustomer
from pipeline.domain.customer import fire, handle
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    Decision,
    IdentifierErased,
    IdentityChange,
    IdentityLink,
    Output,
    SessionClosed,
)
from pipeline.domain.rows import Forget, HeldIdentifier, HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules

Message = Interaction | Profile | Output


class Replay:
    """Folds messages at the time `now` (epoch milliseconds), and what falls due when time goes on.

    Attributes:
        now: the time; it is only ever set forward.
        commands, decisions, changes, closed: what went to those topics, in order.
        rows: the rows of the tables beside the hot record, by key.
    """

    def __init__(self, rules: Rules, now: int) -> None:
        self.now = now
        self.commands: list[ActionCommand] = []
        self.decisions: list[Decision] = []
        self.changes: list[IdentityChange] = []
        self.closed: list[SessionClosed] = []
        self.rows: dict[str, HistoryEntry | HeldIdentifier] = {}
        self._rules = rules
        self._identities: dict[str, bytes] = {}
        self._customers: dict[str, bytes] = {}
        self._due: dict[str, int] = {}

    def fold(self, *messages: Message) -> None:
        """Handle messages and all that comes of them, in the order in which they came."""
        queue: deque[Message] = deque(messages)
        while queue:
            message = queue.popleft()
            match message:
                case Interaction() | IdentityLink() | IdentifierErased():
                    queue.extend(self._identity(message))
                case ActionCommand() | Decision() | IdentityChange() | SessionClosed():
                    self._publish(message)
                case HistoryEntry() | HeldIdentifier():
                    self.rows[message.key] = message
                case Forget():
                    self._forget(message)
                case _:
                    queue.extend(self._customer(message))

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; what falls due does so at its time."""
        while self._due:
            due, customer_id = min((due, customer_id) for customer_id, due in self._due.items())
            if due > to:
                break
            self.now = max(self.now, due)
            state = states.decode(self._customers[customer_id])
            outputs = fire(state, self.now, self._rules)
            self._keep(state)
            self.fold(*outputs)
        self.now = max(self.now, to)

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""
        raw = self._customers.get(customer_id)
        return None if raw is None else states.decode(raw)

    def customers(self) -> list[str]:
        """The ids of all customers who have a record."""
        return sorted(self._customers)

    def identity(self, key: str) -> identities.IdentityRecord | None:
        """The record of an identifier (`type:value`), None when there is none."""
        raw = self._identities.get(key)
        return None if raw is None else identities.decode(raw)

    def _publish(self, message: ActionCommand | Decision | IdentityChange | SessionClosed) -> None:
        to: Any = {
            ActionCommand: self.commands,
            Decision: self.decisions,
            IdentityChange: self.changes,
            SessionClosed: self.closed,
        }[type(message)]
        to.append(message)

    def _identity(self, message: Interaction | IdentityLink | IdentifierErased) -> list[Output]:
        record = self.identity(message.key)
        record, outputs = identities.handle(record, message)
        if record is not None:
            self._identities[message.key] = identities.encode(record)
        return outputs

    def _customer(self, message: AboutCustomer) -> list[Output]:
        key = message.customer_id if isinstance(message, Profile) else message.key
        state = self.customer(key) or CustomerState(key)
        outputs = handle(state, message, self.now, self._rules)
        self._keep(state)
        return outputs

    def _forget(self, message: Forget) -> None:
        customer_id = message.customer_id
        del self._customers[customer_id]
        self._due.pop(customer_id, None)
        for key in [key for key in self.rows if key.startswith(f"{customer_id}|")]:
            del self.rows[key]

    def _keep(self, state: CustomerState) -> None:
        self._customers[state.customer_id] = states.encode(state)
        if state.next_due is None:
            self._due.pop(state.customer_id, None)
        else:
            self._due[state.customer_id] = state.next_due
