"""The whole pipeline in memory: the same folds as the agents', topics as one queue, tables as dicts of bytes.

Every state goes through MessagePack between two messages, so that nothing depends on objects staying the
same.
"""

from __future__ import annotations

from collections import deque

from pipeline.channels.customers import read as read_customers
from pipeline.channels.registry import adapt
from pipeline.domain import customer, identity
from pipeline.domain import state as states
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision, HistoryEntry, IdentityLink, Output
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules


class MemoryDriver:
    """A `Driver` that runs in milliseconds."""

    def start(self, rules: Rules, now: int) -> None:
        """Begin with nothing known, these rules and this time."""
        self._rules = rules
        self._now = now
        self._identities: dict[str, bytes] = {}
        self._customers: dict[str, bytes] = {}
        self._due: dict[str, int] = {}
        self._commands: list[ActionCommand] = []
        self._decisions: list[Decision] = []
        self.history: dict[str, HistoryEntry] = {}

    def import_customers(self, data: bytes, media_type: str) -> list[Failure]:
        """Take in the system of record's customers; what could not be read."""
        failures: list[Failure] = []
        for profile in read_customers(data, media_type, updated_at=self._now):
            if isinstance(profile, Failure):
                failures.append(profile)
            else:
                self._run(profile)
        return failures

    def deliver(self, channel: str, payload: bytes, received_at: int) -> list[Failure]:
        """Take in a service's payload; what could not be read."""
        failures: list[Failure] = []
        for interaction in adapt(channel, payload, received_at):
            if isinstance(interaction, Failure):
                failures.append(interaction)
            else:
                self._run(interaction)
        return failures

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; timers fire at their time."""
        while self._due:
            due, customer_id = min((due, customer_id) for customer_id, due in self._due.items())
            if due > to:
                break
            self._now = max(self._now, due)
            state = states.decode(self._customers[customer_id])
            outputs = customer.fire(state, self._now, self._rules)
            self._keep(state)
            self._run(*outputs)
        self._now = max(self._now, to)

    def commands(self) -> list[ActionCommand]:
        """All commands since the start, in order."""
        return self._commands

    def decisions(self) -> list[Decision]:
        """All decisions since the start, in order."""
        return self._decisions

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""
        raw = self._customers.get(customer_id)
        return None if raw is None else states.decode(raw)

    def stop(self) -> None:
        """Nothing runs between two calls, so there is nothing to end."""

    def _run(self, *messages: Interaction | Profile | Output) -> None:
        """Handle messages and all that comes of them, in the order in which they came."""
        queue: deque[Interaction | Profile | Output] = deque(messages)
        while queue:
            message = queue.popleft()
            match message:
                case Interaction() | IdentityLink():
                    queue.extend(self._identity(message))
                case ActionCommand():
                    self._commands.append(message)
                case Decision():
                    self._decisions.append(message)
                case HistoryEntry():
                    self.history[message.key] = message
                case _:
                    queue.extend(self._customer(message))

    def _identity(self, message: Interaction | IdentityLink) -> list[Output]:
        raw = self._identities.get(message.key)
        record = None if raw is None else identity.decode(raw)
        if isinstance(message, Interaction):
            record, outputs = identity.identify(record, message)
        else:
            record, outputs = identity.link(record, message)
        if record is not None:
            self._identities[message.key] = identity.encode(record)
        return outputs

    def _customer(self, message: customer.Message) -> list[Output]:
        key = message.customer_id if isinstance(message, Profile) else message.key
        state = self.customer(key) or CustomerState(key)
        outputs = customer.handle(state, message, self._now, self._rules)
        self._keep(state)
        return outputs

    def _keep(self, state: CustomerState) -> None:
        self._customers[state.customer_id] = states.encode(state)
        if state.next_due is None:
            self._due.pop(state.customer_id, None)
        else:
            self._due[state.customer_id] = state.next_due
