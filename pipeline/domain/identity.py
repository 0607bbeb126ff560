"""Whose event is it? The fold of the `identities` table, one record an identifier.

Evidence meets the record that it is about: an event is handled under its primary identifier, and what it
says about other identifiers travels as `IdentityLink` to theirs. Rules:

- A verified customer number is the customer's id. Without one the record of the primary identifier decides,
  and an identifier never seen before makes a provisional customer at once.
- Known wins over provisional, whatever the assurance. Two known customers are never merged here: an
  identifier goes to the one with the better evidence (assurance, then the newer, then the smaller id). Of
  two provisional customers the smaller id wins, so that the order of arrival does not matter.
- A login on a device of another known customer moves the device's session, and merges nothing.
- Identifiers that many people share because they mean nothing (`null`, zeros, `kiosk` …) identify nobody.
"""

from __future__ import annotations

from itertools import islice

import msgspec
from msgspec.structs import replace

from pipeline.domain.customers import Profile
from pipeline.domain.ids import is_provisional, provisional_id
from pipeline.domain.interactions import Assurance, Identifier, Interaction
from pipeline.domain.messages import (
    IdentifiedInteraction,
    IdentifierErased,
    IdentityLink,
    MergeRequested,
    Output,
)

CUSTOMER_NUMBER = "customer_number"
HANDOVER_MS = 10_000
LINKS_REMEMBERED = 8
MEANINGLESS = frozenset(
    {"", "null", "none", "nil", "undefined", "nan", "anonymous", "anon", "unknown", "guest", "n/a", "na"}
    | {"test", "kiosk", "false", "true", "[object object]"}
)
_RANK: dict[Assurance, int] = {"observed": 0, "asserted": 1, "verified": 2}


class IdentityRecord(msgspec.Struct, array_like=True, frozen=True):
    """Whose identifier it is, how sure, and since when (`linked_at`, epoch milliseconds).

    `links` maps the other identifiers that its events told of to what was told, so that each is told once.
    Until `handover_until` events go by way of `handover`, the provisional customer that has just been
    merged, so that they cannot overtake its state.
    """

    customer_id: str
    known: bool
    assurance: Assurance
    linked_at: int
    links: dict[str, str] = msgspec.field(default_factory=dict)
    handover: str | None = None
    handover_until: int = 0


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(IdentityRecord)


def encode(record: IdentityRecord) -> bytes:
    """The record as MessagePack."""
    return _encoder.encode(record)


def decode(raw: bytes) -> IdentityRecord:
    """The record from MessagePack; raises msgspec.DecodeError when `raw` is not one."""
    return _decoder.decode(raw)


def meaningless(identifier: Identifier) -> bool:
    """Whether the identifier's value names nobody: a placeholder, or nothing but zeros and punctuation."""
    bare = identifier.value.rpartition(":")[2].strip().lower()
    return bare in MEANINGLESS or not any(char.isalnum() and char != "0" for char in bare)


def proven_customer(interaction: Interaction) -> Identifier | None:
    """The verified customer number among the event's identifiers, None when there is none."""
    for identifier in interaction.identifiers:
        if (
            identifier.type == CUSTOMER_NUMBER
            and identifier.assurance == "verified"
            and not meaningless(identifier)
            and not is_provisional(identifier.value)
        ):
            return identifier
    return None


def handle(
    record: IdentityRecord | None, message: Interaction | IdentityLink | IdentifierErased
) -> tuple[IdentityRecord | None, list[Output]]:
    """Fold one message into the record of its identifier: the record, and what to publish.

    The record is the one that was given when nothing about it has changed.
    """
    match message:
        case Interaction():
            return identify(record, message)
        case IdentityLink():
            return link(record, message)
        case IdentifierErased():
            raise NotImplementedError


def identify(
    record: IdentityRecord | None, interaction: Interaction
) -> tuple[IdentityRecord | None, list[Output]]:
    """Whose event this is: the record of its primary identifier (None: none is kept) and what to publish.

    The record is the one that was given when nothing about it has changed.
    A time in the future is put back to when the event was received, and flagged in
    `attributes.clock_skew_ms`. When the event proves that a provisional customer is a known one, it follows
    the `MergeRequested` under the provisional customer's key, and its fold passes it on behind the state.
    """
    interaction = clamped(interaction)
    primary = interaction.identifiers[0]
    proven = proven_customer(interaction)
    if meaningless(primary):
        return record, [_identified(interaction, primary, proven)]
    now = interaction.received_at
    outputs: list[Output] = []
    if record is None:
        customer = proven.value if proven else provisional_id(primary.key)
        record = IdentityRecord(customer, proven is not None, primary.assurance, now)
    elif proven and proven.value != record.customer_id:
        if not record.known:
            outputs.append(
                MergeRequested(
                    loser=record.customer_id,
                    winner=proven.value,
                    evidence=proven,
                    rule="verified_customer_number",
                    requested_at=now,
                )
            )
        record = replace(
            record,
            customer_id=proven.value,
            known=True,
            linked_at=now,
            handover=None if record.known else record.customer_id,
            handover_until=now + HANDOVER_MS,
        )
    if record.handover is not None and now > record.handover_until:
        record = replace(record, handover=None)
    by_number = proven is not None or (record.handover is not None and record.known)
    outputs.append(
        IdentifiedInteraction(
            customer_id=record.handover or record.customer_id,
            known=record.known,
            resolved_by=f"{CUSTOMER_NUMBER}:{record.customer_id}" if by_number else primary.key,
            interaction=interaction,
        )
    )
    links = _links(record, interaction)
    if links:
        told = record.links | {link.key: _telling(record, link.identifier) for link in links}
        excess = len(told) - LINKS_REMEMBERED
        record = replace(record, links=dict(islice(told.items(), max(excess, 0), None)))
    return record, [*outputs, *links]


def link(record: IdentityRecord | None, evidence: IdentityLink) -> tuple[IdentityRecord | None, list[Output]]:
    """Take evidence into the record of its identifier: the record and the merge to ask for, if any.

    The record is the one that was given when nothing about it has changed.
    """
    if meaningless(evidence.identifier):
        return record, []
    fresh = IdentityRecord(
        evidence.customer_id, evidence.known, evidence.identifier.assurance, evidence.linked_at
    )
    if record is None:
        return fresh, []
    if record.customer_id == fresh.customer_id:
        stronger = max(record, fresh, key=_strength)
        known = record.known or fresh.known
        if stronger is record and known == record.known:
            return record, []
        return replace(record, assurance=stronger.assurance, linked_at=stronger.linked_at, known=known), []
    if record.known and fresh.known:
        if (_strength(fresh), record.customer_id) > (_strength(record), fresh.customer_id):
            return fresh, []
        return record, []
    winner, loser = sorted((record, fresh), key=lambda side: (not side.known, side.customer_id))
    merge = MergeRequested(
        loser=loser.customer_id,
        winner=winner.customer_id,
        evidence=evidence.identifier,
        rule="known_over_provisional" if winner.known else "smaller_provisional_id",
        requested_at=evidence.linked_at,
    )
    if winner is fresh:
        until = evidence.linked_at + HANDOVER_MS
        winner = replace(fresh, handover=loser.customer_id, handover_until=until)
    return winner, [merge]


def links_of(profile: Profile) -> list[IdentityLink]:
    """The identifiers that the system of record vouches for; all count as verified."""
    return [
        IdentityLink(
            identifier=Identifier(identifier.type, identifier.value, "verified"),
            customer_id=profile.customer_id,
            known=True,
            source="customers",
            linked_at=profile.updated_at,
        )
        for identifier in profile.identifiers
        if not meaningless(identifier)
    ]


def clamped(interaction: Interaction) -> Interaction:
    """The interaction with its time within what is possible: not after it was received, not before 1970."""
    skew = interaction.occurred_at - interaction.received_at
    if skew <= 0 <= interaction.occurred_at:
        return interaction
    attributes = {**interaction.attributes, "clock_skew_ms": skew}
    occurred_at = max(0, min(interaction.occurred_at, interaction.received_at))
    return replace(interaction, occurred_at=occurred_at, attributes=attributes)


def _strength(record: IdentityRecord) -> tuple[int, int]:
    return _RANK[record.assurance], record.linked_at


def _identified(
    interaction: Interaction, primary: Identifier, proven: Identifier | None
) -> IdentifiedInteraction:
    """An event whose primary identifier means nothing: its customer is the interaction itself."""
    alone = provisional_id(f"interaction:{interaction.channel}:{interaction.interaction_id}")
    return IdentifiedInteraction(
        customer_id=proven.value if proven else alone,
        known=proven is not None,
        resolved_by=(proven or primary).key,
        interaction=interaction,
    )


def _links(record: IdentityRecord, interaction: Interaction) -> list[IdentityLink]:
    """Links for the event's other identifiers that were not told yet. A customer number needs none: its value is
    the customer's id.
    """
    return [
        IdentityLink(
            identifier=identifier,
            customer_id=record.customer_id,
            known=record.known,
            source=interaction.source,
            linked_at=interaction.received_at,
            event_id=interaction.event_id,
        )
        for identifier in interaction.identifiers[1:]
        if identifier.type != CUSTOMER_NUMBER
        and record.links.get(identifier.key) != _telling(record, identifier)
        and not meaningless(identifier)
    ]


def _telling(record: IdentityRecord, identifier: Identifier) -> str:
    return f"{identifier.assurance}:{record.customer_id}"
