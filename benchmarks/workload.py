"""The fold workload, written once for all systems in Python: its events, its state, its fold.

20,000 customers (by default) do things on five channels. Each event updates the state of its customer; every
tenth event of a customer causes an action.
"""

from __future__ import annotations

import zlib

import msgspec

from pipeline.domain.actions import SendMessage
from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import ActionCommand

PARTITIONS = 4
EVERY = 10
REMEMBERED = 20
STAGE = "fold-benchmark"

_CHANNELS = ("web", "mobile_app", "chat", "email", "social")
_START = 1_772_445_600_000
_STEP_MS = 20


class State(msgspec.Struct, frozen=True):
    """What is kept of one customer; `last_seen` is epoch milliseconds, `recent` the last 20 event ids."""

    count: int = 0
    last_seen: int = 0
    recent: tuple[str, ...] = ()
    channels: dict[str, int] = {}


encode_state = msgspec.msgpack.Encoder().encode
decode_state = msgspec.msgpack.Decoder(State).decode


def fold(state: State | None, event: Interaction) -> tuple[State, ActionCommand | None]:
    """The customer's state after an event, and the action that it causes, if any. Pure.

    An event id among the recent ones changes nothing.
    """
    state = state or State()
    if event.event_id in state.recent:
        return state, None
    after = State(
        count=state.count + 1,
        last_seen=max(state.last_seen, event.occurred_at),
        recent=(*state.recent[1 - REMEMBERED :], event.event_id),
        channels=state.channels | {event.channel: state.channels.get(event.channel, 0) + 1},
    )
    due = (after.count + _phase(event.key)) % EVERY == 0
    return after, _action(event, after.count) if due else None


def _phase(key: str) -> int:
    """As if the customer had been seen this often before: so a short run makes as many actions per event."""
    return zlib.crc32(key.encode()) % EVERY


def _action(event: Interaction, count: int) -> ActionCommand:
    customer_id = event.identifiers[0].value
    return ActionCommand(
        action_id=new_id(STAGE, customer_id, count),
        customer_id=customer_id,
        kind="send_message",
        lane="service_reply",
        body=SendMessage(
            channel="sms",
            to="+442079460018",
            template="tenth_event",
            language="en",
            text=f"You have been here {count} times.",
        ),
        strategy_id=STAGE,
        strategy_version=1,
        attempt_key=customer_id,
        step="thank",
        occurrence=count,
        event_id=event.event_id,
        interaction_id=event.interaction_id,
        decided_at=event.received_at,
    )


def event(number: int, customers: int) -> Interaction:
    """The event with this number (from 0), always the same; customers come in no order, all as often."""
    chance = zlib.crc32(b"event %d" % number)
    customer = chance % customers
    channel = _CHANNELS[chance // customers % len(_CHANNELS)]
    at = _START + number * _STEP_MS
    return Interaction(
        event_id=f"event-{number:010d}",
        channel=channel,
        kind="page_viewed",
        interaction_id=f"{channel}-{customer:06d}-{number // 100_000}",
        occurred_at=at,
        received_at=at + 40,
        source="benchmark",
        identifiers=[
            Identifier("customer_number", f"C-{customer:06d}", "verified"),
            Identifier("device", f"d-{customer:06d}", "observed"),
        ],
        language="en",
        facts={"order_id": f"{1000 + customer}"},
        attributes={"page": "/returns/start", "position": number % 7, "loaded": True},
    )
