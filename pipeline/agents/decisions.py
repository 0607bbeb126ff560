"""The decision agent: it emits what a fold decided, and decides again when time has passed.

Sessions and decisions share a customer's record and its partition, so no topic lies between them: the sessions
agent hands over what an event calls for, a timer what its absence does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cache

from pipeline.agents.customers import Customers, Marks
from pipeline.agents.outlet import Cause, Outlet
from pipeline.domain.circumstances import Circumstance
from pipeline.domain.customer import fire
from pipeline.domain.failures import Failure
from pipeline.domain.messages import ActionCommand, Decision, Output, SessionClosed
from pipeline.domain.rows import Forget, HeldIdentifier, HistoryEntry
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.error_rate import ErrorRates
from pipeline.domain.strategies.fields import CIRCUMSTANCE, DECLARED
from pipeline.domain.telling import concerned
from pipeline.observe.logs import get_logger
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.app import App
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.deadlines import Deadlines
from pipeline.wire.dead_letters import Source

log = get_logger(__name__)

TICK_S = 0.1
# Deadlines of one partition that fire in one go: some tens of milliseconds in which no event is handled.
PORTION = 250
# Customers of one partition of whom it is looked in one go whether a circumstance concerns them.
LOOKED_AT = 250
# Customers of one partition whose history is looked through in one go, and how often.
SWEPT = 100
SWEEP_S = 1.0


# There are more decisions than events: the counters of each kind are looked up once.
_commands, _decisions = cache(PIPELINE.commands.labels), cache(PIPELINE.decisions.labels)


class PoisonedDeadline(Exception):
    """Deciding for a customer at a deadline raised; `args` are partition, customer id, due and the error."""


class Decisions:
    """The tables of all customers of this worker, and the way out of what is decided about them."""

    def __init__(self, app: App, outlet: Outlet, rules: Rules, marks: Marks, history_ms: int) -> None:
        """`history_ms` is how long the history is kept."""
        self.rules = rules
        self._app = app
        self._outlet = outlet
        self._marks = marks
        self._history_ms = history_ms
        self._states = app.Table("sessions", value_type=CustomerState)
        self._history = app.Table("history", value_type=HistoryEntry, keep_cached=False)
        self._identifiers = app.Table("identifiers", value_type=HeldIdentifier, keep_cached=False)
        self._due = app.Table("deadlines", value_type=bytes, keep_cached=False)
        self._open: dict[int, Customers] = {}
        self._set_aside: dict[tuple[str, int], str] = {}
        self._begun: tuple[Circumstance, ...] = ()
        self._looked: dict[int, str] = {}
        self._all_looked_at = True
        self._rates = ErrorRates(app.settings.strategy_error_limit)
        self._on_failing: list[Callable[[Decision], None]] = []
        app.on_rolled_back(self._reload)

    def on_failing(self, call: Callable[[Decision], None]) -> None:
        """Have `call` made with the last decision of a strategy whose conditions fail too often."""
        self._on_failing.append(call)

    def customers(self, partition: int) -> Customers:
        """The customers of one partition that this worker owns."""
        states = self._states.partition(partition)
        found = self._open.get(partition)
        if found is None or found.states is not states:
            found = Customers(
                partition,
                states,
                self._history.partition(partition),
                self._identifiers.partition(partition),
                Deadlines(self._due.partition(partition)),
                self._marks,
            )
            # Those of partitions that were given up go, with all their states.
            self._open = {n: c for n, c in self._open.items() if n in self._states.partitions}
            self._looked.pop(partition, None)
            self._open[partition] = found
        return found

    def _reload(self) -> None:
        self._open.clear()
        self._looked.clear()
        self._set_aside = {
            (customer_id, due): error
            for (customer_id, due), error in self._set_aside.items()
            if self._waits(customer_id, due)
        }

    def _waits(self, customer_id: str, due: int) -> bool:
        state = self.state(customer_id)
        return state is not None and state.next_due == due

    def publish(
        self,
        checkpoint: Checkpoint,
        customers: Customers,
        outputs: Iterable[Output],
        cause: Cause | None,
    ) -> None:
        """Keep rows in their tables and send everything else to its topic."""
        for output in outputs:
            if isinstance(output, HistoryEntry):
                customers.history.put(output.key, output)
                continue
            if isinstance(output, ActionCommand):
                _commands(output.kind).inc()
            elif isinstance(output, Decision):
                _decisions(output.outcome).inc()
                if output.outcome == "error" or self._rates.watching:
                    self._watch(output)
            elif isinstance(output, HeldIdentifier):
                customers.identifiers.put(output.key, output)
                continue
            elif isinstance(output, Forget):
                self.publish(checkpoint, customers, customers.forget(output), cause)
                continue
            elif isinstance(output, SessionClosed):
                customers.expire(output.customer_id, self._kept_since())
            self._outlet.send(checkpoint, output, cause)

    def _watch(self, decision: Decision) -> None:
        if self._rates.count(decision, self._app.clock()):
            for call in self._on_failing:
                call(decision)

    def _kept_since(self) -> int:
        return self._app.clock() - self._history_ms

    def sweep(self) -> int:
        """Expire the history of the next customers of each partition; returns how many rows that were."""
        before = self._kept_since()
        return sum(self.customers(number).sweep(before, SWEPT) for number in self._states.partitions)

    def look_at_circumstances(self) -> bool:
        """Look whether one begins or is over for the next customers who have something due, which all have who are
        with us or were told of one, and make those due at once; whether there may be more to look at.

        After the last one there are none, until other circumstances have begun or a partition has come.
        """
        now = self._app.consumer.horizon.now()
        begun = self._begun_by(now)
        if begun != self._begun:
            self._begun = begun
            self._looked.clear()
        self._all_looked_at = not (
            begun and any(self._look_at(number, now) for number in self._states.partitions)
        )
        return not self._all_looked_at

    def all_looked_at(self, now: int) -> bool:
        """Whether nobody is left for whom circumstances that have begun by `now` could begin or be over."""
        return self._all_looked_at and self._begun == self._begun_by(now)

    def _begun_by(self, now: int) -> tuple[Circumstance, ...]:
        """The circumstances that have begun, where a strategy asks for that."""
        if self.rules.circumstances and (CIRCUMSTANCE, DECLARED) in self.rules.index:
            return tuple(one for one in self.rules.circumstances if one.from_at <= now)
        return ()

    def _look_at(self, number: int, now: int) -> bool:
        customers = self.customers(number)
        keys, self._looked[number] = customers.deadlines.keys_after(self._looked.get(number, ""), LOOKED_AT)
        for customer_id in keys:
            state = customers.states.peek(customer_id)
            if state is not None and concerned(state, now, self.rules):
                customers.deadlines.move(customer_id, state.next_due, now)
                state.next_due = now
                customers.states.put(customer_id, state)
                self._app.consumer.touched()
        return bool(keys)

    def next_due(self) -> int | None:
        """The earliest time at which something may be due (epoch milliseconds), None when nothing is."""
        dues = [self.customers(partition).deadlines.next_due() for partition in self._states.partitions]
        return min((due for due in dues if due is not None), default=None)

    def all(self) -> list[Customers]:
        """The customers of every partition that this worker owns."""
        return [self.customers(partition) for partition in self._states.partitions]

    def state(self, customer_id: str) -> CustomerState | None:
        """The record of a customer in one of this worker's partitions, None when there is none."""
        for partition in self._states.partitions:
            found = self.customers(partition).states.get(customer_id)
            if found is not None:
                return found
        return None

    def fire_due(self) -> int:
        """Decide for customers who have something due, at most PORTION of each partition; returns how many.

        Raises PoisonedDeadline, after which everything uncommitted is to be undone; then `set_aside` sees to it
        that the next call passes over it.
        """
        fired = 0
        now = self._app.consumer.horizon.now()
        for partition in self._states.partitions:
            customers = self.customers(partition)
            for due, customer_id in customers.deadlines.take_due(now, PORTION):
                state = customers.states.get(customer_id)
                if state is None or state.next_due != due:
                    continue
                try:
                    self._fire(partition, customers, state, due, now)
                except Unavailable:
                    raise
                except Exception as error:  # one customer's, and the others' deadlines must be kept
                    what = f"{type(error).__name__}: {error}"
                    raise PoisonedDeadline(partition, customer_id, due, what) from error
                fired += 1
        return fired

    def _fire(self, partition: int, customers: Customers, state: CustomerState, due: int, now: int) -> None:
        customer_id, checkpoint = state.customer_id, self._app.consumer.checkpoint
        error = self._set_aside.get((customer_id, due))
        if error is None:
            self.publish(checkpoint, customers, fire(state, now, self.rules), None)
        else:
            state.next_due = None
            source = Source("deadlines", partition, key=customer_id.encode())
            self._outlet.set_aside(checkpoint, Failure("internal_error", error), source, b"")
        customers.states.put(customer_id, state)
        customers.deadlines.move(customer_id, due, state.next_due)

    def set_aside(self, partition: int, customer_id: str, due: int, error: str) -> None:
        """Make a dead letter of this deadline, instead of deciding, when it comes up again."""
        log.error("deadline_set_aside", partition=partition, error=error)
        self._set_aside[customer_id, due] = error


def declare(app: App, outlet: Outlet, rules: Rules, marks: Marks, history_ms: int) -> Decisions:
    """Add the customers' tables, and what watches their deadlines and their history's age, to the app."""
    decisions = Decisions(app, outlet, rules, marks, history_ms)

    @app.task
    async def due() -> None:
        """Fire what is due, between two batches, in the same checkpoints."""
        while not app.should_stop:
            fired = await portion()
            # Where more may be due, the pump folds and commits in between.
            await asyncio.sleep(TICK_S if fired < PORTION else 0)

    async def portion() -> int:
        consumer = app.consumer
        async with consumer.alone:
            try:
                fired = decisions.fire_due()
            except PoisonedDeadline as poisoned:
                decisions.set_aside(*poisoned.args)
                await consumer.undo()
                return 0
            if fired:
                consumer.touched()
            return fired

    @app.task
    async def circumstances() -> None:
        """Tell customers of whom nothing is heard, some at a time."""
        while not app.should_stop:
            async with app.consumer.alone:
                more = decisions.look_at_circumstances()
            await asyncio.sleep(0 if more else TICK_S)

    @app.task
    async def sweep() -> None:
        """Delete what is too old of customers who do not come back, a few at a time."""
        while not app.should_stop:
            await asyncio.sleep(SWEEP_S)
            async with app.consumer.alone:
                if decisions.sweep():
                    app.consumer.touched()

    return decisions
