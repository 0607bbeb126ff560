"""Merges and unmerges in any interleaving, against plain sets of events."""

from __future__ import annotations

from random import Random
from typing import Any

from domain_values import MINUTE, NOW, event, profile, rules
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from interleaved import Interleaved

from pipeline.domain.customers import Profile
from pipeline.domain.ids import fingerprint, provisional_id
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.domain.messages import IdentityLink
from pipeline.domain.replay import Message
from pipeline.domain.requests import UnmergeRequested

RULES = rules()
KNOWN = ("C-1", "C-2", "C-3")
DEVICES = [Identifier("device", f"d-{at}") for at in range(4)]
EMAILS = [Identifier("email", f"{name}@example.com", "asserted") for name in ("ann", "ben")]


def login(customer_id: str) -> Identifier:
    return Identifier("customer_number", customer_id, "verified")


def same_number(loser: str, winner: str) -> IdentityLink:
    """The system of record's word that two numbers are one customer's."""
    return IdentityLink(identifier=login(loser), customer_id=winner, known=True, source="crm", linked_at=NOW)


class Merging(RuleBasedStateMachine):
    """People come, log in, name addresses; systems join them, advisers part them; messages arrive as they may."""

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        self.replay = Interleaved(RULES, NOW + MINUTE, Random(seed).choice)
        self.events: list[str] = []

    @rule(
        device=st.sampled_from(DEVICES),
        visit=st.sampled_from(["v1", "v2"]),
        number=st.sampled_from([None, None, *KNOWN]),
        email=st.sampled_from([None, None, *EMAILS]),
    )
    def come(self, device: Identifier, visit: str, number: str | None, email: Identifier | None) -> None:
        named = [device, *([login(number)] if number else []), *([email] if email else [])]
        name = f"e{len(self.events)}"
        self.events.append(name)
        self.replay.put(event(name, NOW + len(self.events), interaction_id=visit, identifiers=named))

    @rule(email=st.sampled_from(EMAILS))
    def write(self, email: Identifier) -> None:
        name = f"e{len(self.events)}"
        self.events.append(name)
        self.replay.put(event(name, NOW + len(self.events), "message", "email", identifiers=[email]))

    @rule(number=st.sampled_from(KNOWN), email=st.sampled_from(EMAILS))
    def vouch(self, number: str, email: Identifier) -> None:
        self.replay.put(profile(number, identifiers=[email]))

    @rule(pair=st.permutations(KNOWN))
    def join(self, pair: list[str]) -> None:
        self.replay.put(same_number(pair[0], pair[1]))

    @rule(data=st.data())
    @precondition(lambda self: self.merges())
    def part(self, data: st.DataObject) -> None:
        loser, winner = data.draw(st.sampled_from(self.merges()))
        self.replay.put(
            UnmergeRequested(loser=loser, winner=winner, rule="wrong", by="an adviser", requested_at=NOW)
        )

    @rule(steps=st.integers(1, 8))
    def go_on(self, steps: int) -> None:
        self.replay.run(steps)

    @rule()
    def settle(self) -> None:
        self.replay.run()

    @rule(pair=st.permutations(KNOWN))
    def a_merge_undone_leaves_all_as_it_was(self, pair: list[str]) -> None:
        self.replay.run()
        loser, winner = pair[0], pair[1]
        before, held = self.replay.partition(), self.holders()
        done = len(self.replay.changes)
        self.replay.put(same_number(loser, winner))
        self.replay.run()
        for change in self.replay.changes[done:]:
            if change.outcome == "merged":
                self.replay.put(
                    UnmergeRequested(
                        loser=change.other,
                        winner=change.customer_id,
                        rule="wrong",
                        by="an adviser",
                        requested_at=NOW,
                    )
                )
        self.replay.run()
        assert self.replay.partition() == before
        assert {key: whose for key, whose in self.holders().items() if key in held} == held

    @invariant()
    def every_event_is_one_customers(self) -> None:
        if not self.replay.idle:
            return
        found = sorted(mark for marks in self.replay.partition().values() for mark in marks)
        assert found == sorted(fingerprint(name) for name in self.events)

    @invariant()
    def who_took_in_whom_is_a_forest(self) -> None:
        if not self.replay.idle:
            return
        for customer_id in self.replay.customers():
            root = self.replay.root(customer_id)
            state = self.replay.customer(root)
            assert state is not None
            if root != customer_id:
                assert customer_id in state.absorbed
            assert all(self.replay.root(one) == root for one in state.absorbed)
            assert not set(state.absorbed) & set(state.apart)

    def merges(self) -> list[tuple[str, str]]:
        """The merges that are done, and the one that was merged first."""
        found = self.replay.parents().items()
        return [(loser, winner) for loser, winner in found if winner is not None]

    def holders(self) -> dict[str, Any]:
        """Whose each identifier is, at the end of the chain; those that are shared are nobody's."""
        found = {}
        for key in self.replay.identities():
            record = self.replay.identity(key)
            assert record is not None
            found[key] = None if record.rivals else self.replay.root(record.customer_id)
        return found


Merging.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestMerging = Merging.TestCase


@st.composite
def households(draw: st.DrawFn) -> list[tuple[str | None, list[Message]]]:
    """People who share nothing: the number of each, and what is told of them, in any order."""
    people = []
    for at in range(draw(st.integers(1, 3))):
        number = draw(st.sampled_from([None, f"C-{at}"]))
        addresses = [Identifier("email", f"person{at}.{one}@example.com", "asserted") for one in range(2)]
        told: list[Message] = []
        for turn in range(draw(st.integers(1, 5))):
            primary = draw(
                st.sampled_from([*(Identifier("device", f"d{at}.{n}") for n in range(3)), *addresses])
            )
            named = [primary, *draw(st.lists(st.sampled_from(addresses), max_size=1))]
            if number and draw(st.booleans()):
                named.append(login(number))
            told.append(event(f"{at}.{turn}", interaction_id=f"{at}.{turn}", identifiers=named))
        if number and draw(st.booleans()):
            told.append(profile(number, identifiers=draw(st.lists(st.sampled_from(addresses), max_size=2))))
        people.append((number, told))
    return people


def joined(told: list[Message]) -> list[set[str]]:
    """The names of events and identifiers that belong together: sets that have something in common become one."""
    groups: list[set[str]] = []
    for one in told:
        if isinstance(one, Interaction):
            names = {f"event:{one.event_id}", *(identifier.key for identifier in one.identifiers)}
        else:
            assert isinstance(one, Profile)
            names = {
                f"customer_number:{one.customer_id}",
                *(identifier.key for identifier in one.identifiers),
            }
        apart = [group for group in groups if not group & names]
        groups = [*apart, set().union(names, *(group for group in groups if group & names))]
    return groups


@settings(deadline=None, max_examples=300)
@given(households(), st.integers(0, 2**32))
def test_who_is_joined_depends_on_the_evidence_and_not_on_its_order(
    people: list[tuple[str | None, list[Message]]], seed: int
) -> None:
    random = Random(seed)
    replay = Interleaved(RULES, NOW + MINUTE, random.choice)
    told = [one for _, messages in people for one in messages]
    random.shuffle(told)
    for one in told:
        replay.put(one)
        if random.random() < 0.5:
            replay.run(3)
    replay.run()
    found = replay.partition()
    expected = []
    for number, messages in people:
        for group in joined(messages):
            events = {fingerprint(name.partition(":")[2]) for name in group if name.startswith("event:")}
            if not events:
                continue
            expected.append(events)
            (survivor,) = [one for one, marks in found.items() if marks & events]
            if f"customer_number:{number}" in group:
                assert survivor == number
            else:
                assert survivor in map(provisional_id, group)
    assert sorted(map(sorted, found.values())) == sorted(map(sorted, expected))


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from("ABCDE")), max_size=8), st.integers(0, 2**32)
)
def test_whatever_the_system_of_record_says_nobody_is_lost_in_a_circle(
    links: list[tuple[str, str]], seed: int
) -> None:
    replay = Interleaved(RULES, NOW + MINUTE, Random(seed).choice)
    for name in "ABCDE":
        replay.put(event(name, identifiers=[Identifier("device", name), login(name)]))
    replay.run()
    for loser, winner in links:
        replay.put(same_number(loser, winner))
    replay.run()
    found = sorted(mark for marks in replay.partition().values() for mark in marks)
    assert found == sorted(map(fingerprint, "ABCDE"))
    assert {replay.root(name) for name in "ABCDE"} == set(replay.partition())
