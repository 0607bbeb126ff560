"""The sessions agent: all that one customer does, on every channel, folded into one record."""

from __future__ import annotations

from typing import Any, get_args

from pipeline.agents.decisions import Decisions
from pipeline.agents.outlet import Cause, Outlet
from pipeline.domain.customer import Message, handle
from pipeline.domain.customers import Profile
from pipeline.domain.erasure import outdated, turned_away
from pipeline.observe.metrics import PIPELINE
from pipeline.runtime.app import App
from pipeline.runtime.batch import Batch

TOPICS = ("interactions.identified", "customers", "customer.requests", "intents", "action.receipts")

_suppressed = PIPELINE.suppressed.labels("sessions")


def declare(app: App, outlet: Outlet, decisions: Decisions, prefix: str) -> None:
    """Add the agent to the app; it shares the customers' records with the decisions."""
    about_customers = app.topic(*(f"{prefix}{name}" for name in TOPICS), value_type=bytes)

    @app.agent(about_customers, name="sessions")
    async def sessions(batches: Any) -> None:
        """Fold every event into its customer's session, and decide what it calls for."""
        async for batch in batches:
            fold(batch)

    def fold(batch: Batch) -> None:
        customers = decisions.customers(batch.partition)

        def one(message: Message, cause: Cause) -> None:
            customer_id = message.customer_id if isinstance(message, Profile) else message.key
            known = customers.states.get(customer_id)
            state = known or customers.begin(customer_id)
            if known is None or state.erased_at >= 0:
                instead = turned_away(state, message, begins=known is None)
                if instead is not None:
                    _suppressed.inc(outdated(state, message))
                    decisions.publish(batch.checkpoint, customers, instead, cause)
                    return
            due = state.next_due
            outputs = handle(state, message, app.clock(), decisions.rules)
            customers.states.put(customer_id, state)
            customers.deadlines.move(customer_id, due, state.next_due)
            decisions.publish(batch.checkpoint, customers, outputs, cause)

        outlet.read(batch, one, *get_args(Message))
