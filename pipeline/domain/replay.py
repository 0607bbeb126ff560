"""The whole pipeline as a fold in memory: the same functions as the agents', topics as one queue, tables as dicts.

Every state goes through MessagePack between two messages, so that nothing depends on objects staying the same,
unless it is told to keep them as they are, which is what a worker does between two commits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from heapq import heappop, heappush
from typing import TypeVar

from pipeline.domain import evidence, identity
from pipeline.domain import state as states
from pipeline.domain.customer import Message as AboutCustomer
from pipeline.domain.customer import fire, handle
from pipeline.domain.customers import Profile
from pipeline.domain.erased_identity import begun_anew, unheard
from pipeline.domain.erasure import customer_mark, forgotten, identifier_mark, turned_away
from pipeline.domain.intents import Recogniser, recognised
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import (
    ActionCommand,
    Decision,
    IdentifiedInteraction,
    IdentifierErased,
    IdentityChange,
    IdentityLink,
    Output,
    SessionClosed,
)
from pipeline.domain.requests import EraseRequested
from pipeline.domain.rows import Forget, HeldIdentifier, HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.telling import concerned

Message = Interaction | IdentityLink | IdentifierErased | AboutCustomer
"""What topics carry."""
RecordT = TypeVar("RecordT")


class _Packed(MutableMapping[str, RecordT]):
    """Records that are kept as bytes: what is read is never what was written, but equal to it."""

    def __init__(self, encode: Callable[[RecordT], bytes], decode: Callable[[bytes], RecordT]) -> None:
        self._encode = encode
        self._decode = decode
        self._kept: dict[str, bytes] = {}

    def __getitem__(self, key: str) -> RecordT:
        return self._decode(self._kept[key])

    def __setitem__(self, key: str, record: RecordT) -> None:
        self._kept[key] = self._encode(record)

    def __delitem__(self, key: str) -> None:
        del self._kept[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)


class Replay:
    """Folds messages at the time `now` (epoch milliseconds), and what falls due when time goes on.

    Attributes:
        now: the time; it is only ever set forward.
        rules: what is live; others may be set between two messages.
        commands, decisions, changes, closed: what went to those topics, in order.
        rows: the rows of the tables beside the hot record, by key.
        suppressed: up to when nothing is taken in, by mark of a customer or identifier that is forgotten.
    """

    def __init__(
        self, rules: Rules, now: int, recogniser: Recogniser | None = None, packed: bool = True
    ) -> None:
        """Begin with nothing known. When not `packed`, records are kept as they are, which is faster."""
        self.now = now
        self.commands: list[ActionCommand] = []
        self.decisions: list[Decision] = []
        self.changes: list[IdentityChange] = []
        self.closed: list[SessionClosed] = []
        self.rows: dict[str, HistoryEntry | HeldIdentifier] = {}
        self.suppressed: dict[str, int] = {}
        self.rules = rules
        self._recogniser = recogniser
        self._identities: MutableMapping[str, evidence.IdentityRecord] = (
            _Packed(evidence.encode, evidence.decode) if packed else {}
        )
        self._customers: MutableMapping[str, CustomerState] = (
            _Packed(states.encode, states.decode) if packed else {}
        )
        self._due: dict[str, int] = {}
        # In time order; what is no longer in `_due` is passed over.
        self._dues: list[tuple[int, str]] = []

    def fold(self, *messages: Message) -> None:
        """Handle messages and all that comes of them, in the order in which they came."""
        queue: deque[Message] = deque(messages)
        while queue:
            queue.extend(self.step(queue.popleft()))

    def step(self, message: Message) -> list[Message]:
        """Handle one message; what comes of it under other keys, which have not been reached yet."""
        if isinstance(message, Interaction | IdentityLink | IdentifierErased):
            return self._put_out(self._identity(message))
        left = self._put_out(self._customer(message))
        if self._recogniser is not None and isinstance(message, IdentifiedInteraction):
            found = recognised(self._recogniser, message)
            left += [] if found is None else [found]
        return left

    def advance(self, to: int) -> None:
        """Let the time pass until `to`; what falls due does so at its time."""
        begin = sorted(one.from_at for one in self.rules.circumstances if self.now < one.from_at <= to)
        for at in begin:
            self._fire(at)
            self.look_at_circumstances()
        self._fire(to)

    def look_at_circumstances(self) -> None:
        """Let circumstances begin and end for customers of whom nothing is heard."""
        for customer_id in list(self._due):
            state = self._customers[customer_id]
            if concerned(state, self.now, self.rules):
                state.next_due = self.now
                self._keep(state)
        self._fire(self.now)

    def _fire(self, to: int) -> None:
        while self._dues and self._dues[0][0] <= to:
            due, customer_id = heappop(self._dues)
            if self._due.get(customer_id) != due:
                continue
            del self._due[customer_id]
            self.now = max(self.now, due)
            state = self._customers[customer_id]
            outputs = fire(state, self.now, self.rules)
            self._keep(state)
            self.fold(*self._put_out(outputs))
        self.now = max(self.now, to)

    def customer(self, customer_id: str) -> CustomerState | None:
        """A customer's hot record, None when there is none."""
        return self._customers.get(customer_id)

    def customers(self) -> list[str]:
        """The ids of all customers who have a record."""
        return sorted(self._customers)

    def identities(self) -> list[str]:
        """The keys of all identifiers that have a record."""
        return sorted(self._identities)

    def identity(self, key: str) -> evidence.IdentityRecord | None:
        """The record of an identifier (`type:value`), None when there is none."""
        return self._identities.get(key)

    def _put_out(self, outputs: Iterable[Output]) -> list[Message]:
        """Keep the rows, and what nobody in the pipeline reads; what is left is for other keys."""
        left: list[Message] = []
        for output in outputs:
            match output:
                case ActionCommand():
                    self.commands.append(output)
                case Decision():
                    self.decisions.append(output)
                case IdentityChange():
                    self.changes.append(output)
                case SessionClosed():
                    self.closed.append(output)
                case HistoryEntry() | HeldIdentifier():
                    self.rows[output.key] = output
                case Forget():
                    left.extend(self._forget(output))
                case _:
                    left.append(output)
        return left

    def _identity(self, message: Interaction | IdentityLink | IdentifierErased) -> list[Output]:
        key = message.key
        mark = identifier_mark(key, b"")
        record = self.identity(key)
        erased_at = self.suppressed.get(mark, -1) if record is None else record.erased_at
        instead = unheard(record, message, erased_at)
        if instead is not None:
            return instead
        if isinstance(message, IdentifierErased):
            self.suppressed[mark] = max(message.erased_at, self.suppressed.get(mark, -1))
        record, outputs = identity.handle(record, message)
        record = begun_anew(record, erased_at)
        if record is None:
            self._identities.pop(key, None)
        else:
            self._identities[key] = record
        return outputs

    def _customer(self, message: AboutCustomer) -> list[Output]:
        key = message.customer_id if isinstance(message, Profile) else message.key
        known = self.customer(key)
        state = known or CustomerState(key, erased_at=self.suppressed.get(customer_mark(key, b""), -1))
        instead = turned_away(state, message, begins=known is None)
        if instead is not None:
            return instead
        outputs = handle(state, message, self.now, self.rules)
        self._keep(state)
        return outputs

    def _forget(self, message: Forget) -> Sequence[EraseRequested | IdentifierErased]:
        customer_id = message.customer_id
        del self._customers[customer_id]
        self._due.pop(customer_id, None)
        self.suppressed[customer_mark(customer_id, b"")] = message.erased_at
        rows = [row for row in self.rows.values() if row.customer_id == customer_id]
        for row in rows:
            del self.rows[row.key]
        return forgotten(message, [row for row in rows if isinstance(row, HeldIdentifier)])

    def _keep(self, state: CustomerState) -> None:
        self._customers[state.customer_id] = state
        if state.next_due is None:
            self._due.pop(state.customer_id, None)
        elif self._due.get(state.customer_id) != state.next_due:
            self._due[state.customer_id] = state.next_due
            heappush(self._dues, (state.next_due, state.customer_id))
