"""The journal of identities: the rules that join customers or keep them apart, and what is published of it."""

from __future__ import annotations

from pipeline.domain.ids import new_id
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import Change, IdentityChange

# Why two customers are one:
VERIFIED_NUMBER = "verified_customer_number"
LINKED_NUMBER = "linked_customer_number"
KNOWN_OVER_PROVISIONAL = "known_over_provisional"
SMALLER_PROVISIONAL_ID = "smaller_provisional_id"
# Where somebody who was merged has got to:
MOVED_ON = "moved_on"
# Why two known customers are asked where they are by now:
CLAIMED_BY_BOTH = "claimed_by_both"
# Why two customers are not made one, or not two:
CONFLICTING_NUMBERS = "conflicting_customer_numbers"
WEAK_EVIDENCE = "weak_evidence"
SHARED_IDENTIFIER = "shared_identifier"
KEPT_APART = "kept_apart"
FAN_IN_LIMIT = "fan_in_limit"
CIRCLE = "merged_in_a_circle"
NOT_MERGED = "not_merged"


def journal(
    outcome: Change, customer_id: str, other: str, rule: str, evidence: Identifier | None, at: int
) -> IdentityChange:
    """What is published of a merge that was done, blocked or undone; its id is the same whenever it is said."""
    told_by = evidence.key if evidence else ""
    return IdentityChange(
        change_id=new_id("identity", outcome, customer_id, other, rule, told_by),
        outcome=outcome,
        customer_id=customer_id,
        other=other,
        rule=rule,
        evidence=evidence,
        at=at,
    )
