"""The API of a worker over its real tables: who is answered, what with, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from domain_values import NOW, event, rules
from starlette.testclient import TestClient

from pipeline.api.lookup import FORWARDED, Lookup
from pipeline.api.routes import MAX_KEY, make_api
from pipeline.app import wire
from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.redaction import MASK
from pipeline.domain.rows import HistoryEntry
from pipeline.domain.sessions import touch_session
from pipeline.domain.state import Anchor, Attempt, CustomerState
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.store import Store, StoreError
from pipeline.runtime.workers import Workers, partition_of
from pipeline.settings import Settings
from pipeline.wire.codec import Codec
from pipeline.wire.workers import WorkerStatus

TOKEN = "t-0123456789"
PARTITIONS = 6
# The partition of another worker: none of the other keys here is in it.
FOREIGN = 2
ELSEWHERE = next(f"C-{n}" for n in range(100) if partition_of(f"C-{n}", PARTITIONS) == FOREIGN)
OWN = [number for number in range(PARTITIONS) if number != FOREIGN]


class Worker:
    """An app that is not started, with the tables of all partitions but the foreign one open on a disk."""

    def __init__(self, directory: Path) -> None:
        settings = Settings(state_dir=directory, worker_id="w1", partitions=PARTITIONS)
        self.app, self.decisions = wire(settings, rules())
        self.stores: list[Store] = []
        self.tables = self.app.tables._tables
        for name, table in self.tables.items():
            for number in OWN:
                self.stores.append(Store(directory / name / str(number)))
                table.partitions[number] = TablePartition(
                    name, number, self.stores[-1], table._encode, table._decode, 100
                )
        self.workers = Workers(settings, Codec())
        lookup = Lookup(settings, TOKEN, self.decisions, self.tables["identities"], self.workers)
        api = make_api(lookup, TOKEN, PARTITIONS, lambda: self.workers.roster, lambda: True)
        self.client = TestClient(api, headers={"Authorization": f"Bearer {TOKEN}"})

    def put(self, table: str, key: str, value: Any) -> None:
        self.tables[table].partition(partition_of(key, PARTITIONS)).put(key, value)

    def keep(self, state: CustomerState) -> None:
        self.put("sessions", state.customer_id, state)

    def note(self, customer_id: str, at: int) -> None:
        """Append a row to a customer's history."""
        row = HistoryEntry(
            customer_id=customer_id,
            event_id=f"e-{at}",
            occurred_at=at,
            channel="web",
            kind="page_viewed",
            interaction_id="v",
            subject="Maya's shirt",
        )
        number = partition_of(customer_id, PARTITIONS)
        self.tables["history"].partition(number).put(row.key, row)

    def get(self, path: str, status: int = 200, **headers: str) -> Any:
        response = self.client.get(path, headers=headers)
        assert response.status_code == status, response.text
        assert response.headers["content-type"] == "application/json"
        return response.json() if status == 200 else response.json()["error"]["code"]


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    made = Worker(tmp_path)
    yield made
    for store in made.stores:
        store.close()


def test_a_customer_is_shown_with_the_session_and_the_size_of_the_record(worker: Worker) -> None:
    state = CustomerState("C-1")
    touch_session(state, event("a"))
    worker.keep(state)
    answer = worker.get("/customers/C-1")
    assert (answer["asked"], answer["merged_into"]) == ("C-1", [])
    assert [one["started_at"] for one in answer["customer"]["sessions"]] == [state.sessions[0].started_at]
    assert answer["customer"]["bytes"] > 0


def test_an_alias_leads_to_the_customer_and_tells_the_way(worker: Worker) -> None:
    worker.keep(CustomerState("p-1", merged_into="p-2"))
    worker.keep(CustomerState("p-2", merged_into="C-1"))
    worker.keep(CustomerState("C-1"))
    answer = worker.get("/customers/p-1")
    assert (answer["asked"], answer["merged_into"]) == ("p-1", ["p-2", "C-1"])
    assert answer["customer"]["customer_id"] == "C-1"


def test_a_circle_of_aliases_ends(worker: Worker) -> None:
    worker.keep(CustomerState("p-1", merged_into="p-2"))
    worker.keep(CustomerState("p-2", merged_into="p-1"))
    assert worker.get("/customers/p-1", 500) == "circle"


def test_an_identifier_leads_to_its_customer_however_it_is_spelt(worker: Worker) -> None:
    worker.put("identities", "email:maya@example.com", IdentityRecord("C-1", True, "verified", NOW))
    worker.keep(CustomerState("C-1"))
    answer = worker.get("/identifiers/email:Maya@Example.com")
    assert (answer["asked"], answer["customer"]["customer_id"]) == ("email:maya@example.com", "C-1")


def test_a_customer_number_is_the_customers_id(worker: Worker) -> None:
    worker.keep(CustomerState("C-1"))
    assert worker.get("/identifiers/customer_number:C-1")["customer"]["customer_id"] == "C-1"


def test_a_shared_identifier_is_nobodys(worker: Worker) -> None:
    shared = IdentityRecord("C-1", True, "verified", NOW, rivals=["C-2"])
    worker.put("identities", "phone:+442079460018", shared)
    assert worker.get("/identifiers/phone:+442079460018", 409) == "shared"


def test_the_history_is_that_of_all_who_were_merged_newest_first(worker: Worker) -> None:
    worker.keep(CustomerState("C-1", absorbed=["p-1", "p-2"]))
    worker.keep(CustomerState("p-1", merged_into="C-1"))
    for at, customer_id in enumerate(("C-1", "p-1", "C-1", "p-2", "p-1"), NOW):
        worker.note(customer_id, at)
    worker.note("C-1|x", NOW + 9)  # another customer, whose id only begins alike
    for asked in ("C-1", "p-1"):
        answer = worker.get(f"/customers/{asked}/history?limit=4")
        assert [row["occurred_at"] - NOW for row in answer["rows"]] == [4, 3, 2, 1]
        assert answer["customer_id"] == "C-1"


def test_attempts_in_flight_are_counted_on_disk_by_the_worker_that_has_the_partition(worker: Worker) -> None:
    entry = Anchor("e-1", "web", "form_started", "visit", NOW)
    running = Attempt("greeting", 2, "order-1", "C-1", NOW, entry, done={"help": 1})
    worker.keep(CustomerState("C-1", attempts={"greeting|order-1": running}))
    home = partition_of("C-1", PARTITIONS)
    kept = worker.tables["sessions"].partition(home)
    kept.store.write(kept.swap(), 1)
    kept.settle()
    for number in OWN:
        answer = worker.get(f"/partitions/{number}/attempts/greeting?begun_after={NOW - 1}")
        tally = {"attempts": 1, "steps": {"help": {"done": 1, "waiting": 0}}}
        assert answer["versions"] == ({"2": tally} if number == home else {})
        assert (answer["looked_at"], answer["next"]) == (int(number == home), None)
    assert worker.get(f"/partitions/{home}/attempts/greeting?begun_after={NOW}")["versions"] == {}
    assert worker.get(f"/partitions/{home}/attempts/greeting?after=C-1")["looked_at"] == 0
    assert worker.get(f"/partitions/{FOREIGN}/attempts/greeting", 503) == "recovering"


def test_what_is_redacted_has_no_words_of_the_customer(worker: Worker) -> None:
    worker.keep(CustomerState("C-1"))
    worker.note("C-1", NOW)
    row = worker.get("/customers/C-1/history?redact=1")["rows"][0]
    assert (row["subject"], row["kind"]) == (MASK, "page_viewed")
    assert worker.get("/customers/C-1?redact=1")["asked"] == MASK


@pytest.mark.parametrize(
    "path",
    [
        "/customers/nobody",
        "/identifiers/email:nobody@example.com",
        "/elsewhere",
        f"/partitions/{PARTITIONS}/attempts/greeting",
        "/partitions/x/attempts/greeting",
    ],
)
def test_what_is_not_there_is_not_found(worker: Worker, path: str) -> None:
    assert worker.get(path, 404) == "not_found"


@pytest.mark.parametrize(
    "path",
    [
        "/identifiers/maya",
        "/identifiers/email:maya",
        "/identifiers/phone:5",
        f"/customers/{'x' * (MAX_KEY + 1)}",
        f"/identifiers/email:{'x' * MAX_KEY}@example.com",
        "/customers/C-1/history?limit=0",
        "/customers/C-1/history?limit=501",
        "/customers/C-1/history?limit=999999999999999999999",
        "/customers/C-1/history?limit=%C2%B2",
        "/customers/C-1?redact=yes",
        "/partitions/0/attempts/greeting?begun_after=-1",
        f"/partitions/0/attempts/greeting?begun_after={'9' * 16}",
        f"/partitions/0/attempts/{'x' * (MAX_KEY + 1)}",
        f"/partitions/0/attempts/greeting?after={'x' * (MAX_KEY + 1)}",
    ],
)
def test_what_cannot_be_asked_is_refused(worker: Worker, path: str) -> None:
    worker.keep(CustomerState("C-1"))
    assert worker.get(path, 400) in ("bad_request", "bad_identifier")


def test_it_only_reads(worker: Worker) -> None:
    response = worker.client.post("/customers/C-1")
    assert (response.status_code, response.json()["error"]["code"]) == (405, "not_allowed")


@pytest.mark.parametrize(
    "path",
    [
        "/customers/C-1",
        "/customers/C-1/history",
        "/identifiers/device:d",
        "/partitions/0/attempts/greeting",
        "/workers",
    ],
)
@pytest.mark.parametrize("given", ["", TOKEN, "Bearer ", "Bearer wrong", f"Bearer {TOKEN}x", "Bearer tök"])
def test_without_the_token_nothing_is_told(worker: Worker, path: str, given: str) -> None:
    worker.keep(CustomerState("C-1"))
    response = worker.client.get(path, headers=[(b"Authorization", given.encode())])
    assert (response.status_code, response.json()["error"]["code"]) == (401, "unauthorised")
    assert response.headers["www-authenticate"] == "Bearer"


def test_health_needs_no_token(worker: Worker) -> None:
    assert worker.get("/health", Authorization="") == {"status": "ready"}


def test_a_partition_that_is_on_its_way_can_be_asked_for_again(worker: Worker) -> None:
    response = worker.client.get(f"/customers/{ELSEWHERE}")
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json()["error"]["code"] == "recovering"


def test_an_owner_that_does_not_answer_can_be_asked_for_again(worker: Worker) -> None:
    gone = WorkerStatus(
        worker_id="w2", address="127.0.0.1:1", partitions=[FOREIGN], started_at=1, updated_at=1
    )
    worker.workers.roster = worker.workers.roster.told("w2", gone)
    assert worker.get(f"/customers/{ELSEWHERE}", 503) == "unreachable"


def test_who_is_asked_by_a_worker_asks_nobody(worker: Worker) -> None:
    """Its roster names an owner, who would not answer: it says itself that it does not know."""
    gone = WorkerStatus(
        worker_id="w2", address="127.0.0.1:1", partitions=[FOREIGN], started_at=1, updated_at=1
    )
    worker.workers.roster = worker.workers.roster.told("w2", gone)
    asked_by = {FORWARDED: "w3"}
    assert worker.get(f"/customers/{ELSEWHERE}", 503, **asked_by) == "recovering"
    worker.keep(CustomerState("p-1", merged_into=ELSEWHERE))
    assert worker.get("/customers/p-1", **asked_by)["customer"] is None


def test_a_disk_that_fails_is_said(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Store, key: bytes) -> bytes | None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(Store, "get", fails)
    assert worker.get("/customers/C-1", 503) == "unavailable"


def test_looking_keeps_nothing_in_memory(worker: Worker) -> None:
    for number in range(50):
        worker.client.get(f"/customers/nobody-{number}")
    assert not any(worker.decisions.customers(n).states._cache for n in OWN)
