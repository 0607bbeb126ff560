"""Finding what is known of a customer: in this worker's tables, or by asking the worker that owns the partition.

What an owner is asked takes one step only (an identifier to its customer, an alias to the next customer, a
record, rows), and it asks nobody in turn. The worker that was asked first puts the steps together.
"""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from itertools import islice
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from pipeline.agents.decisions import Decisions
from pipeline.api.tallying import count_page
from pipeline.domain import state as states
from pipeline.domain.card import Card, card_of, plain
from pipeline.domain.evidence import CUSTOMER_NUMBER, IdentityRecord
from pipeline.domain.failures import Failure
from pipeline.runtime.partition import TablePartition
from pipeline.runtime.tables import Table
from pipeline.runtime.workers import Workers, partition_of
from pipeline.settings import Settings

FORWARDED = "throughline-forwarded-by"
_TIMEOUT_S = 2.0
_ALIASES = 16


class Lookup:
    """Answers of one worker. Every answer is a tree of plain values, or a Failure.

    Codes of failures: `not_found`, `shared`, `recovering` and `unreachable` (both pass), `refused`, `circle`. What
    is shown may be some milliseconds ahead of what is committed.
    """

    def __init__(
        self, settings: Settings, token: str, decisions: Decisions, identities: Table, workers: Workers
    ) -> None:
        self._settings = settings
        self._decisions = decisions
        self._identities = identities
        self._workers = workers
        # Workers speak plain HTTP with each other: certificates, which take long to load, are not needed.
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}", FORWARDED: settings.worker_id},
            timeout=_TIMEOUT_S,
            trust_env=False,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    async def close(self) -> None:
        """Close the connections to other workers."""
        await self._client.aclose()

    # --- put together, over all workers --------------------------------------------------------------------

    async def customer(self, asked: str) -> Card | Failure:
        """`asked`, `merged_into` (the ids to which merges lead from there) and the `customer`'s card."""
        customer_id = asked
        chain: list[str] = []
        for _ in range(_ALIASES):
            found = await self._step("customers", customer_id)
            if isinstance(found, Failure) or found["customer"] is not None:
                return found if isinstance(found, Failure) else found | {"asked": asked, "merged_into": chain}
            customer_id = found["merged_into"][0]
            chain.append(customer_id)
        return Failure("circle", f"{asked} was merged more than {_ALIASES} times over: {', '.join(chain)}")

    async def by_identifier(self, key: str) -> Card | Failure:
        """As `customer`, of the customer whose the identifier `type:value` is."""
        found = await self._step("identities", key)
        number = key.removeprefix(f"{CUSTOMER_NUMBER}:")
        if isinstance(found, Failure) and (found.code != "not_found" or number == key):
            return found
        # A customer's number is their id, whether anything was ever said of the number or not.
        answer = await self.customer(number if isinstance(found, Failure) else found["customer_id"])
        return answer if isinstance(answer, Failure) else answer | {"asked": key}

    async def history(self, asked: str, limit: int) -> Card | Failure:
        """`asked`, `customer_id` and the latest `rows`, the newest first, those of customers merged into it too."""
        found = await self.customer(asked)
        if isinstance(found, Failure):
            return found
        card = found["customer"]
        ids = [card["customer_id"], *card["absorbed"]]
        parts = await asyncio.gather(*(self._step("history", one, limit) for one in ids))
        rows: dict[str, Card] = {}
        for part in parts:
            if isinstance(part, Failure):
                return part
            rows |= {row["event_id"]: row for row in part["rows"]}
        newest = sorted(rows.values(), key=lambda row: (row["occurred_at"], row["event_id"]), reverse=True)
        return {"asked": asked, "customer_id": card["customer_id"], "rows": newest[:limit]}

    async def attempts(self, number: int, strategy_id: str, after: str, begun_after: int) -> Card | Failure:
        """A page of the attempts of a strategy among the customers of a partition, as `count_page` gives it."""
        found = await self.attempts_here(number, strategy_id, after, begun_after)
        path = f"partitions/{number}/attempts/{quote(strategy_id, safe='')}"
        return await self._or_owner(
            found, number, f"{path}?after={quote(after, safe='')}&begun_after={begun_after}"
        )

    # --- one step, here ------------------------------------------------------------------------------------

    def here(self, what: str, key: str, limit: int = 0) -> Card | Failure:
        """One step of `customers`, `identities` or `history`, from this worker's own tables.

        Raises Unavailable when its disk fails it.
        """
        number = partition_of(key, self._settings.partitions)
        try:
            if what == "identities":
                return _identity(self._identities.partition(number), key)
            customers = self._decisions.customers(number)
        except KeyError:
            return _not_ready(number)
        if what == "history":
            # An id that goes on with a bar is another customer's.
            rows = (row for row in customers.history.latest(f"{key}|") if row.customer_id == key)
            return {"rows": [plain(row) for row in islice(rows, limit)]}
        return _customer(customers.states, key)

    async def attempts_here(
        self, number: int, strategy_id: str, after: str, begun_after: int
    ) -> Card | Failure:
        """As `attempts`, from this worker's own tables. Raises Unavailable when its disk fails it."""

        def records() -> TablePartition[states.CustomerState]:
            return self._decisions.customers(number).states

        try:
            return await count_page(records, strategy_id, after, begun_after)
        except KeyError:
            return _not_ready(number)

    # --- one step, wherever it is --------------------------------------------------------------------------

    async def _step(self, what: str, key: str, limit: int = 0) -> Card | Failure:
        quoted = quote(key, safe="")
        path = f"customers/{quoted}/history?limit={limit}" if what == "history" else f"{what}/{quoted}"
        number = partition_of(key, self._settings.partitions)
        return await self._or_owner(self.here(what, key, limit), number, path)

    async def _or_owner(self, answer: Card | Failure, number: int, path: str) -> Card | Failure:
        """The answer, or what the worker says that owns the partition if this one does not."""
        if not isinstance(answer, Failure) or answer.code != "recovering":
            return answer
        owner = self._workers.roster.owner(number)
        if owner is None or owner.worker_id == self._settings.worker_id:
            return answer
        return await self._ask(owner.worker_id, f"http://{owner.address}/{path}")

    async def _ask(self, worker_id: str, url: str) -> Card | Failure:
        try:
            response = await self._client.get(url)
            answer: Any = msgspec.json.decode(response.content)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            return Failure(
                "unreachable", f"worker {worker_id} does not answer ({type(error).__name__}); ask again"
            )
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            return Failure(
                "refused", f"worker {worker_id} has another token; give all workers one THROUGHLINE_API_TOKEN"
            )
        if response.is_success:
            return dict(answer)
        return msgspec.convert(answer["error"], Failure)


def _not_ready(number: int) -> Failure:
    return Failure("recovering", f"partition {number} is not ready on any worker yet; ask again")


def _identity(records: TablePartition[IdentityRecord], key: str) -> Card | Failure:
    record = records.peek(key)
    if record is None:
        return Failure("not_found", "no customer is known by this identifier")
    if record.rivals:
        holders = ", ".join([record.customer_id, *record.rivals])
        return Failure("shared", f"the identifier is shared by {holders}; ask for one of these")
    return {"identifier": key, "customer_id": record.customer_id}


def _customer(records: TablePartition[states.CustomerState], customer_id: str) -> Card | Failure:
    state = records.peek(customer_id)
    if state is None:
        return Failure("not_found", f"no customer {customer_id}")
    if state.merged_into is not None:
        return {"asked": customer_id, "merged_into": [state.merged_into], "customer": None}
    card = card_of(state, len(states.encode(state)))
    return {"asked": customer_id, "merged_into": [], "customer": card}
