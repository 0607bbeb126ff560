"""Forms on a site or in an app: an attempt is an interaction of its own, declared fields become facts.

Nothing typed into a form leaves this module unless its field is declared here: forms also hold passwords
and cards.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.channels.fields import attributes, fact, snake_case
from pipeline.channels.payload import MAX_ID
from pipeline.domain.interactions import Interaction, Scalar

KINDS = frozenset({"form_started", "form_field", "form_submitted", "form_abandoned"})
_LAST_KINDS = frozenset({"form_submitted", "form_abandoned"})

FACTS: Mapping[str, str] = {
    "order": "order_id",
    "order_id": "order_id",
    "order_number": "order_id",
    "booking": "booking_id",
    "booking_id": "booking_id",
    "contract": "contract_id",
    "contract_id": "contract_id",
    "reason": "reason",
    "return_reason": "reason",
    "topic": "topic",
    "product": "product",
    "sku": "sku",
    "size": "size",
    "size_received": "size_received",
    "size_wanted": "size_wanted",
    "colour": "colour",
    "color": "colour",
    "quantity": "quantity",
    "condition": "condition",
    "resolution": "resolution",
}
"""Field name (snake_case) → the fact that its value is."""


def describe(interaction: Interaction, properties: Mapping[str, object]) -> None:
    """Add to a form event what its properties say: form, attempt, field, value, and the declared fields.

    A field event's value is an attribute, and a fact under its field's name; a submitted form may carry all
    its fields as properties. The attempt id, when there is one, is the interaction's id.
    """
    told = attributes(properties)
    named: dict[str, Scalar] = {
        name: told[name] for name in ("form", "form_attempt", "field", "step") if name in told
    }
    field = snake_case(str(named.get("field", "")))
    interaction.attributes |= named
    for name, value in told.items():
        _add_fact(interaction, name, value)
    if "value" in told and _add_fact(interaction, field, told["value"]):
        interaction.attributes["value"] = interaction.facts[FACTS[field]]
    form = str(named.get("form", ""))
    if 0 < len(form) <= MAX_ID:
        interaction.subject = form
    attempt = str(named.get("form_attempt", ""))
    if 0 < len(attempt) <= MAX_ID:
        interaction.interaction_id = attempt
        interaction.ended = interaction.kind in _LAST_KINDS


def _add_fact(interaction: Interaction, field: str, value: Scalar) -> bool:
    name = FACTS.get(field)
    told = None if name is None else fact(name, value)
    if name is None or told is None:
        return False
    interaction.facts[name] = told
    return True
