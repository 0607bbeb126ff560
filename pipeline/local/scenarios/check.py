"""Play a scenario and compare what came out with what must."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from typing import Any

import msgspec

from pipeline.domain.declarations import declared, ended
from pipeline.domain.failures import Failure
from pipeline.domain.ids import provisional_id
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.requests import (
    EraseRequested,
    Request,
    ThreadsJoined,
    ThreadSplit,
    UnmergeRequested,
)
from pipeline.domain.state import (
    Customer,
    CustomerState,
    GoingOn,
    History,
    Session,
    Thread,
    customer_view,
)
from pipeline.domain.strategies.cel import CelProblem, Declarations, compile_expression
from pipeline.domain.strategies.compiled import Rules
from pipeline.domain.strategies.moment import NO_SESSION, NO_THREAD
from pipeline.domain.thread_parts import in_order
from pipeline.local.scenarios.driver import Driver
from pipeline.local.scenarios.form import (
    PAYLOADS,
    Announced,
    Asked,
    Delivery,
    ExpectedCommand,
    ExpectedCustomer,
    ExpectedDecision,
    Scenario,
)
from pipeline.local.scenarios.payloads import payload

REQUESTS: dict[str, type[Request]] = {
    "erase": EraseRequested,
    "unmerge": UnmergeRequested,
    "join_threads": ThreadsJoined,
    "split_thread": ThreadSplit,
}

AGAIN_MS = 1_000
"""How long after the first delivery the second one comes when everything is delivered twice."""
MANAGER = "scenario"
"""Who declares the circumstances of the story."""

CUSTOMER = Declarations(
    {
        "customer": Customer,
        "session": Session,
        "thread": Thread,
        "threads": list[Thread],
        "interactions": list[GoingOn],
        "history": History,
    }
)
"""What can be said of a customer at the end; `thread` is the open one touched last, else the last resolved
one.
"""


@dataclass(frozen=True)
class ScenarioResult:
    """What came out, and in sentences what is wrong with it (nothing: passed)."""

    scenario: Scenario
    problems: list[str] = field(default_factory=list)
    commands: list[ActionCommand] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether everything is as it must be."""
        return not self.problems


@dataclass(frozen=True, order=True)
class _Arrival:
    """A payload or a request on its way: when it arrives, its place in the file, and what happened when."""

    at: int
    position: int
    happened_at: int
    event_id: str
    delivery: Delivery | Asked | Announced = field(compare=False)


def check(scenario: Scenario, driver: Driver, rules: Rules) -> ScenarioResult:
    """Play the scenario on a driver with these rules live, and judge it."""
    start = round(scenario.given.start.timestamp() * 1_000)
    before = _arrivals(scenario, scenario.given.events, start, "before")
    story = sorted([*_arrivals(scenario, scenario.when, start, "event"), *_others(scenario, start)])
    problems: list[str] = []
    driver.start(_live(rules, scenario), min(arrival.at for arrival in (*before, *story)))
    try:
        problems += _import(scenario, driver)
        for arrival in before:
            problems += _deliver(scenario, driver, arrival)
        driver.advance(max([start, *(arrival.at for arrival in before)]))
        already = len(driver.commands())
        for arrival in story:
            problems += _deliver(scenario, driver, arrival)
        driver.advance(max(story[-1].at, start + (scenario.until or 0)))
        commands, decisions = driver.commands()[already:], driver.decisions()
        named = {arrival.delivery.name: arrival.at for arrival in reversed(story) if arrival.delivery.name}
        problems += _judge_commands(scenario, commands, named)
        problems += [text for expected in scenario.decisions for text in _missing(expected, decisions)]
        problems += [text for expected in scenario.customers for text in _untrue(expected, driver)]
    except ValueError as error:
        return ScenarioResult(scenario, [str(error)])
    finally:
        driver.stop()
    return ScenarioResult(scenario, problems, commands, decisions)


def _live(rules: Rules, scenario: Scenario) -> Rules:
    """The rules, with the circumstances of the scenario in force beside theirs."""
    live = copy(rules)
    live.circumstances = (*rules.circumstances, *scenario.in_force)
    return live


def _arrivals(scenario: Scenario, deliveries: list[Delivery], start: int, prefix: str) -> list[_Arrival]:
    """All payloads in the order of their arrival."""
    arrivals = []
    for position, delivery in enumerate(deliveries):
        for turn in range(delivery.times):
            happened_at = start + delivery.at + turn * delivery.every
            event_id = f"scenario-{scenario.scenario}-{prefix}-{position}-{turn}"
            for again in (0, AGAIN_MS) if scenario.twice else (0,):
                at = happened_at + delivery.late + again
                arrivals.append(_Arrival(at, position, happened_at, event_id, delivery))
    return sorted(arrivals)


def _others(scenario: Scenario, start: int) -> list[_Arrival]:
    """What people do on our side."""
    return [
        _Arrival(start + one.at, len(scenario.when) + position, start + one.at, "", one)
        for position, one in enumerate([*scenario.requests, *scenario.circumstances])
    ]


def _import(scenario: Scenario, driver: Driver) -> list[str]:
    given = scenario.given.customers
    if given is None:
        return []
    name = "customers.csv"
    data = given.encode()
    if "\n" not in given:
        name, path = given, scenario.directory / PAYLOADS / given
        if not path.is_file():
            raise ValueError(f"{path}: there is no such file; correct given.customers")
        data = path.read_bytes()
    failures = driver.import_customers(data, "text/csv" if name.endswith(".csv") else "application/json")
    return [f"Customers: {failure.message}." for failure in failures]


def _deliver(scenario: Scenario, driver: Driver, arrival: _Arrival) -> list[str]:
    driver.advance(arrival.at)
    if isinstance(arrival.delivery, Asked):
        return _ask(driver, arrival.delivery, arrival.at)
    if isinstance(arrival.delivery, Announced):
        return _announce(scenario, driver, arrival.delivery, arrival.at)
    data = payload(scenario, arrival.delivery, arrival.event_id, arrival.happened_at)
    failures = driver.deliver(arrival.delivery.channel, data, arrival.at)
    return [f"{arrival.delivery.payload}: {failure.message}." for failure in failures]


def _ask(driver: Driver, asked: Asked, at: int) -> list[str]:
    try:
        driver.ask(
            msgspec.convert({**asked.with_, "by": "scenario", "requested_at": at}, REQUESTS[asked.request])
        )
    except msgspec.ValidationError as error:
        return [f"{asked.request}: {error}."]
    return []


def _announce(scenario: Scenario, driver: Driver, announced: Announced, at: int) -> list[str]:
    """Let a manager declare a circumstance, or end the one of this name that was declared last."""
    declares = [one for one in scenario.circumstances if one.declare is not None]
    compiled = list(zip(declares, scenario.declared, strict=True))
    if announced.declare is not None:
        driver.declare(next(declared(one, MANAGER, at) for part, one in compiled if part is announced))
        return []
    named = [one for part, one in compiled if part.at < announced.at and one.id == announced.end]
    if not named:
        return [f"Circumstance {announced.end} is to end, and was not declared before."]
    driver.declare(ended(declared(named[-1], MANAGER, at), MANAGER, at))
    return []


def _judge_commands(scenario: Scenario, commands: list[ActionCommand], named: dict[str, int]) -> list[str]:
    """Every expected command takes the first one left that fits; without one, and for those left over, a
    problem.
    """
    problems = []
    left = list(commands)
    for expected in scenario.then:
        fitting = [command for command in left if _fits(expected, command)]
        in_time = [command for command in fitting if _out_of_time(expected, command, named) is None]
        if in_time:
            left.remove(in_time[0])
        elif fitting:
            problems.append(f"{_wanted(expected)} {_out_of_time(expected, fitting[0], named)}.")
            left.remove(fitting[0])
        else:
            near = [_shown(command) for command in left if command.kind == expected.command]
            problems.append(f"{_wanted(expected)} did not come{_instead(near)}.")
    if scenario.only:
        problems += [f"Unexpected: {_shown(command)}." for command in left]
    return problems


def _fits(expected: ExpectedCommand, command: ActionCommand) -> bool:
    if command.kind != expected.command or expected.customer not in (None, command.customer_id):
        return False
    body = msgspec.to_builtins(command.body)
    return all(_equal(wanted, body.get(name)) for name, wanted in expected.with_.items())


def _equal(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(_equal(one, found.get(name)) for name, one in wanted.items())
    if isinstance(wanted, str) and wanted.startswith("~"):
        return isinstance(found, str) and wanted[1:] in found
    return bool(wanted == found)


def _out_of_time(expected: ExpectedCommand, command: ActionCommand, named: dict[str, int]) -> str | None:
    """What is wrong with the time of a command, None when nothing is."""
    if expected.before is not None and command.decided_at >= named[expected.before]:
        return f"came only at or after {expected.before}"
    since = named[expected.after] if expected.after else None
    if since is not None and command.decided_at < since:
        return f"came before {expected.after}"
    begin = min(named.values(), default=command.decided_at) if since is None else since
    if expected.within is not None and command.decided_at > begin + expected.within:
        return f"came {(command.decided_at - begin) / 1_000:g} s later"
    return None


def _missing(expected: ExpectedDecision, decisions: list[Decision]) -> list[str]:
    about = [
        decision
        for decision in decisions
        if (decision.strategy_id, decision.step) == (expected.strategy, expected.step)
    ]
    for decision in about:
        rules = [reason.rule for reason in decision.reasons]
        if decision.outcome == expected.outcome and (expected.rule is None or expected.rule in rules):
            return []
    found = [
        f"{decision.outcome} ({'; '.join(reason.rule for reason in decision.reasons)})" for decision in about
    ]
    because = f" because of {expected.rule}" if expected.rule else ""
    return [
        f"No decision {expected.outcome}{because} of {expected.strategy}/{expected.step}{_instead(found)}."
    ]


def _untrue(expected: ExpectedCustomer, driver: Driver) -> list[str]:
    name = expected.customer
    customer_id = provisional_id(name) if ":" in name else name
    state = driver.customer(customer_id)
    if expected.forgotten:
        rows = driver.rows(customer_id)
        kept = [*(["a record"] if state else []), *([f"{rows} rows"] if rows else [])]
        return [f"Of customer {name} there is {' and '.join(kept)} left."] if kept else []
    if state is None:
        return [f"Customer {name} is not there."]
    problems = []
    if state.merged_into != expected.merged_into:
        problems.append(f"Customer {name} is merged into {state.merged_into}, not {expected.merged_into}.")
    values = _customer_values(state)
    for text in expected.holds:
        program = compile_expression(text, CUSTOMER, bool)
        if isinstance(program, CelProblem):
            raise ValueError(f"customers: {text}: {program}")
        explained = program.explain(*values)
        if not explained.held:
            seen = ", ".join(f"{name} is {value}" for name, value in explained.values.items())
            error = f"; {explained.error.message}" if isinstance(explained.error, Failure) else ""
            problems.append(f"Of customer {name} it is not true that {text} ({seen}{error}).")
    return problems


def _customer_values(state: CustomerState) -> tuple[Any, ...]:
    return (
        customer_view(state),
        state.session or NO_SESSION,
        in_order(state.threads)[0] if state.threads else NO_THREAD,
        state.threads,
        list(state.going_on.values()),
        state.history,
    )


def _wanted(expected: ExpectedCommand) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in expected.with_.items())
    return f"The {expected.command}" + (f" with {settings}" if settings else "")


def _shown(command: ActionCommand) -> str:
    body = msgspec.to_builtins(command.body)
    settings = ", ".join(f"{name} {value}" for name, value in body.items() if name != "kind")
    return f"{command.kind} by {command.strategy_id}/{command.step} ({settings})"


def _instead(found: list[str]) -> str:
    return f"; instead: {', '.join(found)}" if found else ""
