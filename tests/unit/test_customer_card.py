"""A customer's card on a terminal: everything at sight, whatever the customer wrote."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from domain_values import HOUR, MINUTE, NOW
from rich.console import Console
from test_redaction import Secrets, filled

from pipeline.cli.card import print_card
from pipeline.domain.card import card_of
from pipeline.domain.redaction import MASK, redacted
from pipeline.domain.state import CustomerState, GoingOn, Thread

ROW = {
    "occurred_at": NOW,
    "channel": "web",
    "kind": "page_viewed",
    "subject": "[red]shirts[/red]",
    "late": True,
}


def printed(state: CustomerState, redact: bool = False, **answer: Any) -> str:
    shown = {"asked": state.customer_id, "merged_into": [], **answer, "customer": card_of(state, 2_345)}
    console = Console(file=StringIO(), width=200)
    print_card(console, redacted(shown) if redact else shown, redacted([ROW]) if redact else [ROW], NOW)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_what_the_customer_does_and_waits_for_is_at_the_top() -> None:
    call = GoingOn("voice", "call-1", NOW - HOUR, NOW - MINUTE, "queued", queue="returns", adviser="Ines")
    call.queued_at = NOW - 5 * MINUTE
    text = printed(CustomerState("C-1", going_on={"voice:call-1": call}))
    now = text.split("\nNow\n")[1].split("\nSessions\n")[0]
    assert all(part in now for part in ("voice", "queued", "returns, 5 min ago", "1 min ago", "Ines"))


def test_a_thread_shows_what_was_told_and_what_was_done() -> None:
    thread = Thread("t-1", NOW, NOW, "wrong size", {"order_id": "1001"}, ["social"], ["refund/pay"])
    thread.intent, thread.confidence = "return_item", 0.914
    text = printed(CustomerState("C-1", threads=[thread]))
    expected = ("t-1", "open", "wrong size · return_item (91%)", "order_id 1001", "refund/pay")
    assert all(part in text for part in expected)


def test_an_alias_says_where_it_led() -> None:
    assert "p-1 was merged into p-2 → C-1" in printed(
        CustomerState("C-1"), asked="p-1", merged_into=["p-2", "C-1"]
    )


def test_what_customers_wrote_is_no_markup() -> None:
    assert "[red]shirts[/red] · late" in printed(CustomerState("C-1"))


@pytest.mark.parametrize("redact", [False, True])
def test_a_filled_card_can_be_printed_open_and_redacted(redact: bool) -> None:
    told = Secrets("Maya")
    text = printed(filled(told), redact)
    assert (MASK in text) == redact
    assert any(one in text for one in told.told) != redact
    assert "return/size" not in text and "2,345 bytes" in text


@pytest.mark.parametrize("at", [-1, 0, 2**62])
def test_a_time_that_no_calendar_holds_is_shown_as_it_is(at: int) -> None:
    printed(CustomerState("C-1", threads=[Thread("t-1", at, at)]))


def test_of_a_customer_of_whom_nothing_is_known_there_is_nothing_to_show() -> None:
    text = printed(CustomerState("p-1"))
    assert "p-1 · provisional" in text and text.count("  nothing\n") >= 3
