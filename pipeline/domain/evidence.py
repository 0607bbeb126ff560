"""Whose an identifier is, by all that was claimed about it: one record an identifier, the `identities` table.

- A known customer goes before a provisional one, whatever the evidence; the provisional one is merged into them.
  Of two provisional customers the smaller id stays, and not the older: who is older may turn out after the merge,
  with an event that comes late, and the one who stays must not depend on the order of arrival.
- Two known customers are never merged because both claim an identifier. It is the one's with the better evidence
  (verified, asserted, observed). With equally good evidence it is *shared* and stands for nobody, until they
  turn out to be one. They may be one already, for a record is not told of every merge: both are asked. What
  provisional customers claim meanwhile is kept until then.
- Two known customers are one only when the system of record says that the number of one belongs to the other: the
  number's own record takes a verified `IdentityLink` to another customer, who stays.
- A merge that is blocked is told once for each pair of customers and rule, among the last that were told.
- Identifiers that many people share because they mean nothing (`null`, zeros, `kiosk` …) are nobody's.
"""

from __future__ import annotations

from itertools import islice

import msgspec
from msgspec.structs import replace

from pipeline.domain.ids import rank
from pipeline.domain.interactions import Assurance, Identifier
from pipeline.domain.journal import (
    CLAIMED_BY_BOTH,
    CONFLICTING_NUMBERS,
    KNOWN_OVER_PROVISIONAL,
    LINKED_NUMBER,
    SHARED_IDENTIFIER,
    SMALLER_PROVISIONAL_ID,
    VERIFIED_NUMBER,
    WEAK_EVIDENCE,
    journal,
)
from pipeline.domain.messages import IdentityLink, MergeRequested, Output

CUSTOMER_NUMBER = "customer_number"
HANDOVER_MS = 10_000
RIVALS = 4
FORMER_IDS = 8
TOLD = 8
VISITS = 8
MEANINGLESS = frozenset(
    {"", "null", "none", "nil", "undefined", "nan", "anonymous", "anon", "unknown", "guest", "n/a", "na"}
    | {"test", "kiosk", "false", "true", "[object object]"}
)
RANK: dict[Assurance, int] = {"observed": 0, "asserted": 1, "verified": 2}


class IdentityRecord(msgspec.Struct, array_like=True, frozen=True):
    """Whose identifier it is, how sure, and since when (`linked_at`, epoch milliseconds).

    `links` maps the other identifiers that its events told of to what was told, so that each is told once.
    Until `handover_until` (0: it is for the next event to say) events go by way of `handover`, the customer that
    has just been merged, so that they cannot overtake its state. `rivals` are other known customers with as
    good a claim: with any of them it is shared, and `visits` says whose each of the last interactions was,
    `channel:interaction_id`, and who else has claimed it, provisional customers by their ids. `former_ids` are
    ids that the customer had before merges; `told` are the ids of the blocked merges published last. What
    happened up to `erased_at`, when a customer who had it was forgotten, tells nothing.
    """

    customer_id: str
    known: bool
    assurance: Assurance
    linked_at: int
    links: dict[str, str] = msgspec.field(default_factory=dict)
    handover: str | None = None
    handover_until: int = 0
    rivals: list[str] = msgspec.field(default_factory=list)
    visits: dict[str, IdentityRecord] = msgspec.field(default_factory=dict)
    former_ids: list[str] = msgspec.field(default_factory=list)
    told: list[str] = msgspec.field(default_factory=list)
    erased_at: int = -1

    @property
    def shared(self) -> bool:
        """Whether it is several known customers' who are not one, and stands for none of them."""
        return not set(self.rivals).issubset(self.former_ids)

    def is_of(self, customer_id: str) -> bool:
        """Whether the customer has it, under this or an earlier id."""
        return customer_id == self.customer_id or customer_id in self.former_ids


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(IdentityRecord)


def encode(record: IdentityRecord) -> bytes:
    """The record as MessagePack."""
    return _encoder.encode(record)


def decode(raw: bytes) -> IdentityRecord:
    """The record from MessagePack; raises msgspec.DecodeError when `raw` is not one."""
    return _decoder.decode(raw)


def meaningless(identifier: Identifier) -> bool:
    """Whether the identifier's value names nobody: a placeholder, or nothing but zeros and punctuation.

    Of a social handle the id counts, of an e-mail address what is before the @. An id of zeros only may be
    somebody's, as may `test@`, but far more often they stand for one that is missing; and to take many people for
    one is worse than not to recognise one.
    """
    value = identifier.value
    if identifier.type == "social":
        value = value.partition(":")[2]
    elif identifier.type == "email":
        value = value.partition("@")[0]
    bare = value.strip().lower()
    return bare in MEANINGLESS or not any(char.isalnum() and char != "0" for char in bare)


def link(record: IdentityRecord | None, evidence: IdentityLink) -> tuple[IdentityRecord | None, list[Output]]:
    """Take evidence into the record of its identifier: the record, and the merge to ask for or that is blocked.

    The record is the one that was given when nothing about it has changed.
    """
    if meaningless(evidence.identifier):
        return record, []
    if evidence.identifier.type == CUSTOMER_NUMBER and evidence.replaces is None:
        return _link_number(record, evidence)
    if record is None:
        return _claim(evidence), []
    if evidence.replaces is not None:
        return _hand_on(record, evidence.replaces, evidence)
    if record.is_of(evidence.customer_id):
        return _strengthened(record, evidence), []
    if record.known and evidence.known:
        return _rival(record, evidence)
    return _merge(record, evidence)


def share(
    record: IdentityRecord, rival: str, identifier: Identifier, at: int
) -> tuple[IdentityRecord, list[Output]]:
    """The record as that of an identifier that another known customer uses too, and what the two are asked."""
    customer_id, *others = _in_order({record.customer_id, *record.rivals, rival}, record.former_ids)
    shared = replace(record, customer_id=customer_id, rivals=others[:RIVALS], handover=None)
    if rival not in (customer_id, *shared.rivals):
        return shared, []
    pair = (record.customer_id, rival)
    return shared, [
        MergeRequested(loser=one, winner=other, evidence=identifier, rule=CLAIMED_BY_BOTH, requested_at=at)
        for one, other in (pair, pair[::-1])
    ]


def with_visit(record: IdentityRecord, name: str, own: IdentityRecord) -> IdentityRecord:
    """The record of a shared identifier, with whose the visit of this name is."""
    visits = {**record.visits, name: own}
    return replace(record, visits=dict(islice(visits.items(), max(len(visits) - VISITS, 0), None)))


def _in_order(holders: set[str], former_ids: list[str]) -> list[str]:
    return sorted(holders, key=lambda one: (one in former_ids, one))


def block(
    record: IdentityRecord, other: str, rule: str, identifier: Identifier, at: int
) -> tuple[IdentityRecord, list[Output]]:
    """Tell that `other` is not made one with the record's customer, unless it was told already."""
    kept, away = sorted((record.customer_id, other), key=rank)
    blocked = journal("blocked", kept, away, rule, identifier, at)
    if blocked.change_id in record.told:
        return record, []
    return replace(record, told=[*record.told, blocked.change_id][-TOLD:]), [blocked]


def _claim(evidence: IdentityLink) -> IdentityRecord:
    return IdentityRecord(
        evidence.customer_id, evidence.known, evidence.identifier.assurance, evidence.linked_at
    )


def _strengthened(record: IdentityRecord, evidence: IdentityLink) -> IdentityRecord:
    """The record after evidence for the customer that it has already; better evidence leaves rivals behind.

    That of a provisional customer who has become a known one does not make the known one's claim any better.
    """
    fresh = _claim(evidence)
    if fresh.known != record.known:
        return record
    better = RANK[fresh.assurance] - RANK[record.assurance]
    if better > 0:
        return replace(record, assurance=fresh.assurance, linked_at=fresh.linked_at, rivals=[], visits={})
    if better == 0 and fresh.linked_at > record.linked_at:
        return replace(record, linked_at=fresh.linked_at)
    return record


def _rival(record: IdentityRecord, evidence: IdentityLink) -> tuple[IdentityRecord, list[Output]]:
    """Two known customers claim the identifier."""
    fresh = _claim(evidence)
    better = RANK[fresh.assurance] - RANK[record.assurance]
    both_verified = better == 0 and fresh.assurance == "verified"
    rule = CONFLICTING_NUMBERS if both_verified else WEAK_EVIDENCE
    record, outputs = block(record, fresh.customer_id, rule, evidence.identifier, evidence.linked_at)
    if better > 0:
        return replace(fresh, told=record.told), outputs
    if better == 0 and fresh.customer_id not in record.rivals:
        record, asked = share(record, fresh.customer_id, evidence.identifier, evidence.linked_at)
        outputs += asked
    return record, outputs


def _merge(record: IdentityRecord, evidence: IdentityLink) -> tuple[IdentityRecord, list[Output]]:
    """Two customers claim the identifier, not both of them known: they are one, unless it is nobody's."""
    fresh = _claim(evidence)
    if record.shared:
        if fresh.customer_id not in record.visits:
            record = with_visit(record, fresh.customer_id, fresh)
        return block(record, fresh.customer_id, SHARED_IDENTIFIER, evidence.identifier, evidence.linked_at)
    winner, loser = sorted((record, fresh), key=lambda side: (not side.known, side.customer_id))
    merge = MergeRequested(
        loser=loser.customer_id,
        winner=winner.customer_id,
        evidence=evidence.identifier,
        rule=KNOWN_OVER_PROVISIONAL if winner.known else SMALLER_PROVISIONAL_ID,
        requested_at=evidence.linked_at,
    )
    if winner is record:
        return record, [merge]
    former_ids = [*record.former_ids, loser.customer_id][-FORMER_IDS:]
    fresh = replace(fresh, links=record.links, former_ids=former_ids, told=record.told)
    return _given(fresh, loser.customer_id, evidence.linked_at), [merge]


def _link_number(
    record: IdentityRecord | None, evidence: IdentityLink
) -> tuple[IdentityRecord | None, list[Output]]:
    """A customer's number belongs to another customer. One that was only typed proves nothing.

    The record stays as it is until the merge is done: it may be that those two are kept apart.
    """
    number = evidence.identifier.value
    own = record or IdentityRecord(number, True, "verified", evidence.linked_at)
    if own.is_of(evidence.customer_id):
        return record, []
    verified = evidence.identifier.assurance == "verified"
    if not verified and evidence.known:
        return block(own, evidence.customer_id, WEAK_EVIDENCE, evidence.identifier, evidence.linked_at)
    if not verified:
        return record, []
    merge = MergeRequested(
        loser=number if evidence.known else evidence.customer_id,
        winner=evidence.customer_id if evidence.known else number,
        evidence=evidence.identifier,
        rule=LINKED_NUMBER if evidence.known else VERIFIED_NUMBER,
        requested_at=evidence.linked_at,
    )
    return record, [merge]


def _hand_on(
    record: IdentityRecord, former: str, evidence: IdentityLink
) -> tuple[IdentityRecord, list[Output]]:
    """The record when its customer is merged or a merge is undone; how sure the identifier is stays the same.

    If all who shared it have become one, the visits in which nobody logged in were that one's, and so is who
    claimed it.
    """
    holders = {record.customer_id, *record.rivals}
    now = evidence.customer_id
    undone = evidence.undone
    concerned = now in record.former_ids if undone else former in holders
    # What several known customers use goes to no provisional one.
    if not concerned or (record.rivals and not evidence.known):
        return record, []
    former_ids = [one for one in record.former_ids if one != now]
    if not undone:
        former_ids = [*former_ids, former][-FORMER_IDS:]
    if now not in holders:
        holders = holders - {former if former in holders else record.customer_id} | {now}
    customer_id, *rivals = _in_order(holders, former_ids)
    handed = replace(
        record,
        customer_id=customer_id,
        known=evidence.known,
        rivals=rivals,
        former_ids=former_ids,
        handover=None,
    )
    if undone or handed.shared:
        return handed, []
    nobodys = [visit.customer_id for visit in record.visits.values() if not visit.known]
    merges: list[Output] = [
        MergeRequested(
            loser=visitor,
            winner=customer_id,
            evidence=evidence.identifier,
            rule=KNOWN_OVER_PROVISIONAL,
            requested_at=evidence.linked_at,
        )
        for visitor in nobodys
    ]
    return _given(handed, former, evidence.linked_at), merges


def _given(record: IdentityRecord, former: str, at: int) -> IdentityRecord:
    """The record of a customer into whom `former` has just been merged: what follows goes by the same way."""
    told_for = f":{former}"
    links = {
        key: f"{said.removesuffix(told_for)}:{record.customer_id}" if said.endswith(told_for) else said
        for key, said in record.links.items()
    }
    return replace(record, links=links, linked_at=at, handover=former, handover_until=0, visits={})
