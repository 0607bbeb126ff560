"""What differs between two strategy files, setting by setting: steps and templates by their names, not by lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

_ABSENT = object()


Kind = Literal["added", "removed", "changed", "reordered"]


class Difference(msgspec.Struct, frozen=True):
    """A setting that differs; `place` is its path, like `steps.help.when`. Only steps are told to be reordered."""

    place: str
    kind: Kind
    before: Any = None
    after: Any = None


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """What differs between the values of two strategy files, in the order of the later one, without the version."""
    return [found for found in _between("", before, after) if found.place != "version"]


def _between(place: str, before: Any, after: Any) -> Iterator[Difference]:
    before, after = _plain(before), _plain(after)
    if before is _ABSENT:
        yield Difference(place, "added", after=after)
    elif after is _ABSENT:
        yield Difference(place, "removed", before=before)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _members(place, before, after)
    elif _is_of_maps(before) and _is_of_maps(after):
        yield from _members(place, _by_name(before), _by_name(after))
    elif before != after:
        yield Difference(place, "changed", before, after)


def _members(place: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Difference]:
    path = f"{place}." if place else ""
    for name in [*after, *(name for name in before if name not in after)]:
        yield from _between(f"{path}{name}", before.get(name, _ABSENT), after.get(name, _ABSENT))
    both = [name for name in before if name in after]
    if place == "steps" and both != [name for name in after if name in before]:
        yield Difference(place, "reordered", list(before), list(after))


def _plain(value: Any) -> Any:
    """A list of one text is that text: both are ways to write a condition or an event."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value


def _is_of_maps(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


def _by_name(values: list[dict[str, Any]]) -> dict[str, Any]:
    """By id, or by position from 1 where they have none."""
    return {str(one.get("id", at)): one for at, one in enumerate(values, 1)}
