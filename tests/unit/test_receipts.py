"""Receipts, as they come: for nobody's action, twice, out of order, from the future, for a merged customer."""

from __future__ import annotations

import pytest
from domain_values import DAY, NOW, NUMBER, SMS, event, profile, rules

from pipeline.domain.interactions import Identifier
from pipeline.domain.ledger import sent_since
from pipeline.domain.messages import ActionReceipt, MergeRequested, ReceiptStatus
from pipeline.domain.replay import Replay
from pipeline.domain.requests import EraseRequested
from pipeline.domain.state import ACTIONS, CustomerState

LIVE = rules(
    """
strategy: news
version: 1
title: News
lane: transactional
entry: {on: web.start}
key: event.event_id
caps: [{times: 1, per: 7d}]
steps:
  - {id: tell, on: entry, do: [{send_message: {template: hello, channel: sms}}]}
""",
    """
strategy: tickets
version: 1
title: Tickets
lane: service_reply
entry: {on: web.ask}
key: event.event_id
steps:
  - {id: open, on: entry, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
""",
)
PHONE = Identifier("phone", "+442079460018", "asserted")


def told(replay: Replay, status: ReceiptStatus, at: int = NOW, action_id: str = "") -> None:
    replay.fold(
        ActionReceipt(
            action_id=action_id or replay.commands[-1].action_id,
            customer_id=replay.commands[-1].customer_id,
            status=status,
            at=at,
        )
    )


def state_of(replay: Replay, customer_id: str = "C-1") -> CustomerState:
    state = replay.customer(customer_id)
    assert state is not None
    return state


def counted(replay: Replay, customer_id: str = "C-1") -> int | None:
    return sent_since(state_of(replay, customer_id), 0, "news")


@pytest.fixture
def replay() -> Replay:
    """A customer who has just been sent something that is capped."""
    replay = Replay(LIVE, NOW)
    replay.fold(profile(), event("1", kind="start", identifiers=[NUMBER]))
    assert len(replay.commands) == 1
    return replay


def start(replay: Replay, name: str) -> int:
    """How many commands come of another event that asks for one."""
    before = len(replay.commands)
    replay.fold(event(name, replay.now, kind="start", identifiers=[NUMBER, SMS]))
    return len(replay.commands) - before


def test_a_failure_makes_room_and_an_unknown_end_does_not(replay: Replay) -> None:
    told(replay, "accepted")
    told(replay, "unknown")
    assert start(replay, "2") == 0
    told(replay, "failed")
    assert start(replay, "3") == 1
    assert start(replay, "4") == 0


def test_a_failure_told_twice_makes_room_once(replay: Replay) -> None:
    failed = replay.commands[-1].action_id
    told(replay, "failed")
    assert start(replay, "2") == 1
    told(replay, "failed", action_id=failed)
    assert start(replay, "3") == 0


def test_a_receipt_that_comes_late_takes_nothing_back(replay: Replay) -> None:
    told(replay, "delivered")
    told(replay, "failed")
    told(replay, "sent")
    assert state_of(replay).actions[replay.commands[-1].action_id] == "delivered"
    assert counted(replay) == 1


def test_a_delivery_after_all_counts_again(replay: Replay) -> None:
    told(replay, "failed")
    assert counted(replay) == 0
    told(replay, "delivered")
    assert counted(replay) == 1


def test_a_receipt_from_the_future_or_the_past_is_as_good_as_any(replay: Replay) -> None:
    told(replay, "failed", at=NOW + 4_000 * DAY)
    assert counted(replay) == 0
    told(replay, "delivered", at=NOW - DAY)
    assert counted(replay) == 1


def test_a_receipt_for_an_unknown_action_changes_nothing(replay: Replay) -> None:
    before = state_of(replay)
    told(replay, "failed", action_id="nobody knows")
    assert state_of(replay) == before


def test_a_receipt_begins_no_record(replay: Replay) -> None:
    replay.fold(ActionReceipt(action_id="x", customer_id="C-9", status="failed", at=NOW))
    assert replay.customer("C-9") is None


def test_a_receipt_counts_long_after_the_action_is_no_longer_among_the_latest(replay: Replay) -> None:
    capped = replay.commands[-1].action_id
    for number in range(ACTIONS):
        replay.fold(event(f"ask-{number}", kind="ask", identifiers=[NUMBER]))
    assert capped not in state_of(replay).actions
    told(replay, "failed", action_id=capped)
    assert counted(replay) == 0
    assert capped not in state_of(replay).actions


def test_the_receipt_of_a_merged_customer_is_the_other_ones() -> None:
    replay = Replay(LIVE, NOW)
    replay.fold(event("1", kind="start", identifiers=[PHONE]))
    (command,) = replay.commands
    loser = command.customer_id
    replay.fold(profile(identifiers=[SMS]))
    replay.fold(MergeRequested(loser=loser, winner="C-1", evidence=PHONE, rule="a link", requested_at=NOW))
    assert counted(replay) == 1
    told(replay, "failed")
    assert (counted(replay), counted(replay, loser)) == (0, 0)


def test_a_receipt_up_to_an_erasure_is_turned_away(replay: Replay) -> None:
    replay.advance(NOW + 5)
    replay.fold(EraseRequested(customer_id="C-1", by="ada", requested_at=NOW + 5))
    told(replay, "failed", at=NOW + 1)
    assert replay.customer("C-1") is None
    replay.advance(NOW + 10)
    assert start(replay, "2") == 1
