"""The pipeline in memory, with messages that wait for their turn as they do in partitions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import IdentifierErased, IdentityLink
from pipeline.domain.recent import remembered
from pipeline.domain.replay import Message, Replay
from pipeline.domain.strategies.compiled import Rules


class Interleaved(Replay):
    """Messages under one key are handled in their order; whose turn it is, `choose` says, as partitions would."""

    def __init__(self, rules: Rules, now: int, choose: Callable[[Sequence[str]], str]) -> None:
        super().__init__(rules, now)
        self._choose = choose
        self._waiting: dict[str, deque[Message]] = {}

    def put(self, *messages: Message) -> None:
        """Publish messages."""
        for message in messages:
            hop = 1 if isinstance(message, Interaction | IdentityLink | IdentifierErased) else 2
            key = message.customer_id if isinstance(message, Profile) else message.key
            self._waiting.setdefault(f"{hop} {key}", deque()).append(message)

    def run(self, steps: int | None = None) -> None:
        """Handle so many messages, or all that wait and come of them."""
        for _ in range(steps or 10_000):
            if self.idle:
                return
            key = self._choose(sorted(self._waiting))
            queue = self._waiting[key]
            message = queue.popleft()
            if not queue:
                del self._waiting[key]
            self.put(*self.step(message))
        assert steps, "messages go round in a circle"

    @property
    def idle(self) -> bool:
        """Whether no message waits."""
        return not self._waiting

    def parents(self) -> dict[str, str | None]:
        """Into whom each customer was merged."""
        return {one: self.merged_into(one) for one in self.customers()}

    def merged_into(self, customer_id: str) -> str | None:
        """Into whom the customer was merged."""
        state = self.customer(customer_id)
        return None if state is None else state.merged_into

    def root(self, customer_id: str) -> str:
        """The customer at the end of the chain; fails when there is none."""
        seen = [customer_id]
        while (parent := self.merged_into(seen[-1])) is not None:
            assert parent not in seen, "a circle"
            seen.append(parent)
        return seen[-1]

    def partition(self) -> dict[str, set[bytes]]:
        """The events that each customer who is nobody's child remembers."""
        found = {}
        for customer_id in self.customers():
            state = self.customer(customer_id)
            assert state is not None
            if state.merged_into is None and state.recent:
                found[customer_id] = set(remembered(state))
        return found
