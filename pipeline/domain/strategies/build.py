"""An action of a step → a typed body: its settings evaluated, its channel chosen, its text rendered."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from pipeline.domain.consent import purpose_of
from pipeline.domain.delivery import address, choose
from pipeline.domain.failures import Failure
from pipeline.domain.gates import Wish
from pipeline.domain.messages import Reason
from pipeline.domain.state import Attempt
from pipeline.domain.strategies.compile_action import IN_USE, PREFERRED
from pipeline.domain.strategies.compiled import Action, Param, Strategy
from pipeline.domain.strategies.moment import Moment

UNREACHABLE = Reason(
    rule="channel", held=False, values={"channel": "none with consent, an address and a text"}
)


def build(action: Action, strategy: Strategy, attempt: Attempt, moment: Moment) -> Wish | Reason | Failure:
    """The wish for an action; a Reason when no channel will carry it, a Failure when a value is missing or
    wrong.

    Failures: those of conditions and templates, `bad_action` for a value that the action's body does not
    take.
    """
    fields = _evaluated(action.params, moment)
    if isinstance(fields, Failure):
        return fields
    channel: str | None = None
    if action.template is not None:
        text = _text_fields(action, action.template, strategy, attempt, moment)
        if not isinstance(text, dict):
            return text
        channel = text.get("channel")
        fields |= {name: text[name] for name in action.body.__struct_fields__ if name in text}
    elif action.kind == "push_page":
        channel = moment.event.channel
    try:
        body = msgspec.convert({"kind": action.kind, **fields}, action.body)
    except msgspec.ValidationError as error:
        return Failure("bad_action", f"{action.kind}: {error}")
    amount = getattr(body, "amount", 1.0)
    if not (math.isfinite(amount) and amount > 0):
        return Failure("bad_action", f"{action.kind}: an amount must be more than 0")
    return Wish(body, strategy.lane, channel)


def _text_fields(
    action: Action, template: str, strategy: Strategy, attempt: Attempt, moment: Moment
) -> dict[str, Any] | Reason | Failure:
    """What follows from the template: where the text goes, and the text itself."""
    where = _address_fields(action, template, strategy, attempt, moment)
    if where is None:
        return UNREACHABLE
    variables = _evaluated(action.variables, moment)
    if isinstance(variables, Failure):
        return variables
    values = {"customer": moment.customer, "thread": moment.thread, "event": moment.event, **variables}
    brand = strategy.brand or moment.rules.brand
    rendered = brand.render(template, where["channel"], moment.customer.language, values)
    if isinstance(rendered, Failure):
        return rendered
    return {
        **where,
        "template": template,
        "language": rendered.language,
        "subject": rendered.subject,
        "text": rendered.text,
    }


def _address_fields(
    action: Action, template: str, strategy: Strategy, attempt: Attempt, moment: Moment
) -> dict[str, str] | None:
    """The channel and the address; an answer in public goes where the customer wrote."""
    if action.kind == "reply_public":
        for anchor in (moment.anchor, attempt.entry):
            if anchor.reply_to is not None:
                return {"channel": anchor.channel, "reply_to": anchor.reply_to}
        return None
    if action.kind == "push_page":
        return {"channel": moment.event.channel}
    brand, state = strategy.brand or moment.rules.brand, moment.state
    if action.channel not in (None, PREFERRED, IN_USE):
        to = address(state, action.channel)
        return None if to is None else {"channel": action.channel, "to": to}
    chosen = choose(
        state,
        purpose_of(strategy.lane),
        lambda channel: brand.speaks(template, channel),
        in_use_first=action.channel == IN_USE,
    )
    return None if chosen is None else {"channel": chosen.channel, "to": chosen.to}


def _evaluated(params: dict[str, Param], moment: Moment) -> dict[str, Any] | Failure:
    values: dict[str, Any] = {}
    for name, param in params.items():
        value = _value(param, moment)
        if isinstance(value, Failure):
            return Failure(value.code, f"{name}: {value.message}")
        values[name] = value
    return values


def _value(param: Param, moment: Moment) -> Any:
    if param.program is not None:
        return param.program.evaluate(*moment.values())
    if param.members is None:
        return param.value
    members = _evaluated(param.members, moment)
    return (
        members if isinstance(members, Failure) else {name: _text(value) for name, value in members.items()}
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
