"""An identifier's record and the erasure of its customer."""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain.evidence import IdentityRecord
from pipeline.domain.interactions import Interaction
from pipeline.domain.messages import IdentifierErased, IdentityLink, Output
from pipeline.domain.requests import EraseRequested

BY_ERASURE = "erasure"
"""Who asks for, and decides on, what follows from an erasure."""


def erase_identifier(record: IdentityRecord | None, erased: IdentifierErased) -> IdentityRecord | None:
    """The record of an erased identifier: none, unless others have it too, as a device that people share.

    Then it is theirs, and still nothing that happened up to the erasure is taken in.
    """
    if record is None:
        return None
    gone = set(erased.customers)
    holders = [record.customer_id, *record.rivals]
    if not gone.isdisjoint(record.former_ids):
        gone.add(record.customer_id)
    left = [holder for holder in holders if holder not in gone]
    if not left:
        return None
    return replace(
        record,
        customer_id=left[0],
        rivals=left[1:],
        links={key: said for key, said in record.links.items() if said.partition(":")[2] not in gone},
        handover=None if record.handover in gone else record.handover,
        visits={name: own for name, own in record.visits.items() if own.customer_id not in gone},
        former_ids=record.former_ids if left[0] == record.customer_id else [],
        erased_at=max(record.erased_at, erased.erased_at),
    )


def unheard(
    record: IdentityRecord | None, message: Interaction | IdentityLink | IdentifierErased, erased_at: int
) -> list[Output] | None:
    """None when the message is to be folded; else, for what tells of something up to `erased_at`, what comes of it
    instead. An `erased_at` below 0 tells that nobody was forgotten; times before 1970 are below it.

    A customer who is not known, and would have been one with the forgotten one had it come sooner, is forgotten
    too.
    """
    if erased_at < 0:
        return None
    match message:
        case Interaction():
            return [] if min(message.occurred_at, message.received_at) <= erased_at else None
        case IdentityLink() if message.linked_at <= erased_at:
            if record is not None or message.known or message.replaces is not None:
                return []
            return [same_person(message.customer_id, erased_at)]
    return None


def same_person(customer_id: str, erased_at: int) -> EraseRequested:
    """The request to forget somebody who is the forgotten customer by evidence alone."""
    return EraseRequested(customer_id=customer_id, by=BY_ERASURE, requested_at=erased_at, unless_known=True)


def begun_anew(record: IdentityRecord | None, erased_at: int) -> IdentityRecord | None:
    """The record with the time of the erasure that came before it."""
    if record is None or record.erased_at >= erased_at:
        return record
    return replace(record, erased_at=erased_at)
