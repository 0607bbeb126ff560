"""Programs: what they read, why they hold or not; and the types that variables can have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
import pytest

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel import (
    CelProblem,
    Declarations,
    Duration,
    Explanation,
    Program,
    Timestamp,
    compile_expression,
)


class Order(msgspec.Struct):
    """An order."""

    size: str | None = None
    charge: float = 0.0


class Event(msgspec.Struct):
    """An event, with fields that conditions must not see."""

    kind: Literal["page", "form"] = "page"
    text: str | None = None
    at: Annotated[int, "timestamp"] = 0
    lasted: Duration = 0
    raw: bytes = b""
    _hidden: str = ""
    order: Order | None = None
    tags: Sequence[str] = ()
    extra: Mapping[str, Any] = {}

    @property
    def shout(self) -> str:
        """The kind, loudly."""
        return self.kind.upper()

    @property
    def bare(self):  # type: ignore[no-untyped-def]
        """Nothing tells what this is."""
        return self.raw


DECLARED = Declarations(
    {"event": Event, "facts": dict[str, str | int], "orders": dict[str, Order], "now": Timestamp}
)


def program(text: str, expect: object = bool) -> Program:
    """A condition that compiles."""
    found = compile_expression(text, DECLARED, expect)
    assert isinstance(found, Program), found
    return found


def explained(
    text: str, event: Event | None = None, facts: dict[str, str | int] | None = None
) -> Explanation:
    """The explanation of a condition on sample values."""
    orders = {"1001": Order("M", 4.99)}
    return program(text).explain(event or Event(), facts or {}, orders, 1_700_000_000_000)


def test_references_are_what_is_read() -> None:
    text = 'event.kind == "page" && orders[facts.order_id].size != null && [1].all(event, event > 0) && now > now'
    assert program(text).references == {"event.kind", "orders", "facts.order_id", "now"}
    assert program("event.tags.exists(t, facts[t] == 1 || has(event.order.size))").references == {
        "event.tags",
        "facts",
        "event.order.size",
    }
    assert program("1 < 2").references == frozenset()


def test_a_condition_that_holds() -> None:
    found = explained('event.kind == "page" && facts.n > 1', facts={"n": 2})
    assert found == Explanation(True, None, {"event.kind": "page", "facts.n": "2"})


def test_the_first_false_part_is_named() -> None:
    text = 'event.kind == "page" && (facts.n > 5 && event.text.contains("x")) && facts.n > 7'
    found = explained(text, facts={"n": 2})
    assert (found.held, found.failed, found.error) == (False, "facts.n > 5", None)
    assert found.values == {"event.kind": "page", "facts.n": "2", "event.text": "null"}


def test_a_false_part_decides_over_an_error() -> None:
    found = explained('facts.missing == 1 && event.kind == "form"')
    assert (found.held, found.failed) == (False, 'event.kind == "form"')
    assert found.values["facts.missing"] == "(the map has no key 'missing')"


def test_an_error_is_undecided() -> None:
    found = explained('event.kind == "page" && facts.missing == 1')
    assert (found.held, found.failed) == (None, "facts.missing == 1")
    assert found.error == Failure("no_such_key", "the map has no key 'missing'")


def test_a_part_is_its_own_text() -> None:
    assert explained('true && (facts.gift == true) && event.kind != ""', facts={"gift": 1}).failed == (
        "facts.gift == true"
    )


def test_a_condition_of_one_part_is_named_whole() -> None:
    assert (
        explained(" facts.n == 1 || facts.n == 3 ", facts={"n": 2}).failed == "facts.n == 1 || facts.n == 3"
    )
    assert explained("facts.n == 1", facts={"n": 2}).failed == "facts.n == 1"


def test_values_are_shown_in_words() -> None:
    text = 'event.at <= now && event.lasted > duration("9s") && event.tags != [] && orders[facts.id].charge > 1.0'
    event = Event(at=1_700_000_000_000, lasted=90_000, tags=["a", "b"])
    assert explained(text, event, {"id": "1001"}).values == {
        "event.at": "2023-11-14T22:13:20Z",
        "now": "2023-11-14T22:13:20Z",
        "event.lasted": "90s",
        "event.tags": "[a, b]",
        "orders[facts.id].charge": "4.99",
        "facts.id": "1001",
    }


def test_values_of_a_wrong_type_can_still_be_shown() -> None:
    found = program("event.at < now && facts.n > 1").explain(Event(at="soon"), {"n": 10**5000}, {}, 10**30)
    assert found.error is not None
    assert found.values == {
        "event.at": "soon",
        "now": "(a number of more than 64 bits)",
        "facts.n": "(a number of more than 64 bits)",
    }


def test_long_values_are_cut() -> None:
    shown = explained(
        'event.text == "" && "x" in facts', Event(text="y" * 5000), {str(n): n for n in range(99)}
    )
    assert len(shown.values["event.text"]) == 200
    assert shown.values["facts"] == "{0: 0, 1: 1, 2: 2, 3: 3, 4: 4, …}"


def test_a_value_that_is_no_condition_is_not_held() -> None:
    assert program("facts.n", object).explain(Event(), {"n": 2}, {}, 0) == Explanation(
        None, None, {"facts.n": "2"}
    )
    failing = program("facts.n", object).explain(Event(), {}, {}, 0)
    assert (failing.held, failing.failed) == (None, "facts.n")


@pytest.mark.parametrize("name", ["raw", "_hidden", "bare", "__class__", "__struct_fields__", "__init__"])
def test_other_fields_cannot_be_read(name: str) -> None:
    found = compile_expression(f"event.{name} == null", DECLARED, bool)
    assert isinstance(found, CelProblem)
    assert f"Event has no field {name!r}" in found.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("event.shout", "PAGE"),
        ("event.order.size", None),
        ("event.order == null", True),
        ("has(event.order) || has(event.order.size)", False),
        ("event.order.charge > 1.0 || true", True),
        ("event.extra.any[0].thing", 5),
        ("event.extra.any == [{'thing': 5}]", True),
        ("now - event.at > event.lasted", True),
    ],
)
def test_fields_are_typed_by_their_annotations(text: str, value: object) -> None:
    found = program(text, None).evaluate(Event(extra={"any": [{"thing": 5}]}), {}, {}, 1_700_000_000_000)
    assert found == value


@pytest.mark.parametrize("annotation", [bytes, set[str], tuple[int, str], Timestamp | str, complex])
def test_an_annotation_that_conditions_cannot_use(annotation: object) -> None:
    with pytest.raises(TypeError):
        Declarations({"x": annotation})


@pytest.mark.parametrize("name", ["", "a b", "__x", "a.b", "1a"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name"):
        Declarations({name: int})
