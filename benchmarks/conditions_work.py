"""The conditions that are measured, what they are asked about, and those that answer them."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any, NamedTuple

import cel
import celpy

from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.state import About, Customer, GoingOn, History, Session, Thread
from pipeline.domain.strategies.cel import Program, compile_expression
from pipeline.domain.strategies.cel.types import CelType, fields_of
from pipeline.domain.strategies.compiled import DECLARATIONS

CONDITIONS: dict[str, str] = {
    "a kind of event": 'event.kind == "form_field"',
    "the return form": 'has(event.attributes.form) && event.attributes.form == "return"',
    "a valuable customer at it": (
        'event.kind == "form_field" && customer.value >= 500.0 && "order_id" in thread.facts'
    ),
    "another event": 'event.kind == "form_submitted" && customer.value >= 500.0 && "order_id" in thread.facts',
    "words in a text": 'event.text.matches("(?i)wrong size|too (big|small|large|tight|wide)")',
    "a fact of the event": 'has(event.facts.reason) && event.facts.reason == "wrong_size"',
    "an order's status": 'history.orders[event.interaction_id].status == "order_shipped"',
    "on a call now": 'interactions.exists(one, one.channel == "voice" && !one.ended)',
    "the third time": '"billing" in history.about && history.about["billing"].times >= 3',
    "in office hours": "now.getHours() >= 9 && now.getHours() < 18 && now.getDayOfWeek() > 0",
    "after five minutes": 'now - thread.opened_at > duration("5m")',
    "steps that are done": 'thread.steps_done.filter(step, step.startsWith("refund/")).size() >= 1',
    "an amount": 'customer.tier == "gold" ? customer.value * 0.1 > 50.0 : customer.value * 0.05 > 50.0',
}
NOW = 1_732_529_700_000
"""A Monday at 10:15."""
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)

Evaluate = Callable[[], Any]


class Evaluator(NamedTuple):
    """One that answers conditions: `compiled` makes a condition ready to be evaluated for the values.

    `compiles` and `evaluations` are how often it does so in a round, so that all rounds take about as long.
    """

    name: str
    compiled: Callable[[str], Evaluate]
    compiles: int
    evaluations: int


def values() -> tuple[Any, ...]:
    """The values of the vocabulary at one moment: a customer fills in the return form while on a call."""
    event = Interaction(
        event_id="e-1",
        channel="web",
        kind="form_field",
        interaction_id="1001",
        occurred_at=NOW,
        received_at=NOW,
        source="shop",
        identifiers=[Identifier("email", "anna@example.com", "verified")],
        text="The shirt came in the wrong size, I would like another one.",
        facts={"reason": "wrong_size", "order_id": "1001"},
        attributes={"form": "return", "field": "reason"},
    )
    going_on = [
        GoingOn(channel, f"{channel}-1", NOW - 60_000, NOW)
        for channel in ("web", "chat", "mobile_app", "voice")
    ]
    thread = Thread(
        "t-1",
        NOW - 600_000,
        NOW,
        facts={"order_id": "1001", "size": "M"},
        steps_done=["greeting/help", "return-form/remind", "refund/charge"],
    )
    history = History(
        orders={"1001": {"status": "order_shipped"}, "1002": {"status": "order_delivered"}},
        about={"billing": About(times=3), "wrong_size": About(times=1)},
    )
    customer = Customer("c-1", known=True, tier="gold", value=640.0)
    return (event, going_on[0], Session("s-1", NOW, NOW, NOW), thread, customer, history, going_on, [], NOW)


def ours() -> Evaluator:
    """This compiler."""
    given = values()

    def compiled(text: str) -> Evaluate:
        program = compile_expression(text, DECLARATIONS, bool)
        if not isinstance(program, Program):
            raise ValueError(f"{text}: {program}")
        return lambda: program.evaluate(*given)

    return Evaluator("Throughline", compiled, compiles=5, evaluations=5_000)


def rust() -> Evaluator:
    """The binding of the Rust crate `cel`, with values that were made its own once, before it is measured."""
    context = cel.Context(variables=documents())

    def compiled(text: str) -> Evaluate:
        program = cel.compile(text)
        return lambda: program.execute(context)

    return Evaluator("Rust binding", compiled, compiles=200, evaluations=1_000)


def rust_anew() -> Evaluator:
    """The same, given the values each time, as a new event gives them."""
    given = documents()

    def compiled(text: str) -> Evaluate:
        program = cel.compile(text)
        return lambda: program.execute(given)

    return Evaluator("Rust binding, new values", compiled, compiles=200, evaluations=200)


def python() -> Evaluator:
    """celpy, all of it in Python, with values that were made its own once."""
    environment = celpy.Environment()
    given = {name: celpy.json_to_cel(value) for name, value in documents().items()}

    def compiled(text: str) -> Evaluate:
        program = environment.program(environment.compile(text))
        return lambda: program.evaluate(given)

    return Evaluator("celpy", compiled, compiles=5, evaluations=20)


EVALUATORS = (ours, rust, rust_anew, python)


def documents() -> dict[str, Any]:
    """The same values as plain maps, lists and times, which the libraries take."""
    return {
        name: document(value, kind)
        for (name, kind), value in zip(DECLARATIONS.types.items(), values(), strict=True)
    }


def document(value: Any, kind: CelType) -> Any:
    """A value without our classes."""
    if value is None:
        return None
    if kind.struct is not None:
        return {name: document(getattr(value, name), field) for name, field in fields_of(kind.struct).items()}
    match kind.kind:
        case "timestamp":
            return EPOCH + datetime.timedelta(milliseconds=value)
        case "duration":
            return datetime.timedelta(milliseconds=value)
        case "list":
            return [document(item, kind.params[0]) for item in value]
        case "map":
            return {key: document(item, kind.params[1]) for key, item in value.items()}
    return value
