"""What caps count: reserved, committed, released, and the same whatever the order."""

from __future__ import annotations

from itertools import permutations
from random import Random

import pytest
from domain_values import DAY, HOUR, NOW

from pipeline.domain.actions import CreateTicket, Lane
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.ledger import ROWS, forget_sent, reserve, sent_since, settle, take_out, unite
from pipeline.domain.messages import ActionCommand
from pipeline.domain.state import CustomerState


def command(name: str, at: int = NOW, strategy: str = "s", lane: Lane = "transactional") -> ActionCommand:
    return ActionCommand(
        action_id=name,
        customer_id="C-1",
        kind="create_ticket",
        lane=lane,
        body=CreateTicket(subject="x", priority=1, text="y"),
        strategy_id=strategy,
        strategy_version=1,
        attempt_key="k",
        step="a",
        occurrence=0,
        decided_at=at,
    )


def spent(*commands: ActionCommand, channel: str = "sms") -> CustomerState:
    state = CustomerState("C-1")
    for one in commands:
        reserve(state, one, channel)
    return state


def test_a_command_counts_for_its_strategy_its_channel_and_its_time() -> None:
    state = spent(command("1"), command("2", NOW + HOUR), command("3", NOW + HOUR, strategy="other"))
    reserve(state, command("4", NOW + DAY), "email")
    assert sent_since(state, NOW - 1, "s") == 3
    assert sent_since(state, NOW, "s") == 2
    assert sent_since(state, NOW - 1, "s", "sms") == 2
    assert sent_since(state, NOW - 1, "s", "email") == 1
    assert sent_since(state, NOW + DAY, "s") == 0


@pytest.mark.parametrize("channel", CHANNELS)
def test_every_channel_is_told_from_the_others(channel: str) -> None:
    state = spent(command("1"), channel=channel)
    assert [other for other in CHANNELS if sent_since(state, 0, "s", other)] == [channel]


def test_the_lane_proactive_is_counted_over_all_strategies() -> None:
    state = spent(
        command("1", lane="proactive"), command("2", strategy="other", lane="proactive"), command("3")
    )
    assert sent_since(state, NOW - 1, None) == 2


def test_the_same_command_counts_once() -> None:
    assert sent_since(spent(command("1"), command("1", NOW + 1)), 0, "s") == 1


def test_only_a_definite_failure_releases_a_command() -> None:
    for status in ("accepted", "sent", "delivered", "unknown"):
        state = spent(command("1"))
        settle(state, "1", status)
        assert sent_since(state, 0, "s") == 1
    settle(state := spent(command("1", lane="proactive")), "1", "failed")
    assert (sent_since(state, 0, "s"), sent_since(state, 0, None)) == (0, 0)


def test_receipts_in_any_order_and_twice_leave_the_same() -> None:
    for told in (("accepted", "sent", "failed"), ("unknown", "failed"), ("accepted", "failed", "delivered")):
        left = set()
        for order in permutations((*told, *told)):
            state = spent(command("1"))
            for status in order:
                settle(state, "1", status)
            left.add(state.spent)
        assert len(left) == 1
        assert sent_since(state, 0, "s") == ("delivered" in told)


def test_a_command_that_is_not_in_the_ledger_changes_nothing() -> None:
    state = spent(command("1"))
    before = state.spent
    settle(state, "2", "failed")
    assert state.spent == before


def test_the_union_of_two_ledgers_does_not_depend_on_which_takes_in_which() -> None:
    random = Random(7)
    for _ in range(200):
        names = [str(random.randrange(12)) for _ in range(16)]
        ledgers = [
            spent(*(command(name, NOW + random.randrange(9)) for name in half))
            for half in (names[:8], names[8:])
        ]
        for state in ledgers:
            for name in names:
                settle(state, name, random.choice(["accepted", "failed", "delivered"]))
        one, two = (state.spent for state in ledgers)
        unite(ledgers[0], two)
        unite(ledgers[1], one)
        assert ledgers[0].spent == ledgers[1].spent
        assert len(ledgers[0].spent) == 24 * len(set(names))
        unite(ledgers[0], two)
        assert ledgers[0].spent == ledgers[1].spent


def test_a_failure_told_to_one_of_two_records_counts_for_both() -> None:
    one, two = spent(command("1")), spent(command("1"))
    settle(two, "1", "failed")
    unite(one, two.spent)
    assert sent_since(one, 0, "s") == 0


def test_what_another_record_had_brought_is_taken_out_again() -> None:
    state, other = spent(command("1")), spent(command("2"))
    unite(state, other.spent)
    settle(state, "2", "delivered")
    take_out(state, other.spent)
    assert state.spent == spent(command("1")).spent


def test_a_full_ledger_says_that_it_cannot_tell() -> None:
    state = spent(*(command(str(number), NOW + number) for number in range(ROWS)))
    assert sent_since(state, NOW, "s") == ROWS - 1
    reserve(state, command("one more", NOW + ROWS), "sms")
    assert len(state.spent) == 24 * ROWS
    assert sent_since(state, NOW, "s") is None
    assert sent_since(state, NOW + 1, "s") == ROWS - 1


def test_a_full_ledger_keeps_what_another_brought() -> None:
    state = spent(*(command(str(number), NOW + number) for number in range(ROWS)))
    other = spent(command("other", NOW + 1))
    unite(state, other.spent)
    before = state.spent
    take_out(state, other.spent)
    assert state.spent == before


def test_what_no_cap_reaches_is_forgotten() -> None:
    state = spent(command("1"), command("2", NOW + DAY))
    forget_sent(state, NOW + 1)
    assert state.spent == spent(command("2", NOW + DAY)).spent
