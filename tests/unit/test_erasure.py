"""A customer who is forgotten: what goes, what is called back, and how somebody who comes back begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from domain_values import DAY, DEVICE, MINUTE, NOW, NUMBER, event, identified, profile, rules

from pipeline.agents.customers import EXPIRED_AT_ONCE, Customers, Marks
from pipeline.domain.actions import CancelAction
from pipeline.domain.erased_identity import erase_identifier
from pipeline.domain.erasure import customer_mark, identifier_mark
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import ActionReceipt, IdentifierErased, IdentityLink
from pipeline.domain.replay import Replay
from pipeline.domain.requests import EraseRequested, UnmergeRequested
from pipeline.domain.rows import HeldIdentifier, HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.traces import Traces, Trees
from pipeline.runtime.deadlines import Deadlines
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store

TICKET = """
strategy: help
version: 1
title: Help
lane: service_reply
entry: {on: web.form_field}
key: event.interaction_id
steps: [{id: ticket, on: web.form_field, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}]
"""
MAIL = Identifier("email", "maya@example.com", "asserted")
ANONYMOUS = provisional_id(DEVICE.key)


def request(at: int, customer_id: str = "C-1") -> EraseRequested:
    return EraseRequested(customer_id=customer_id, by="test", requested_at=at)


def lived() -> Replay:
    """A customer who came anonymously, told an address, logged in and got something decided."""
    replay = Replay(rules(TICKET), NOW)
    replay.fold(profile(), event("e1", NOW), event("e2", NOW + 1, identifiers=[DEVICE, MAIL]))
    replay.fold(event("e3", NOW + 2, identifiers=[DEVICE, NUMBER]), event("e4", NOW + 3, "form_field"))
    return replay


def test_everything_goes_and_only_marks_remain() -> None:
    replay = lived()
    assert ANONYMOUS in replay.customers()
    replay.fold(request(NOW + MINUTE))
    assert replay.customers() == []
    assert replay.identities() == []
    assert replay.rows == {}
    names = [DEVICE.key, MAIL.key, NUMBER.key, profile().identifiers[0].key]
    ids = ["C-1", ANONYMOUS]
    expected = {customer_mark(one, b"") for one in ids} | {identifier_mark(key, b"") for key in names}
    assert replay.suppressed == dict.fromkeys(expected, NOW + MINUTE)


def test_what_is_not_delivered_yet_is_called_back_and_the_rest_is_not() -> None:
    replay = lived()
    replay.fold(event("e5", NOW + 4, "form_field", interaction_id="other"))
    delivered, pending = [command.action_id for command in replay.commands]
    replay.fold(ActionReceipt(action_id=delivered, customer_id="C-1", status="delivered", at=NOW + 5))
    replay.fold(request(NOW + MINUTE))
    *_, last = replay.commands
    assert last.body == CancelAction(action_id=pending, reason="customer_erased")
    assert len(replay.commands) == 3


def test_a_request_under_an_id_that_was_merged_is_the_winners() -> None:
    replay = lived()
    replay.fold(request(NOW + MINUTE, ANONYMOUS))
    assert replay.customers() == []


def test_somebody_who_comes_back_begins_anew() -> None:
    replay = lived()
    replay.fold(request(NOW + MINUTE))
    back = event("e9", NOW + DAY, identifiers=[DEVICE, NUMBER])
    replay.fold(event("e1", NOW), back, event("e2", NOW + 1, identifiers=[DEVICE, MAIL]))
    (customer_id,) = replay.customers()
    state = replay.customer(customer_id)
    assert state is not None
    assert (customer_id, state.history.contacts, state.profile) == ("C-1", 1, None)
    assert replay.identities() == [DEVICE.key]


def test_the_same_request_again_does_not_touch_the_one_who_came_back() -> None:
    replay = lived()
    replay.fold(request(NOW + MINUTE), event("e9", NOW + DAY, identifiers=[DEVICE, NUMBER]))
    replay.fold(request(NOW + MINUTE))
    assert replay.customers() == ["C-1"]


def test_who_comes_back_and_is_merged_still_takes_in_nothing_from_before() -> None:
    replay = Replay(rules(TICKET), NOW)
    old = event("e1", NOW)
    replay.fold(old, request(NOW + MINUTE, ANONYMOUS))
    replay.now = NOW + DAY
    replay.fold(event("e8", NOW + DAY), event("e9", NOW + DAY, identifiers=[DEVICE, NUMBER]))
    replay.fold(identified(old, ANONYMOUS, known=False))
    assert [row.event_id for row in replay.rows.values() if isinstance(row, HistoryEntry)] == ["e8", "e9"]


def test_what_is_about_a_record_that_is_gone_makes_none() -> None:
    replay = lived()
    replay.fold(request(NOW + MINUTE))
    receipt = ActionReceipt(action_id="a", customer_id="C-1", status="failed", at=NOW + DAY)
    unmerge = UnmergeRequested(loser=ANONYMOUS, winner="C-1", rule="x", by="test", requested_at=NOW + DAY)
    replay.fold(receipt, unmerge, profile(updated_at=NOW))
    assert replay.customers() == []


def test_a_clock_from_before_1970_is_nobodys_erasure() -> None:
    replay = Replay(rules(TICKET), NOW)
    replay.fold(event("e1", -5))
    assert replay.identities() == [DEVICE.key]
    assert [row.occurred_at for row in replay.rows.values() if isinstance(row, HistoryEntry)] == [0]


def test_somebody_kept_apart_stays_and_forgets_the_name() -> None:
    replay = lived()
    replay.fold(UnmergeRequested(loser=ANONYMOUS, winner="C-1", rule="x", by="test", requested_at=NOW + 9))
    replay.fold(request(NOW + MINUTE))
    other = replay.customer(ANONYMOUS)
    assert other is not None
    assert other.apart == []


def test_evidence_of_an_erased_identifier_forgets_nobody_who_is_known() -> None:
    replay = lived()
    replay.fold(request(NOW + MINUTE), profile("C-2", identifiers=[]))
    claim = {"identifier": MAIL, "customer_id": "C-2", "source": "test", "linked_at": NOW}
    replay.fold(IdentityLink(known=False, **claim), IdentityLink(known=True, **claim))
    assert replay.customers() == ["C-2"]


def test_a_device_that_others_share_stays_theirs() -> None:
    erased = IdentifierErased(identifier=DEVICE, customers=["C-1"], erased_at=NOW)
    shared = IdentityRecord("C-1", True, "verified", 0, rivals=["C-2"], links={MAIL.key: "asserted:C-1"})
    left = erase_identifier(shared, erased)
    assert left == IdentityRecord("C-2", True, "verified", 0, erased_at=NOW)
    assert erase_identifier(IdentityRecord("C-1", True, "verified", 0), erased) is None
    assert erase_identifier(IdentityRecord("C-3", True, "verified", 0, former_ids=["C-1"]), erased) is None


def test_a_mark_tells_nothing_and_depends_on_the_secret() -> None:
    mark = customer_mark("C-1", b"secret")
    assert mark != customer_mark("C-1", b"another")
    assert mark != identifier_mark("C-1", b"secret")
    assert "C-1" not in mark


def test_an_identifier_in_the_hot_record_costs_no_row_a_second_time() -> None:
    replay = lived()
    replay.fold(event("e5", NOW + 5, identifiers=[DEVICE, MAIL, NUMBER]))
    rows = {key for key, row in replay.rows.items() if isinstance(row, HeldIdentifier)}
    replay.rows.clear()
    replay.fold(event("e6", NOW + 6, identifiers=[DEVICE, MAIL, NUMBER]))
    assert [row for row in replay.rows.values() if isinstance(row, HeldIdentifier)] == []
    assert {f"C-1|{NUMBER.key}", f"C-1|{MAIL.key}"} <= rows


class App:
    """As much of an app as tables need."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.tables: dict[str, TablePartition[Any]] = {}

    def Table(self, name: str, value_type: Any, **_: Any) -> App:
        encode: Any = bytes if value_type is bytes else msgspec.msgpack.encode
        decode: Any = bytes if value_type is bytes else msgspec.msgpack.Decoder(value_type).decode
        self.tables[name] = TablePartition(name, 0, Store(self._directory / name), encode, decode, 100)
        return _Named(self.tables[name])  # type: ignore[return-value]

    def commit(self) -> None:
        for table in self.tables.values():
            table.store.write(table.swap(), 1)
            table.settle()


class _Named:
    def __init__(self, only: TablePartition[Any]) -> None:
        self._only = only

    def partition(self, _: int) -> TablePartition[Any]:
        return self._only


def customers_in(directory: Path) -> tuple[App, Customers]:
    app: Any = App(directory)
    tables = [
        app.Table(name, value_type).partition(0)
        for name, value_type in (
            ("sessions", CustomerState),
            ("history", HistoryEntry),
            ("identifiers", HeldIdentifier),
            ("deadlines", bytes),
        )
    ]
    states, history, identifiers, due = tables
    return app, Customers(0, states, history, identifiers, Deadlines(due), Marks(app, b""))


def entry(customer_id: str, at: int, name: str = "e") -> HistoryEntry:
    return HistoryEntry(
        customer_id=customer_id, event_id=name, occurred_at=at, channel="web", kind="x", interaction_id="i"
    )


def test_old_rows_expire_and_reading_stops_at_the_first_younger_one(tmp_path: Path) -> None:
    app, customers = customers_in(tmp_path)
    for one in (entry("C-1", 1), entry("C-1", 5), entry("C-1", 9), entry("C-1|x", 1), entry("C-2", 1)):
        customers.history.put(one.key, one)
    app.commit()
    assert customers.expire("C-1", before=5) == 1
    app.commit()
    left = [(row.customer_id, row.occurred_at) for _, row in customers.history.scan()]
    assert left == [("C-1", 5), ("C-1", 9), ("C-1|x", 1), ("C-2", 1)]
    assert customers.expire("C-1", before=5) == 0


def test_the_sweep_reaches_everybody_a_few_at_a_time(tmp_path: Path) -> None:
    app, customers = customers_in(tmp_path)
    for number in range(10):
        for at in (1, 2, 100):
            customers.history.put(entry(f"C-{number}", at).key, entry(f"C-{number}", at))
    for number in range(EXPIRED_AT_ONCE + 5):
        customers.history.put(entry("D", 1, f"e{number}").key, entry("D", 1, f"e{number}"))
    app.commit()
    expired = []
    for _ in range(8):
        expired.append(customers.sweep(before=50, customers=4))
        app.commit()
    assert expired[:3] == [8, 8, 4 + EXPIRED_AT_ONCE]
    assert sum(expired) == 20 + EXPIRED_AT_ONCE + 5
    assert [row.occurred_at for _, row in customers.history.scan()] == [100] * 10


def test_traces_are_found_in_every_table_and_gone_afterwards(tmp_path: Path) -> None:
    trees = Trees()
    alias = CustomerState("p", merged_into="C-1")
    trees.see("p", msgspec.msgpack.encode(alias))
    trees.see("C-1", msgspec.msgpack.encode(CustomerState("C-1")))
    assert trees.all_of("p") == ["C-1", "p"]
    traces = Traces(trees.all_of("p"), b"")
    held = HeldIdentifier(customer_id="p", identifier=MAIL, seen_at=1)
    stored: list[tuple[str, str, Any]] = [
        ("sessions", "p", alias),
        ("history", entry("C-1", 1).key, entry("C-1", 1)),
        ("history", entry("C-2", 1).key, entry("C-2", 1)),
        ("identifiers", held.key, held),
        ("identities", DEVICE.key, IdentityRecord("p", False, "observed", 1)),
        ("deadlines", f"{1:015d}|C-1", b""),
    ]
    for table, key, value in stored:
        traces.see(table, key, value if value == b"" else msgspec.msgpack.encode(value))
    assert {table: len(keys) for table, keys in traces.left.items()} == {
        "sessions": 1,
        "identifiers": 1,
        "history": 1,
        "deadlines": 1,
        "identities": 1,
    }
    for table, key, _ in stored:
        assert not traces.forgotten(NOW)
        traces.see_after(table, key, None, NOW)
    assert not traces.forgotten(NOW)
    for mark in traces.marks():
        traces.see_after("suppressed", mark, msgspec.msgpack.encode(NOW), NOW)
    assert traces.forgotten(NOW)
    assert len(traces.marks()) == 4
