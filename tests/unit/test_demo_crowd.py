"""The synthetic customers: real payloads of real channels, the same for the same seed, nobody twice."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from pipeline.channels.customers import read as read_customers
from pipeline.channels.registry import adapt
from pipeline.domain.customers import Profile
from pipeline.domain.identity import links_of
from pipeline.domain.interactions import Interaction
from pipeline.local.demo.crowd import LARGEST, Person, Traffic, as_csv, crowd, schedule

NOW = 1_790_000_000_000
TRAFFIC = Traffic(customers=300, rate=100)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    return crowd(TRAFFIC.customers, 7, "ab12cd")


@pytest.fixture(scope="module")
def events(people: list[Person]) -> list[Interaction]:
    """Everything that the crowd does, through the adapters of its channels."""
    adapted = []
    for number, (at, step) in enumerate(schedule(people, TRAFFIC, 7)):
        for value in adapt(step.channel, step.payload(f"ab12cd-{number}", NOW + at), NOW + at):
            assert isinstance(value, Interaction), value
            assert value.occurred_at == NOW + at
            adapted.append(value)
    return adapted


def test_the_same_seed_gives_the_same_crowd(people: list[Person]) -> None:
    assert crowd(TRAFFIC.customers, 7, "ab12cd") == people
    assert crowd(TRAFFIC.customers, 8, "ab12cd") != people
    steps = [[(at, step.channel) for at, step in schedule(people, TRAFFIC, 7)] for _ in range(2)]
    assert steps[0] == steps[1]


def test_every_payload_is_one_event_with_an_id_of_its_own(
    people: list[Person], events: list[Interaction]
) -> None:
    assert len(events) == len(schedule(people, TRAFFIC, 7)) > 3 * TRAFFIC.customers
    assert len({event.event_id for event in events}) == len(events)


def test_all_channels_and_kinds_of_journey_are_there(people: list[Person], events: list[Interaction]) -> None:
    assert Counter(event.channel for event in events).keys() == {"web", "mobile_app", "social", "order"}
    kinds = {event.kind for event in events}
    assert kinds >= {"message", "form_started", "form_field", "form_submitted", "form_abandoned", "login"}
    assert kinds >= {"page_viewed", "product_viewed", "cart_updated", "order_shipped", "order_delivered"}
    values = [one.value for one in people if one.journey == "wrong_size"]
    assert min(values) < 500 < max(values), "both sides of the shipped strategy's threshold"


def test_a_visit_before_the_login_names_no_customer(people: list[Person], events: list[Interaction]) -> None:
    by_device = defaultdict(list)
    for event in events:
        by_device[event.identifiers[0].value].append(event)
    visits = [by_device[one.device] for one in people if one.journey == "login"]
    assert visits
    for visit in visits:
        types = [[identifier.type for identifier in event.identifiers] for event in visit]
        login = [event.kind for event in visit].index("login")
        assert login >= 2
        assert types == [["device"]] * login + [["device", "customer_number"]] * (len(visit) - login)


def test_the_system_of_record_knows_every_customer_by_identifiers_of_their_own() -> None:
    largest = crowd(LARGEST, 7, "ab12cd")
    profiles = read_customers(as_csv(largest), "text/csv", updated_at=NOW)
    known = [profile for profile in profiles if isinstance(profile, Profile)]
    assert len(known) == len(profiles) == LARGEST
    keys = [link.key for profile in known for link in links_of(profile)]
    assert len(keys) == len(set(keys)) == 3 * LARGEST


def test_the_events_come_at_the_rate_that_is_asked_for(people: list[Person]) -> None:
    steps = schedule(people, TRAFFIC, 7)
    assert [at for at, _ in steps] == sorted(at for at, _ in steps)
    begin, end = 5_000, len(steps) / TRAFFIC.rate * 1_000
    in_full_flow = sum(begin <= at < end for at, _ in steps) / (end - begin) * 1_000
    assert in_full_flow == pytest.approx(TRAFFIC.rate, rel=0.25)
