"""A redacted card has nothing in it that tells who the customer is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.card import card_of, plain
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Attachment, Identifier
from pipeline.domain.redaction import MASK, redacted
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.state import (
    About,
    Anchor,
    Attempt,
    CustomerState,
    GoingOn,
    History,
    Seen,
    Session,
    Stated,
    Thread,
    Told,
    Wait,
)

# Words that stand nowhere in a card by themselves.
secret = st.text("QXZÄ樂 -@/:", min_size=8, max_size=20)
PHONE = 447_946_001_812_345


class Secrets:
    """Makes a secret of its own at every call, and remembers it."""

    def __init__(self, word: str) -> None:
        self._word = word
        self.told: list[str] = []

    def __call__(self) -> str:
        self.told.append(f"{self._word}{len(self.told)}!")
        return self.told[-1]


def filled(told: Secrets) -> CustomerState:
    """A customer with something personal wherever a customer's words, names, addresses or numbers can be."""
    anchor = Anchor(told(), "social", "message", told(), 5, reply_to=told())
    return CustomerState(
        "C-1",
        known=True,
        profile=Profile(
            customer_id="C-1",
            name=told(),
            tier="gold",
            postcode=told(),
            preferences={"call_me": told()},
            identifiers=[Identifier("email", f"{told()}@example.com", "verified")],
        ),
        sessions=[Session("s", 1, 2, 3, 4, {"web": 4})],
        going_on={
            "chat:1": GoingOn("chat", told(), 1, 2, "message", events=1, queue="returns", adviser=told()),
            "web:1": GoingOn("web", told(), 1, 2, "form_submitted", "return/size", ended=True),
        },
        threads=[
            Thread(
                "t",
                1,
                2,
                subject=told(),
                facts={
                    "size": told(),
                    "address": told(),
                    "phone": PHONE,
                    "gift": True,
                },
                refs=[f"case:{told()}"],
                attachments=[Attachment(f"https://files.example.com/{told()}", "image/jpeg", 7)],
                advisers=[told()],
                told={"size": Told(1, f"web:{told()}")},
                counted_as=told(),
            )
        ],
        history=History(
            contacts=3,
            orders={told(): {"status": "delivered", "to": told()}},
            about={told(): About(1, 0, 2)},
            last_adviser=told(),
            stated={"language": Stated(1, told())},
        ),
        attempts={
            "x": Attempt("refund", 1, told(), told(), 1, anchor, waits={"ask": Wait(due=9, anchor=anchor)})
        },
        identifiers={"phone:1": Seen(Identifier("phone", f"+{told()}", "verified"), 4)},
        actions={"a-1": "sent"},
    )


def words(tree: Any) -> str:
    return json.dumps(msgspec.to_builtins(tree), ensure_ascii=False)


@given(secret)
def test_nothing_personal_of_a_filled_record_is_left(word: str) -> None:
    told = Secrets(word)
    answer = {"asked": f"email:{told()}", "merged_into": ["C-1"], "customer": card_of(filled(told), 1_000)}
    entry = HistoryEntry(
        customer_id="C-1",
        event_id=told(),
        occurred_at=1,
        channel="web",
        kind="message",
        interaction_id=told(),
        subject=told(),
        adviser=told(),
    )
    rows = {"asked": "C-1", "customer_id": "C-1", "rows": [plain(entry)]}
    everything, shown = words([answer, rows]), words([redacted(answer), redacted(rows)])
    for one in (*told.told, str(PHONE)):
        assert one in everything
        assert one not in shown


@given(st.recursive(secret, lambda inner: st.lists(inner) | st.dictionaries(secret, inner), max_leaves=20))
def test_what_nobody_has_thought_of_is_masked(value: Any) -> None:
    left = redacted({"customer": {"invented_later": value}})["customer"]["invented_later"]
    assert not _leaves(left) - {MASK}


def _leaves(tree: Any) -> set[Any]:
    if isinstance(tree, dict):
        tree = list(tree.values())
    return set().union(*map(_leaves, tree)) if isinstance(tree, list) else {tree}


def test_what_is_going_on_can_still_be_seen() -> None:
    card = redacted(card_of(filled(Secrets("Maya")), 1_000))
    now, thread = card["now"][0], card["threads"][0]
    assert (now["channel"], now["kind"], now["queue"]) == ("chat", "message", "returns")
    assert (thread["thread_id"], list(thread["facts"])) == ("t", ["size", "address", "phone", "gift"])
    assert thread["attachments"][0] == {"uri": MASK, "media_type": "image/jpeg", "size": 7}
    assert card["identifiers"] == [{"type": "phone", "value": MASK, "assurance": "verified", "last_at": 4}]
    assert (card["customer_id"], card["bytes"], card["actions"]) == ("C-1", 1_000, {"a-1": "sent"})


def test_what_is_absent_stays_absent() -> None:
    card = redacted(card_of(CustomerState("p-1"), 90))
    assert (card["profile"], card["now"], card["history"]["last_adviser"]) == (None, [], None)
