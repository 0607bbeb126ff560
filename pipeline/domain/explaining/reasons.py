"""Conditions and gates in sentences. Every rule that the domain records by a name of its own has its words here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipeline.domain.strategies.fields import UNIT_MS

Values = Mapping[str, str]


def _kill_switch(values: Values) -> str:
    return f"All strategies were stopped: {values.get('stopped', '')}."


def _erasure(values: Values) -> str:
    return "It is about what the customer did before they asked to be forgotten."


def _consent(values: Values) -> str:
    purpose, _, channel = next(iter(values), "").removeprefix("consent.").partition("/")
    return f"The customer has not agreed to {purpose} messages by {channel}."


def _quiet_hours(values: Values) -> str:
    said = f"It was {values.get('local')} where the customer is ({values.get('zone')}), in the quiet hours"
    zone = values.get("customer.timezone")
    doubt = f" (of the brand's zone, because {zone})" if zone else ""
    until = values.get("until")
    fate = f"; it waits until {until} there" if until else "; it is not sent"
    return f"{said} from {values.get('quiet')}{doubt}{fate}."


def _interaction(values: Values) -> str:
    if "on a call" in values:
        return f"The customer was on a call ({values['on a call']}); it waits until that is over."
    return f"A complaint of theirs is open (thread {values.get('open complaint')})."


def _caps(values: Values) -> str:
    return (
        f"Enough was sent: the limit of {values.get('of')} is {values.get('cap')},"
        f" and {values.get('sent')} had been sent."
    )


def _arbitration(values: Values) -> str:
    what, winner = next(iter(values.items()), ("", ""))
    if what == "attention":
        return f"Only one thing at a time may ask for the customer's attention, and {winner} went first."
    return f"Of the group {what.removeprefix('exclusive ')} one goes on at a time, and {winner} was first."


def _control_group(values: Values) -> str:
    return (
        f"The customer is in the control group, the {values.get('control')} % who get nothing of this strategy so"
        " that its effect can be measured."
    )


def _paused(values: Values) -> str:
    return f"The strategy was paused (version {values.get('version')})."


def _max_age(values: Values) -> str:
    age, most = _long(values.get("age_ms", "")), _long(values.get("max_age_ms", ""))
    return f"The event was {age} old; the strategy acts on events of the last {most}."


def _hold_until(values: Values) -> str:
    return f"What the step waited for did not come within {_long(values.get('hold_for_ms', ''))}."


def _channel(values: Values) -> str:
    return "There was no channel on which the customer may be reached, has an address, and the text is written for."


def _in_flight(values: Values) -> str:
    in_force = values.get("in_force")
    instead = "none of them runs for this customer" if in_force == "none" else f"version {in_force} runs"
    return f"The attempt began with version {values.get('version')}; {instead}, and attempts of earlier ones end."


def _loop_guard(values: Values) -> str:
    times = values.get("attempts in an hour")
    return f"The customer had begun {times} attempts of it within an hour: this looks like a loop."


NAMED: dict[str, Callable[[Values], str]] = {
    "kill_switch": _kill_switch,
    "erasure": _erasure,
    "consent": _consent,
    "quiet_hours": _quiet_hours,
    "interaction": _interaction,
    "caps": _caps,
    "arbitration": _arbitration,
    "control_group": _control_group,
    "paused": _paused,
    "max_age": _max_age,
    "hold_until": _hold_until,
    "channel": _channel,
    "in_flight": _in_flight,
    "loop_guard": _loop_guard,
}
"""The words of each rule that has a name; every other rule is a condition as its author wrote it."""


def reason_in_words(rule: str, held: bool, values: Values) -> str:
    """A reason as a sentence."""
    if rule in NAMED:
        return NAMED[rule](values)
    error = values.get("error")
    if error is None:
        return f"{rule} {'held' if held else 'did not hold'}{_seen(values)}."
    what, _, text = rule.partition(" ")
    if what == "action":
        return f"The action {text} could not be made: {error}."
    if what == "key:":
        return f"It was not to be told what the attempt is about ({text}): {error}."
    rest = {name: value for name, value in values.items() if name != "error"}
    return f"{rule} could not be decided: {error}{_seen(rest)}."


def waits(rule: str, values: Values) -> bool:
    """Whether a gate holds something back, rather than stops it."""
    return (rule == "quiet_hours" and "until" in values) or (rule == "interaction" and "on a call" in values)


def _seen(values: Values) -> str:
    return f" ({', '.join(f'{name} was {value}' for name, value in values.items())})" if values else ""


def _long(milliseconds: str) -> str:
    """A duration as strategies write it; what is none stays as it is."""
    if not milliseconds.isdecimal():
        return milliseconds
    left, parts = int(milliseconds), []
    for unit, length in UNIT_MS.items():
        times, left = divmod(left, length)
        if times:
            parts.append(f"{times}{unit}")
    return " ".join(parts) or f"{milliseconds}ms"
