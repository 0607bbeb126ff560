"""What plays a scenario: the pipeline in memory with a stepped clock, or a real one on a broker."""

from __future__ import annotations

from typing import Protocol

from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.requests import Request
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules


class Driver(Protocol):
    """A pipeline under test. Times are epoch milliseconds on the scenario's clock.

    What was delivered has taken full effect when `advance` returns.
    """

    def start(self, rules: Rules, now: int) -> None:
        """Begin with nothing known, these rules and this time."""

    def import_customers(self, data: bytes, media_type: str) -> list[Failure]:
        """Take in the system of record's customers; what could not be read."""

    def deliver(self, channel: str, payload: bytes, received_at: int) -> list[Failure]:
        """Take in a service's payload; what could not be read."""

    def ask(self, request: Request) -> None:
        """Take in what somebody asks about a customer."""

    def declare(self, circumstance: DeclaredCircumstance) -> None:
        """Take in how a manager says that a circumstance stands, and let it begin or end where it does."""

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; timers fire at their time."""

    def commands(self) -> list[ActionCommand]:
        """All commands since the start, in order."""

    def decisions(self) -> list[Decision]:
        """All decisions since the start, in order."""

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""

    def rows(self, customer_id: str) -> int:
        """How many rows are kept of a customer beside the hot record."""

    def stop(self) -> None:
        """End; what was said can still be asked."""
