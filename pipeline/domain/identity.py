"""Whose event is it? The fold of the `identities` table, one record an identifier.

Evidence meets the record that it is about: an event is handled under its primary identifier, and what it says about
other identifiers travels as `IdentityLink` to theirs, see `evidence`. Rules:

- A verified customer number, of a login or the system of record, is the customer's id. Without one the record of
  the primary identifier decides, and an identifier never seen before makes a provisional customer at once.
- A login makes a device the customer's. A login of a second customer merges nothing; from then on the device is
  shared: every visit is a provisional customer's of its own until somebody logs in in it. So it is with an e-mail
  address or a phone number that is vouched for to be two customers'.
"""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from pipeline.domain.customers import Profile
from pipeline.domain.erased_identity import erase_identifier
from pipeline.domain.evidence import (
    CUSTOMER_NUMBER,
    HANDOVER_MS,
    IdentityRecord,
    block,
    link,
    meaningless,
    share,
    with_visit,
)
from pipeline.domain.ids import is_provisional, provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.journal import SHARED_IDENTIFIER, VERIFIED_NUMBER
from pipeline.domain.messages import (
    IdentifiedInteraction,
    IdentifierErased,
    IdentityLink,
    MergeRequested,
    Output,
)

LINKS_REMEMBERED = 8


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
            return erase_identifier(record, message), []


def identify(
    record: IdentityRecord | None, interaction: Interaction
) -> tuple[IdentityRecord | None, list[Output]]:
    """Whose event this is: the record of its primary identifier (None: none is kept) and what to publish.

    The record is the one that was given when nothing about it has changed. When the event proves that a
    provisional customer is a known one, it follows the `MergeRequested` under the provisional customer's key, and
    its fold passes it on behind the state.
    """
    primary = interaction.identifiers[0]
    proven = proven_customer(interaction)
    if meaningless(primary):
        return record, [_identified(interaction, primary, proven)]
    told: list[Output] = []
    if record is not None and proven is not None and proven is not primary:
        record, told = _proven(record, primary, proven, interaction.received_at)
    if record is None or not record.rivals or not record.shared:
        record, outputs = _resolve(record, primary.key, interaction, proven)
    else:
        visit = f"{interaction.channel}:{interaction.interaction_id}"
        before = record.visits.get(visit)
        own, outputs = _resolve(before, f"{primary.key}|{visit}", interaction, proven)
        if own is not before:
            record = with_visit(record, visit, own)
    return record, told + outputs


def _proven(
    record: IdentityRecord, primary: Identifier, proven: Identifier, now: int
) -> tuple[IdentityRecord, list[Output]]:
    """The record after a login, and what is told of it when the identifier is another known customer's too."""
    if record.assurance != "verified":
        if record.rivals:
            record = replace(record, customer_id=proven.value, rivals=[], former_ids=[], visits={})
        if record.is_of(proven.value):
            record = replace(record, assurance="verified", linked_at=now)
        return record, []
    if not record.known or record.is_of(proven.value) or proven.value in record.rivals:
        return record, []
    record, told = block(record, proven.value, SHARED_IDENTIFIER, primary, now)
    record, asked = share(record, proven.value, primary, now)
    return record, told + asked


def _resolve(
    record: IdentityRecord | None, name: str, interaction: Interaction, proven: Identifier | None
) -> tuple[IdentityRecord, list[Output]]:
    """The record after an event, which is made under `name` when there is none, and whose event it is."""
    now = interaction.received_at
    outputs: list[Output] = []
    if record is None:
        customer = proven.value if proven else provisional_id(name)
        assurance = "verified" if proven else interaction.identifiers[0].assurance
        record = IdentityRecord(customer, proven is not None, assurance, now)
    elif proven and proven.value != record.customer_id and not record.is_of(proven.value):
        if not record.known:
            outputs.append(
                MergeRequested(
                    loser=record.customer_id,
                    winner=proven.value,
                    evidence=proven,
                    rule=VERIFIED_NUMBER,
                    requested_at=now,
                )
            )
        record = replace(
            record,
            customer_id=proven.value,
            known=True,
            assurance="verified",
            linked_at=now,
            handover=None if record.known else record.customer_id,
            handover_until=now + HANDOVER_MS,
            rivals=[],
            former_ids=[],
        )
    if record.handover is not None and record.handover_until == 0:
        # A link says since when it is so, which may be long before it arrives.
        record = replace(record, handover_until=now + HANDOVER_MS)
    elif record.handover is not None and now > record.handover_until:
        record = replace(record, handover=None)
    by_number = proven is not None or (record.handover is not None and record.known)
    outputs.append(
        IdentifiedInteraction(
            customer_id=record.handover or record.customer_id,
            known=record.known,
            resolved_by=f"{CUSTOMER_NUMBER}:{record.customer_id}" if by_number else interaction.key,
            interaction=interaction,
        )
    )
    links = _links(record, interaction)
    if links:
        told = record.links | {link.key: _telling(record, link.identifier) for link in links}
        excess = len(told) - LINKS_REMEMBERED
        record = replace(record, links=dict(islice(told.items(), max(excess, 0), None)))
    return record, [*outputs, *links]


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
