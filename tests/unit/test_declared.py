"""Circumstances on the topic: what is refused, what stays, and what may be declared, changed and ended."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.domain.circumstances import MOST, SCOPE
from pipeline.domain.declarations import (
    KEPT_MS,
    Declarations,
    declared,
    ended,
    for_everybody,
    overlaps,
    why_not,
)
from pipeline.domain.declared import DeclaredCircumstance
from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import Program, compile_expression
from tests.domain_values import HOUR, NOW

SCOPE_HERE = 'customer.postcode.startsWith("SW1A")'
POWER = DeclaredCircumstance(
    circumstance_id="power-cut",
    title="Power is out",
    scope=SCOPE_HERE,
    from_at=NOW,
    until_at=NOW + HOUR,
    tell="It is back soon.",
    declared_by="ines",
    declared_at=NOW,
)


def power(**changes: object) -> DeclaredCircumstance:
    return msgspec.structs.replace(POWER, **changes)


def took(*records: DeclaredCircumstance) -> Declarations:
    declarations = Declarations()
    for record in records:
        assert declarations.take(record.key, record, NOW) is None
    return declarations


def test_the_last_record_of_an_id_stands() -> None:
    declarations = took(POWER, power(circumstance_id="strike", until_at=None), power(until_at=NOW + 2 * HOUR))
    assert [(one.id, one.until_at) for one in declarations.standing(NOW)] == [
        ("power-cut", NOW + 2 * HOUR),
        ("strike", None),
    ]
    assert declarations.take("strike", None, NOW) is None
    assert [one.id for one in declarations.standing(NOW)] == ["power-cut"]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (power(scope="customer.postcod == 1"), "scope: "),
        (power(scope="customer.value"), "scope: "),
        (power(until_at=NOW - 1), "it ends before it starts"),
        (power(circumstance_id="other"), "is the record of other"),
        (Failure("bad_avro", "cannot be read"), "cannot be read"),
    ],
)
def test_what_is_wrong_is_refused_and_what_was_declared_before_stays(
    record: DeclaredCircumstance | Failure, why: str
) -> None:
    declarations = took(POWER)
    problem = declarations.take("power-cut", record, NOW)
    assert problem is not None
    assert problem.message.startswith(why)
    assert declarations.refused == {"power-cut": problem}
    assert [one.id for one in declarations.standing(NOW)] == ["power-cut"]
    assert declarations.take("power-cut", POWER, NOW) is None
    assert not declarations.refused


def test_one_that_is_long_over_is_forgotten_and_takes_no_place() -> None:
    later = NOW + HOUR + KEPT_MS
    declarations = took(POWER)
    assert declarations.standing(later - 1)
    assert not declarations.standing(later)
    for number in range(MOST + 1):
        old = power(circumstance_id=f"old-{number}")
        assert declarations.take(old.key, old, later) is None
    for number in range(MOST):
        fresh = power(circumstance_id=f"c-{number}", until_at=None)
        assert declarations.take(fresh.key, fresh, later) is None
    problem = declarations.take("more", power(circumstance_id="more", until_at=None), later)
    assert problem is not None
    assert problem.message == "there are 1,000 circumstances already"


def test_it_is_declared_once_and_not_when_it_is_over() -> None:
    assert why_not(POWER, None) is None
    assert "change it with" in str(why_not(power(declared_at=NOW + 1), POWER))
    assert "declared before" in str(why_not(power(declared_at=NOW + 2 * HOUR, until_at=None), POWER))
    assert "over already" in str(why_not(power(declared_at=NOW + HOUR), None))


def test_ending_one_ends_it_now_and_one_to_come_never_begins() -> None:
    now = ended(POWER, "max", NOW + 5)
    assert (now.from_at, now.until_at, now.declared_by, now.declared_at) == (NOW, NOW + 5, "max", NOW + 5)
    called_off = ended(power(from_at=NOW + 10, until_at=None), "max", NOW + 5)
    assert (called_off.from_at, called_off.until_at) == (NOW + 5, NOW + 5)
    assert took(called_off).standing(NOW + 5)
    assert ended(now, "max", NOW + 6) is now


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (power(circumstance_id="o"), True),
        (power(circumstance_id="o", from_at=NOW + HOUR), False),
        (power(circumstance_id="o", from_at=NOW + HOUR - 1, until_at=None), True),
        (power(circumstance_id="o", from_at=NOW - HOUR, until_at=NOW), False),
        (power(circumstance_id="o", scope="true"), False),
        (POWER, False),
    ],
)
def test_overlaps(other: DeclaredCircumstance, expected: bool) -> None:
    assert overlaps(POWER, other) is overlaps(other, POWER) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True),
        ("!customer.known", True),
        (SCOPE_HERE, False),
        ("customer.known", False),
        ("1 / 0 == 1", False),
    ],
)
def test_for_everybody(text: str, expected: bool) -> None:
    scope = compile_expression(text, SCOPE, bool)
    assert isinstance(scope, Program)
    assert for_everybody(scope) is expected


def test_what_is_declared_is_what_stands() -> None:
    (one,) = took(POWER).standing(NOW)
    assert declared(one, "ines", NOW) == POWER
