"""Values for tests of merges: who is merged into whom, and what became of it."""

from __future__ import annotations

from typing import Any

from domain_values import DEVICE, NOW, event

from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import (
    IdentityLink,
    MergeRequested,
)
from pipeline.domain.replay import Replay
from pipeline.domain.requests import UnmergeRequested
from pipeline.domain.state import CustomerState

ANONYMOUS = provisional_id(DEVICE.key)
TABLET = Identifier("device", "d-2", "observed")
ONE, TWO = sorted((ANONYMOUS, provisional_id(TABLET.key)))
EMAIL = Identifier("email", "maya@example.com", "asserted")
GREETING = """
strategy: greeting
version: 1
title: Say hello once a thread
lane: service_reply
entry: {on: web.hello}
steps:
  - {id: hello, on: entry, do: [{send_message: {template: hello}}]}
  - {id: later, since: entry, for: 5m, absent: web.bye, do: [{send_message: {template: hello}}]}
"""


def merge(winner: str, loser: str = ANONYMOUS, rule: str = "known_over_provisional") -> MergeRequested:
    return MergeRequested(loser=loser, winner=winner, evidence=EMAIL, rule=rule, requested_at=NOW)


def visit(name: str, at: int = NOW, **more: Any) -> Interaction:
    """An event of a visit of its own."""
    return event(name, at, **{"interaction_id": name, **more})


def unmerge(loser: str, winner: str) -> UnmergeRequested:
    return UnmergeRequested(
        loser=loser, winner=winner, rule="wrong_person", by="an adviser", requested_at=NOW
    )


def linked(loser: str, winner: str) -> IdentityLink:
    """The system of record's word that a customer's number is another's."""
    number = Identifier("customer_number", loser, "verified")
    return IdentityLink(identifier=number, customer_id=winner, known=True, source="crm", linked_at=NOW)


def changes(replay: Replay) -> list[tuple[str, str, str, str]]:
    return [(one.outcome, one.customer_id, one.other, one.rule) for one in replay.changes]


def state_of(replay: Replay, customer_id: str) -> CustomerState:
    state = replay.customer(customer_id)
    assert state is not None
    return state
