"""Input as nobody wants it: everything three times and out of order, one key with most of the load, nonsense."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

import msgspec

from pipeline.domain.contacts import GRACE_MS
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import CHANNELS, Identifier, Interaction
from pipeline.domain.messages import ActionReceipt, IdentifiedInteraction, IdentityLink
from pipeline.wire.codec import Codec
from pipeline.wire.framing import frame_header
from pipeline.wire.routes import route
from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.deployment import Event, Raw
from tests.faults.environment_moments import in_backlog

COPIES = 3
HOT_SHARE = 0.9
FUZZED = 10_000
HUGE = 900_000


def repeated_and_shuffled(scene: Scene) -> Hit:
    """Every event three times, each copy up to the grace later than it happened.

    An address given stays behind the rest: what it joins may happen before or after an event of another key.
    """
    events = _known(scene.take(1_000_000))
    copies = [(_arrival(event) + scene.chance.randrange(GRACE_MS), event) for event in events * COPIES]
    copies.sort(key=lambda copy: copy[0])
    met = in_backlog(scene, [event for _, event in copies])
    return Hit(met.done, met.left, None, f"{len(events)} events {COPIES} times, {met.left} left")


def _known(events: Sequence[Event]) -> list[Interaction]:
    """Without what nobody can read: it would be another dead letter each time, rightly."""
    return [event for event in events if isinstance(event, Interaction)]


def _arrival(event: Interaction) -> int:
    return event.occurred_at + (GRACE_MS if event.kind == "contact_given" else 0)


def one_hot_key(scene: Scene) -> Hit:
    """Nine of ten events come from one device."""
    events: list[Event] = scene.take(1_000_000)
    model = next(event for event in _known(events) if event.kind == "page_viewed")
    hot = round(len(events) * HOT_SHARE / (1 - HOT_SHARE))
    one_device = [Identifier("device", "hot")]
    mixed: list[Event] = [
        msgspec.structs.replace(
            model, event_id=f"hot-{turn}", occurred_at=model.occurred_at + turn, identifiers=one_device
        )
        for turn in range(hot)
    ]
    for place, event in zip(sorted(scene.chance.sample(range(hot), len(events))), events, strict=True):
        mixed.insert(place, event)
    met = in_backlog(scene, mixed)
    return Hit(met.done, met.left, None, f"{hot} of {len(mixed)} events under one key, {met.left} left")


def fuzzed(scene: Scene) -> Hit:
    """Ten thousand records on all input topics: valid ones with something wrong, and plain nonsense.

    Each is about somebody of its own, so that the order of two does not matter.
    """
    codec, now = Codec(), time.time_ns() // 1_000_000
    events = []
    for number in range(FUZZED):
        value = _MODELS[number % len(_MODELS)](number, now)
        where = route(value)
        spoil = scene.chance.choice(_SPOILS)
        events.append(
            spoil(Raw(where.topic, where.key.encode(), codec.encode(where.topic, value)), scene.chance)
        )
    met = in_backlog(scene, events)
    return Hit(met.done, met.left, None, f"{len(events)} spoilt records, {met.left} left")


def _interaction(channel: str, number: int, now: int) -> Interaction:
    return Interaction(
        event_id=f"fuzz-{number}",
        channel=channel,
        kind="message_received",
        occurred_at=now,
        received_at=now,
        source="tests/faults",
        interaction_id=f"fuzz-{number}",
        identifiers=[Identifier("device", f"fuzz-{number}")],
        text="Where is my parcel?",
    )


_MODELS: list[Callable[[int, int], msgspec.Struct]] = [
    *(lambda number, now, channel=channel: _interaction(channel, number, now) for channel in CHANNELS),
    lambda number, now: IdentityLink(
        identifier=Identifier("device", f"fuzz-{number}"),
        customer_id=f"F-{number}",
        known=True,
        source="tests/faults",
        linked_at=now,
    ),
    lambda number, now: IdentifiedInteraction(
        customer_id=f"F-{number}",
        known=True,
        resolved_by="fuzz",
        interaction=_interaction("web", number, now),
    ),
    lambda number, now: Profile(
        customer_id=f"F-{number}", updated_at=now, name="Nobody", value=1.0, language="en"
    ),
    lambda number, now: ActionReceipt(
        action_id=f"fuzz-{number}", customer_id=f"F-{number}", status="delivered", at=now
    ),
]


def _bits(record: Raw, chance: random.Random) -> Raw:
    changed = bytearray(record.value)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return record._replace(value=bytes(changed))


def _inserted(record: Raw, chance: random.Random) -> Raw:
    at = chance.randrange(len(record.value))
    return record._replace(
        value=record.value[:at] + chance.randbytes(chance.randint(1, 9)) + record.value[at:]
    )


def _stretched(record: Raw, chance: random.Random) -> Raw:
    more = chance.choices((1, 1_000, HUGE), (10, 10, 1))[0]
    return record._replace(value=record.value + bytes(more))


_SPOILS: list[Callable[[Raw, random.Random], Raw]] = [
    _bits,
    _inserted,
    lambda record, chance: record,
    lambda record, chance: record._replace(value=record.value[: chance.randrange(len(record.value))]),
    lambda record, chance: record._replace(value=chance.randbytes(chance.randrange(200))),
    lambda record, chance: record._replace(key=chance.choice((None, b"", b"nobody", b"\xff\x00"))),
    lambda record, chance: record._replace(value=frame_header(chance.randrange(1 << 31)) + record.value[5:]),
    lambda record, chance: record._replace(topic="customers" if "." in record.topic else "interactions.web"),
    _stretched,
]


FAULTS = [
    Fault("every input three times, shuffled", 3, repeated_and_shuffled, customers=400),
    Fault("one key with 90 % of the load", 1, one_hot_key, customers=150),
    Fault("10,000 fuzzed records", 1, fuzzed),
]
