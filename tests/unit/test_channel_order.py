"""Order events of the system of record as CloudEvents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.channels.order import kind_of
from pipeline.channels.registry import adapt
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier, Interaction

SAMPLE = Path(__file__).parents[1] / "data" / "channels" / "order_delivered.json"
RECEIVED = 1_740_823_300_000


def changed(**changes: object) -> Interaction | Failure:
    (only,) = adapt("order", json.dumps(json.loads(SAMPLE.read_bytes()) | changes).encode(), RECEIVED)
    return only


def test_a_delivered_order() -> None:
    (event,) = adapt("order", SAMPLE.read_bytes(), RECEIVED)
    assert event == Interaction(
        event_id="/oms/fulfilment|ev-501",
        channel="order",
        kind="order_delivered",
        interaction_id="1001",
        occurred_at=1_740_816_000_000,
        received_at=RECEIVED,
        source="/oms/fulfilment",
        identifiers=[Identifier("customer_number", "C-1001", "verified")],
        facts={"order_id": "1001"},
        attributes={
            "product": "Oxford shirt",
            "size_ordered": "M",
            "size_sent": "L",
            "delivery_charge": 5.0,
            "currency": "GBP",
        },
    )
    assert isinstance(event.attributes["delivery_charge"], float)


def test_sizes_are_text() -> None:
    event = changed(data={"customer_id": 7, "order_id": "#9", "size_ordered": 42, "size_sent": "43"})
    assert isinstance(event, Interaction)
    assert event.attributes == {"size_ordered": "42", "size_sent": "43"}
    assert (event.key, event.facts) == ("customer_number:7", {"order_id": "9"})


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        ("com.example.order.delivered.v1", "order_delivered"),
        ("com.example.order.delivered.2", "order_delivered"),
        ("parcel.scanned", "parcel_scanned"),
        ("com.example.shop.refund.paid", "refund_paid"),
        ("com.example.OrderShipped", "order_shipped"),
        ("com.example.order-placed.v2", "order_placed"),
        ("order_placed", "order_placed"),
        ("shipped", "shipped"),
        ("v1", "v1"),
        ("..", ""),
        ("", ""),
    ],
)
def test_kinds(type_: str, kind: str) -> None:
    assert kind_of(type_) == kind


def test_a_batch_keeps_its_order_and_a_bad_event_fails_alone() -> None:
    good = json.loads(SAMPLE.read_bytes())
    first, bad, last = adapt("order", json.dumps([good, {}, good | {"id": "ev-502"}]).encode(), RECEIVED)
    assert isinstance(first, Interaction)
    assert isinstance(last, Interaction)
    assert bad == Failure("missing_field", "payload[1].specversion: is required")
    assert last.event_id == "/oms/fulfilment|ev-502"


def test_no_time_means_now() -> None:
    event = changed(time=None)
    assert isinstance(event, Interaction)
    assert event.occurred_at == RECEIVED


@pytest.mark.parametrize(
    ("changes", "code", "place"),
    [
        ({"specversion": "0.3"}, "unsupported_event", "payload"),
        ({"type": "..."}, "unsupported_event", "payload"),
        ({"id": "i" * 300}, "bad_field", "payload.id"),
        ({"time": "2025-02-30T00:00:00Z"}, "bad_time", "payload.time"),
        ({"data": "aGk="}, "bad_field", "payload.data"),
        ({"data": {"order_id": "1"}}, "missing_field", "payload.data.customer_id"),
        ({"data": {"customer_id": "C"}}, "missing_field", "payload.data.order_id"),
        ({"data": {"customer_id": " ", "order_id": "1"}}, "bad_field", "payload.data"),
        ({"data": {"customer_id": "C", "order_id": "#"}}, "bad_field", "payload.data"),
        (
            {"data": {"customer_id": "C", "order_id": "1", "delivery_charge": "free"}},
            "bad_field",
            "payload.data.delivery_charge",
        ),
    ],
)
def test_refusals_name_the_field(changes: dict[str, object], code: str, place: str) -> None:
    failure = changed(**changes)
    assert isinstance(failure, Failure)
    assert (failure.code, failure.message.partition(":")[0]) == (code, place)
