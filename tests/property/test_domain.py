"""What must hold of the domain whatever the events, their order and their number."""

from __future__ import annotations

from itertools import permutations

from domain_values import DEVICE, MINUTE, NOW, NUMBER, SECOND, event, folded, identified, profile, rules
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain import state as states
from pipeline.domain.customer import fire, handle
from pipeline.domain.identity import IdentityRecord, link
from pipeline.domain.ids import provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.journal import CLAIMED_BY_BOTH
from pipeline.domain.merging import absorb
from pipeline.domain.messages import ActionCommand, IdentityLink, MergeRequested, Output
from pipeline.domain.state import CustomerState

HELP = """
strategy: help
version: 1
title: Help
lane: service_reply
entry: {on: web.form_started}
key: event.interaction_id
steps:
  - id: offer
    absent: web.form_submitted
    since: [web.form_started, web.form_field]
    for: 5m
    do: [{send_message: {template: hello}}]
  - {id: thanks, on: web.form_submitted, do: [{create_ticket: {subject: x, priority: 1, text: y}}]}
"""
LIVE = rules(HELP)
KINDS = ("form_started", "form_field", "form_submitted", "page_viewed")


@st.composite
def stories(draw: st.DrawFn, length: int = 12) -> list[Interaction]:
    """Events of one customer within a minute, in the order in which they happened."""
    moments = sorted(draw(st.lists(st.integers(0, 60), min_size=1, max_size=length)))
    return [
        event(
            f"e{at}",
            NOW + moment * SECOND,
            kind=draw(st.sampled_from(KINDS)),
            interaction_id=draw(st.sampled_from(["f1", "f2"])),
            facts=draw(st.dictionaries(st.sampled_from(["size", "reason"]), st.integers(0, 3), max_size=1)),
        )
        for at, moment in enumerate(moments)
    ]


def played(story: list[Interaction], customer_id: str = "C-1") -> tuple[CustomerState, list[Output]]:
    """The state after a story that arrives at one time and the passing of an hour, and all that came of it."""
    state = CustomerState(customer_id, known=True, profile=profile(customer_id))
    outputs: list[Output] = []
    for one in story:
        outputs += folded(state, one, LIVE, now=NOW + MINUTE)
    outputs += fire(state, NOW + 20 * MINUTE, LIVE)
    return state, outputs


def actions(outputs: list[Output]) -> list[str]:
    return sorted(one.action_id for one in outputs if isinstance(one, ActionCommand))


@settings(deadline=None)
@given(stories())
def test_the_same_story_gives_the_same_outputs(story: list[Interaction]) -> None:
    assert played(story)[1] == played(story)[1]


@settings(deadline=None)
@given(stories(), st.data())
def test_duplicates_change_nothing(story: list[Interaction], data: st.DataObject) -> None:
    again = list(story)
    for one in data.draw(st.lists(st.sampled_from(story), max_size=6)):
        after = next(at for at, other in enumerate(again) if other is one)
        again.insert(data.draw(st.integers(after + 1, len(again))), one)
    assert states.encode(played(again)[0]) == states.encode(played(story)[0])
    assert played(again)[1] == played(story)[1]


@settings(deadline=None)
@given(stories(), st.randoms(use_true_random=False))
def test_within_the_grace_the_order_of_arrival_does_not_matter_to_the_session(
    story: list[Interaction], random: object
) -> None:
    shuffled = list(story)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, two = played(story)[0], played(shuffled)[0]
    spans = [
        [(it.started_at, it.last_at, it.closes_at, it.events, it.channels) for it in state.sessions]
        for state in (one, two)
    ]
    assert spans[0] == spans[1]
    assert one.history.contacts == two.history.contacts
    assert {name: (it.started_at, it.last_at, it.events) for name, it in one.going_on.items()} == {
        name: (it.started_at, it.last_at, it.events) for name, it in two.going_on.items()
    }


@settings(deadline=None)
@given(stories())
def test_no_step_is_carried_out_more_often_than_it_may(story: list[Interaction]) -> None:
    _, outputs = played(story)
    assert len(actions(outputs)) == len(set(actions(outputs)))
    places = [(one.attempt_key, one.step) for one in outputs if isinstance(one, ActionCommand)]
    assert len(places) == len(set(places))


@settings(deadline=None)
@given(st.lists(stories(length=5), min_size=3, max_size=3))
def test_it_does_not_matter_which_merge_arrives_first(parts: list[list[Interaction]]) -> None:
    results = []
    for order in permutations(range(3)):
        sides = []
        for at, part in enumerate(parts):
            own = [
                event(
                    f"{at}{one.event_id}",
                    one.occurred_at,
                    one.kind,
                    interaction_id=one.interaction_id,
                    facts=one.facts,
                )
                for one in part
            ]
            state = CustomerState(provisional_id(f"device:{at}"))
            for one in own:
                handle(state, identified(one, state.customer_id, known=False), NOW + MINUTE, LIVE)
            sides.append(state)
        winner = CustomerState("C-1", known=True, profile=profile())
        for at in order:
            absorb(winner, sides[at])
        results.append(winner)
    first = results[0]
    for other in results[1:]:
        assert (other.sessions, other.going_on, other.history) == (
            first.sessions,
            first.going_on,
            first.history,
        )
        assert (other.attempts, other.identifiers, other.recent) == (
            first.attempts,
            first.identifiers,
            first.recent,
        )
        assert {it.thread_id: it.facts for it in other.threads} == {
            it.thread_id: it.facts for it in first.threads
        }


EVIDENCE = st.builds(
    IdentityLink,
    identifier=st.builds(
        Identifier,
        type=st.just("email"),
        value=st.just("maya@example.com"),
        assurance=st.sampled_from(["verified", "asserted", "observed"]),
    ),
    customer_id=st.sampled_from(["C-1", "C-2", provisional_id("a"), provisional_id("b")]),
    known=st.just(True),
    source=st.just("test"),
    linked_at=st.integers(0, 3),
)


def evidence_known(one: IdentityLink) -> IdentityLink:
    one.known = one.customer_id.startswith("C")
    return one


@settings(deadline=None)
@given(st.lists(EVIDENCE.map(evidence_known), min_size=1, max_size=4))
def test_whose_an_identifier_is_does_not_depend_on_the_order_of_the_evidence(
    claims: list[IdentityLink],
) -> None:
    holders = set()
    for order in permutations(claims):
        record: IdentityRecord | None = None
        for claim in order:
            record, outputs = link(record, claim)
            for one in outputs:
                if isinstance(one, MergeRequested) and one.rule != CLAIMED_BY_BOTH:  # that one is a question
                    assert one.loser.startswith("p-"), "a known customer is never merged away"
        assert record is not None
        holders.add((record.customer_id, *record.rivals))
    assert len(holders) == 1


@settings(deadline=None)
@given(stories())
def test_the_state_survives_its_bytes(story: list[Interaction]) -> None:
    state, _ = played([*story, event("login", NOW + MINUTE, "login", identifiers=[DEVICE, NUMBER])])
    assert states.decode(states.encode(state)) == state
