"""The system of record's fulfilment events: CloudEvents 1.0 in structured JSON mode, alone or in a batch."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from pipeline.channels.fields import attributes, snake_case
from pipeline.channels.payload import MAX_ID, Adapted, Id, Moment, epoch_ms, parse, read_json, too_many_events
from pipeline.domain import normalise
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction

_VERSION = re.compile(r"v?\d+")


class Order(msgspec.Struct):
    """The data of an order event. Other scalars in it become attributes under their own names.

    Money is a plain amount in `currency` (ISO 4217) and always a float, sizes are always text, so that
    conditions compare like with like.
    """

    customer_id: Id
    order_id: Id
    size_ordered: Id | None = None
    size_sent: Id | None = None
    delivery_charge: float | None = None
    amount: float | None = None
    total: float | None = None


class CloudEvent(msgspec.Struct):
    """The attributes of a CloudEvent that are read."""

    specversion: str
    id: Id
    source: Annotated[str, msgspec.Meta(max_length=MAX_ID)]
    type: str
    data: dict[str, object]
    time: Moment | None = None


def adapt(payload: bytes, received_at: int) -> Adapted:
    """The order events in a payload, each good or bad alone; `received_at` is epoch milliseconds."""
    document = read_json(payload)
    if isinstance(document, Failure):
        return [document]
    if not isinstance(document, list):
        return [_interaction(document, "payload", received_at)]
    if refused := too_many_events(len(document)):
        return [refused]
    return [_interaction(event, f"payload[{index}]", received_at) for index, event in enumerate(document)]


def kind_of(type_: str) -> str:
    """The event kind in a CloudEvents type: what and what happened, without domain and version.

    `com.example.order.delivered.v1` → `order_delivered`, `com.example.OrderDelivered` → `order_delivered`.
    """
    parts = [part for part in type_.split(".") if part]
    if len(parts) > 1 and _VERSION.fullmatch(parts[-1]):
        parts.pop()
    last = snake_case(parts[-1]) if parts else ""
    return last if "_" in last else snake_case("_".join(parts[-2:]))


def _interaction(raw: object, where: str, received_at: int) -> Interaction | Failure:
    event = parse(raw, CloudEvent, where)
    if isinstance(event, Failure):
        return event
    kind = kind_of(event.type)
    if not event.specversion.startswith("1.") or not kind:
        return Failure(
            "unsupported_event", f"{where}: expected specversion 1.0 and a type like order.delivered"
        )
    order = parse(event.data, Order, f"{where}.data")
    if isinstance(order, Failure):
        return order
    customer = normalise.identifier("customer_number", str(order.customer_id), "verified")
    number = normalise.identifier("order_number", str(order.order_id), "verified")
    if isinstance(customer, Failure) or isinstance(number, Failure):
        return Failure("bad_field", f"{where}.data: customer_id or order_id is empty or not printable")
    told = attributes(event.data | _typed(order))
    return Interaction(
        event_id=f"{event.source}|{event.id}",
        channel="order",
        kind=kind,
        interaction_id=number.value,
        occurred_at=epoch_ms(event.time) if event.time else received_at,
        received_at=received_at,
        source=event.source,
        identifiers=[customer],
        facts={"order_id": number.value},
        attributes={name: value for name, value in told.items() if name not in ("customer_id", "order_id")},
    )


def _typed(order: Order) -> dict[str, object]:
    """The known fields in their one type; null ones fall out with the attributes' other nulls."""
    money = {"delivery_charge": order.delivery_charge, "amount": order.amount, "total": order.total}
    sizes = {"size_ordered": order.size_ordered, "size_sent": order.size_sent}
    return money | {name: None if size is None else str(size) for name, size in sizes.items()}
