"""Values for tests of the domain: short to write, complete enough to fold."""

from __future__ import annotations

from typing import Any

from pipeline.domain import state as states
from pipeline.domain.customer import handle
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import IdentifiedInteraction, Output
from pipeline.domain.state import CustomerState
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Rules

NOW = 1_772_445_600_000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

DEVICE = Identifier("device", "d-1", "observed")
NUMBER = Identifier("customer_number", "C-1", "verified")
SMS = Identifier("phone", "+442079460018", "verified")

BRAND = """
brand: Northwind
language: en
links: {form: https://shop.example.com/form}
templates:
  hello:
    default: {en: "{{ brand }}: hello {{ customer.name }}", de: "{{ brand }}: hallo {{ customer.name }}"}
    email: {en: {subject: "Hello {{ customer.name }}", text: "<p>Hello {{ customer.name }}</p>"}}
  form_link:
    social: {en: "See {{ links.form }}"}
  amount:
    default: {en: "{{ amount }} paid"}
"""


def rules(*strategies: str) -> Rules:
    """The rules of strategy texts, with the brand above."""
    compiled = compile_rules({f"{at}.yaml": text for at, text in enumerate(strategies)}, BRAND, "brand.yaml")
    assert isinstance(compiled, Rules), [str(problem) for problem in compiled]
    return compiled


def event(
    name: str, at: int = NOW, kind: str = "page_viewed", channel: str = "web", **more: Any
) -> Interaction:
    """An event called `name`, received when it happened."""
    values = {"interaction_id": "visit", "source": "test", "identifiers": [DEVICE], "received_at": at, **more}
    return Interaction(event_id=name, channel=channel, kind=kind, occurred_at=at, **values)


def identified(
    interaction: Interaction, customer_id: str = "C-1", known: bool = True
) -> IdentifiedInteraction:
    """The event of a customer."""
    by = interaction.identifiers[0].key
    return IdentifiedInteraction(
        customer_id=customer_id, known=known, resolved_by=by, interaction=interaction
    )


def profile(customer_id: str = "C-1", **more: Any) -> Profile:
    """A customer of some value who can be reached by text message and prefers that."""
    values = {
        "updated_at": NOW,
        "name": "Maya",
        "value": 800.0,
        "preferences": {"channel": "sms"},
        "identifiers": [SMS],
        **more,
    }
    return Profile(customer_id=customer_id, **values)


def folded(
    state: CustomerState, interaction: Interaction, live: Rules, now: int | None = None
) -> list[Output]:
    """What comes of an event; the state goes through its bytes first, as it does between two events."""
    again = states.decode(states.encode(state))
    for field in state.__struct_fields__:
        setattr(state, field, getattr(again, field))
    message = identified(interaction, state.customer_id, state.known)
    return handle(state, message, interaction.received_at if now is None else now, live)
