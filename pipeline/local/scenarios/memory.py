"""A scenario in memory: the whole pipeline as a fold, with a clock that the scenario steps."""

from __future__ import annotations

from copy import copy

from pipeline.channels.customers import read as read_customers
from pipeline.channels.registry import adapt
from pipeline.domain.customers import Profile
from pipeline.domain.declarations import Declarations
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.replay import Replay
from pipeline.domain.requests import Request
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules


class MemoryDriver:
    """A `Driver` that runs in milliseconds; `replay` is what it has folded."""

    def start(self, rules: Rules, now: int) -> None:
        """Begin with nothing known, these rules and this time."""
        self.replay = Replay(rules, now)
        self._given = rules.circumstances
        self._declarations = Declarations()

    def import_customers(self, data: bytes, media_type: str) -> list[Failure]:
        """Take in the system of record's customers; what could not be read."""
        return self._take_in(read_customers(data, media_type, updated_at=self.replay.now))

    def deliver(self, channel: str, payload: bytes, received_at: int) -> list[Failure]:
        """Take in a service's payload; what could not be read."""
        return self._take_in(adapt(channel, payload, received_at))

    def _take_in(self, values: list[Interaction | Failure] | list[Profile | Failure]) -> list[Failure]:
        failures: list[Failure] = []
        for value in values:
            if isinstance(value, Failure):
                failures.append(value)
            else:
                self.replay.fold(value)
        return failures

    def ask(self, request: Request) -> None:
        """Take in what somebody asks about a customer."""
        self.replay.fold(request)

    def declare(self, circumstance: DeclaredCircumstance) -> None:
        """Take in how a manager says that a circumstance stands, and let it begin or end where it does."""
        replay = self.replay
        self._declarations.take(circumstance.key, circumstance, replay.now)
        replay.rules = copy(replay.rules)
        replay.rules.circumstances = (*self._given, *self._declarations.standing(replay.now))
        replay.look_at_circumstances()

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; timers fire at their time."""
        self.replay.advance(to)

    def commands(self) -> list[ActionCommand]:
        """All commands since the start, in order."""
        return self.replay.commands

    def decisions(self) -> list[Decision]:
        """All decisions since the start, in order."""
        return self.replay.decisions

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""
        return self.replay.customer(customer_id)

    def rows(self, customer_id: str) -> int:
        """How many rows are kept of a customer beside the hot record."""
        return sum(row.customer_id == customer_id for row in self.replay.rows.values())

    def stop(self) -> None:
        """Nothing runs between two calls, so there is nothing to end."""
