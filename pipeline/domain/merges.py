"""The customer's side of merges: hand over, take in, and give back.

Merged customers form trees: each points to the one that it was merged into, its *parent*, and keeps as
`before_merge` what it handed over, with all that had been merged into it by then. What is sent to a customer who
has been merged itself goes on to the end of the chain; who is taken in there becomes that one's child, and is told.
So a merge can be undone at any place of a tree: what was handed over leaves all that are above it. What came in
after a merge stays with the winner.

No circle lasts. All merges but one kind go to the smaller rank (known before provisional, then the smaller id) and
cannot form one. Only the system of record may say that a number belongs to a customer of higher rank, and it may
contradict itself. What is handed over in a circle goes round in it, so it comes to every customer there, and to one
that is part of it and whose own merge went up in rank: that merge is undone.
"""

from __future__ import annotations

from msgspec.structs import replace

from pipeline.domain import state as states
from pipeline.domain.customers import Profile
from pipeline.domain.evidence import CUSTOMER_NUMBER
from pipeline.domain.identity import links_of
from pipeline.domain.ids import is_provisional, rank
from pipeline.domain.intents import take_early
from pipeline.domain.interactions import Identifier
from pipeline.domain.journal import (
    CIRCLE,
    CLAIMED_BY_BOTH,
    CONFLICTING_NUMBERS,
    FAN_IN_LIMIT,
    KEPT_APART,
    LINKED_NUMBER,
    MOVED_ON,
    NOT_MERGED,
    journal,
)
from pipeline.domain.merging import absorb
from pipeline.domain.messages import (
    CustomerMoved,
    CustomerTakenOut,
    IdentifiedInteraction,
    IdentityLink,
    MergeRequested,
    Output,
)
from pipeline.domain.requests import UnmergeRequested
from pipeline.domain.sessions import close_sessions
from pipeline.domain.state import ABSORBED, APART, CustomerState, add_disputed
from pipeline.domain.taking_out import take_out
from pipeline.domain.thread_edits import join_alike

MERGED = "merged"
PIPELINE = "pipeline"
"""Who asks for what nobody asked for."""


def sent_on(state: CustomerState, message: IdentifiedInteraction) -> list[Output]:
    """The event for the customer whose it is, nothing when it is this one's.

    A customer number goes before a merge: the device of a customer who was taken for another one by weaker
    evidence may just have logged in. The record of an identifier that still points here is told where it should.
    """
    me, parent = state.customer_id, state.merged_into
    number = message.resolved_by.removeprefix(f"{CUSTOMER_NUMBER}:")
    if number not in (message.resolved_by, me):
        return [replace(message, customer_id=number)]
    if parent is None:
        return []
    event = message.interaction
    link = _link(event.identifiers[0], parent, me, event.received_at)
    return [replace(message, customer_id=parent, resolved_by=f"{MERGED}:{me}"), link]


def on_merge(state: CustomerState, request: MergeRequested, now: int) -> list[Output]:
    """Hand over to the winner; if this customer has gone to another one already, those two are to be merged.

    Of two requests that contradict each other the first counts.
    """
    winner, parent = request.winner, state.merged_into
    if request.rule == MOVED_ON:
        return _moved_on(state, request, now)
    if request.rule == CLAIMED_BY_BOTH:
        return _on_dispute(state, request)
    if winner in (state.customer_id, parent) or winner in state.absorbed:
        return []
    if winner in state.apart:
        return [_blocked(request, state.customer_id, KEPT_APART)]
    loser = parent or state.customer_id
    if request.rule != LINKED_NUMBER and not is_provisional(loser) and not is_provisional(winner):
        return [_blocked(request, loser, CONFLICTING_NUMBERS)]
    if parent is not None:
        winner, loser = sorted((parent, winner), key=rank)
        return [replace(request, winner=winner, loser=loser)]
    before = states.encode(state)
    moved = CustomerMoved(
        winner=winner,
        loser=loser,
        state=before,
        moved_at=request.requested_at,
        rule=request.rule,
        evidence=request.evidence,
    )
    links = _links(state, winner, loser, request.requested_at)
    gone = CustomerState(loser, merged_into=winner, before_merge=before, apart=state.apart)
    gone.erased_at, gone.held = state.erased_at, state.held
    _become(state, gone)
    return [moved, *links]


def on_moved(state: CustomerState, moved: CustomerMoved, now: int) -> list[Output]:
    """Take in a customer who has been merged into this one, or send them on to where this one has gone."""
    me, parent = state.customer_id, state.merged_into
    other = states.decode(moved.state)
    if parent is not None and rank(me) < rank(parent) and me in (moved.loser, *other.absorbed):
        return _out_of_circle(state, parent, moved, now)
    if parent is not None:
        return [replace(moved, winner=parent, through=moved.through or me)]
    if moved.loser == me:
        return []
    refused = _refusal(state, other)
    if refused is not None:
        undo = UnmergeRequested(
            loser=moved.loser,
            winner=moved.through or me,
            rule=refused,
            by=PIPELINE,
            requested_at=moved.moved_at,
        )
        return [undo, journal("blocked", me, moved.loser, refused, moved.evidence, moved.moved_at)]
    absorb(state, other)
    join_alike(state)
    take_early(state)
    merged = journal("merged", me, moved.loser, moved.rule, moved.evidence, moved.moved_at)
    if moved.through is None or moved.evidence is None:
        return [merged]
    told = MergeRequested(
        loser=moved.loser, winner=me, evidence=moved.evidence, rule=MOVED_ON, requested_at=moved.moved_at
    )
    return [merged, told]


def on_unmerge(state: CustomerState, request: UnmergeRequested, now: int) -> list[Output]:
    """Take back what was handed over, and keep apart from the winner from then on.

    If this customer is part of the winner by way of another one, that one is taken out, with all it has brought.
    What is not merged is told as blocked.
    """
    parent = state.merged_into
    if parent is None:
        asked = (request.winner, request.loser, NOT_MERGED)
        return [journal("blocked", *asked, None, request.requested_at)]
    if parent != request.winner:
        return [replace(request, loser=parent)]
    taken = CustomerTakenOut(
        winner=parent,
        loser=state.customer_id,
        state=states.encode(_before(state)),
        rule=request.rule,
        taken_out_at=now,
    )
    state.apart = _with(state.apart, parent)
    _take_back(state, now)
    return [taken]


def on_taken_out(state: CustomerState, taken: CustomerTakenOut) -> list[Output]:
    """Give back what the loser had brought, here and wherever this customer has gone since."""
    me, parent, loser = state.customer_id, state.merged_into, taken.loser
    if loser == me:
        return []
    other = states.decode(taken.state)
    outputs: list[Output] = [*_links(other, loser, me, taken.taken_out_at, undone=True)]
    if parent is not None:
        before = _before(state)
        take_out(before, other)
        state.before_merge = states.encode(before)
        outputs.append(replace(taken, winner=parent, through=me))
    elif loser not in state.absorbed or taken.rule == CIRCLE or taken.through not in (None, *state.absorbed):
        # It was refused here, or has come here by another way since.
        return outputs
    else:
        take_out(state, other)
        outputs.append(journal("unmerged", me, loser, taken.rule, None, taken.taken_out_at))
    if taken.rule != CIRCLE:
        state.apart = _with(state.apart, loser)
    return outputs


def on_profile_of_merged(state: CustomerState, parent: str, profile: Profile) -> list[Output]:
    """What the system of record says about a customer who is merged: their identifiers are the winner's.

    The rest is kept for the case that the merge is undone.
    """
    before = _before(state)
    if before.profile is None or profile.updated_at >= before.profile.updated_at:
        before.profile, before.known = profile, True
        state.before_merge = states.encode(before)
    return [replace(link, customer_id=parent) for link in links_of(profile)]


def _refusal(state: CustomerState, other: CustomerState) -> str | None:
    """Why a customer may not be taken in, None when they may.

    Whoever is here already has been taken out of the other by now, or will be here.
    """
    mine = {state.customer_id, *state.absorbed}
    theirs = {other.customer_id, *other.absorbed}
    if not theirs.isdisjoint({*mine, *state.apart}) or not mine.isdisjoint(other.apart):
        return KEPT_APART
    return FAN_IN_LIMIT if len(mine | theirs) > ABSORBED + 1 else None


def _moved_on(state: CustomerState, notice: MergeRequested, now: int) -> list[Output]:
    """What this customer handed over has been taken in further up the tree than was asked."""
    if state.merged_into is not None:
        state.merged_into = notice.winner
        return []
    # The merge has been undone already, where it was asked for.
    return [
        CustomerTakenOut(
            winner=notice.winner,
            loser=state.customer_id,
            state=states.encode(state),
            rule=MOVED_ON,
            taken_out_at=now,
        )
    ]


def _on_dispute(state: CustomerState, request: MergeRequested) -> list[Output]:
    """Another known customer claims an identifier of this one: it is to go where this one has gone, or will go."""
    me, parent = state.customer_id, state.merged_into
    if parent is None:
        add_disputed(state, [request.evidence])
        return []
    before = _before(state)
    add_disputed(before, [request.evidence])
    state.before_merge = states.encode(before)
    return [_link(request.evidence, parent, me, request.requested_at), replace(request, loser=parent)]


def _out_of_circle(state: CustomerState, parent: str, moved: CustomerMoved, now: int) -> list[Output]:
    """This customer has come round, alone or as part of another, by way of those it was merged into."""
    me, before = state.customer_id, _before(state)
    _take_back(state, now)
    blocked = journal("blocked", me, parent, CIRCLE, moved.evidence, moved.moved_at)
    if moved.loser == me:
        return [blocked, *_links(state, me, parent, moved.moved_at, undone=True)]
    # Those in between have handed it over with what was theirs.
    taken = CustomerTakenOut(
        winner=parent, loser=me, state=states.encode(before), rule=CIRCLE, taken_out_at=now
    )
    other = states.decode(moved.state)
    take_out(other, before)
    return [blocked, taken, *on_moved(state, replace(moved, state=states.encode(other)), now)]


def _take_back(state: CustomerState, now: int) -> None:
    """Be a customer of one's own again. What has fallen due since then, the parent has seen to."""
    before = _before(state)
    close_sessions(before, now)
    for attempt in before.attempts.values():
        for wait in attempt.waits.values():
            if wait.due is not None and wait.due <= now:
                wait.due = None
    before.next_due = None
    before.apart, before.held, before.erased_at = state.apart, state.held, state.erased_at
    _become(state, before)


def _before(state: CustomerState) -> CustomerState:
    """What a customer who is merged has handed over; records of earlier releases do not tell."""
    return states.decode(state.before_merge) if state.before_merge else CustomerState(state.customer_id)


def _links(owner: CustomerState, to: str, former: str, at: int, undone: bool = False) -> list[IdentityLink]:
    """Links that hand on the identifiers of a customer who is merged, or is not any longer, from `former`."""
    held = [*owner.disputed, *(seen.identifier for seen in owner.identifiers.values())]
    if owner.profile is not None:
        held += owner.profile.identifiers
    if not is_provisional(owner.customer_id):
        held.append(Identifier(CUSTOMER_NUMBER, owner.customer_id, "verified"))
    return [_link(one, to, former, at, undone) for one in {one.key: one for one in held}.values()]


def _link(identifier: Identifier, to: str, former: str, at: int, undone: bool = False) -> IdentityLink:
    return IdentityLink(
        identifier=identifier,
        customer_id=to,
        known=not is_provisional(to),
        source=PIPELINE,
        linked_at=at,
        replaces=former,
        undone=undone,
    )


def _with(apart: list[str], *others: str) -> list[str]:
    return list(dict.fromkeys([*(one for one in apart if one not in others), *others]))[-APART:]


def _become(state: CustomerState, other: CustomerState) -> None:
    for field in state.__struct_fields__:
        setattr(state, field, getattr(other, field))


def _blocked(request: MergeRequested, loser: str, rule: str) -> Output:
    kept, away = sorted((loser, request.winner), key=rank)
    return journal("blocked", kept, away, rule, request.evidence, request.requested_at)
