"""An action as it is written in a file → one that can be built, or what is wrong with it."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from pipeline.domain.actions import BODIES, ActionKind
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.strategies.action_settings import needs_template, settings_of
from pipeline.domain.strategies.cel.program import Program
from pipeline.domain.strategies.checking import Checking
from pipeline.domain.strategies.compiled import Action, Param
from pipeline.domain.strategies.problems import one_of
from pipeline.domain.strategies.source import Path
from pipeline.domain.templates import VARIABLES, Brand

PREFERRED, IN_USE = "preferred", "in_use"


def compile_action(written: dict[str, Any], path: Path, brand: Brand, checking: Checking) -> Action:
    """The action that is written at `path` as its kind and settings; what is wrong goes to `checking`."""
    kind, settings = next(iter(written.items()))
    path = (*path, kind)
    takes = settings_of(kind)
    given = settings if isinstance(settings, dict) else {}
    if given is not settings:
        checking.wrong(path, f"{kind} needs its settings by name", "write them as name: value")
    for name in sorted(given.keys() - takes.names):
        remedy = one_of(name, sorted(takes.names))
        message = f"{name} is not a setting of {kind}"
        checking.problems.append(checking.source.unknown((*path, name), message, remedy))
    for name in sorted(takes.fields.keys() - given.keys()):
        if takes.fields[name].required:
            checking.wrong(path, f"{kind} has no {name}", "add it")
    params = {
        name: _param(given[name], (*path, name), field.type, checking)
        for name, field in takes.fields.items()
        if name in given
    }
    variables = {
        name: _param(value, (*path, "with", name), object, checking)
        for name, value in _members(given.get("with"), (*path, "with"), checking).items()
    }
    if needs_template(kind) or "template" in given:
        _check_text(kind, given, variables, path, brand, checking)
    return Action(
        kind=typing.cast(ActionKind, kind),
        body=BODIES[kind],
        params=params,
        template=given.get("template"),
        channel=given.get("channel", PREFERRED) if takes.texts else None,
        variables=variables,
    )


def programs_of(action: Action) -> Iterator[tuple[Path, Program]]:
    """Every program of an action with the path of the setting that it is the value of."""
    yield from _programs(action.params, ())
    yield from _programs(action.variables, ("with",))


def _programs(params: dict[str, Param], path: Path) -> Iterator[tuple[Path, Program]]:
    for name, param in params.items():
        if param.program is not None:
            yield (*path, name), param.program
        yield from _programs(param.members or {}, (*path, name))


def _check_text(
    kind: str,
    given: dict[str, Any],
    variables: dict[str, Param],
    path: Path,
    brand: Brand,
    checking: Checking,
) -> None:
    template, channel = given.get("template"), given.get("channel", PREFERRED)
    if template is None:
        checking.wrong(path, f"{kind} has no template", f"add one: {', '.join(brand.templates)}")
        return
    if template not in brand.templates:
        remedy = one_of(template, brand.templates)
        checking.wrong((*path, "template"), f"{kind}: there is no template {template!r}", remedy)
        return
    if channel not in (PREFERRED, IN_USE, *CHANNELS):
        remedy = one_of(channel, (PREFERRED, IN_USE, *CHANNELS))
        checking.wrong((*path, "channel"), f"{channel!r} is not a channel", remedy)
    elif channel in CHANNELS and not brand.speaks(template, channel):
        checking.wrong((*path, "channel"), f"template {template} has no text for {channel}", "add one")
    missing = brand.variables(template) - VARIABLES - variables.keys()
    if missing:
        names = ", ".join(sorted(missing))
        remedy = "give each one under with, or correct the text"
        checking.wrong(path, f"template {template} names {names}", remedy)


def _members(value: Any, path: Path, checking: Checking) -> dict[str, Any]:
    if value is None or isinstance(value, dict):
        return value or {}
    checking.wrong(path, "with needs names and values", "write them as name: value")
    return {}


def _param(value: Any, path: Path, annotation: Any, checking: Checking) -> Param:
    if isinstance(value, dict) and _checkable(annotation) in (dict, object):
        members = {name: _param(one, (*path, name), str, checking) for name, one in value.items()}
        return Param(members=members)
    if isinstance(value, str) and value.startswith("="):
        return Param(program=checking.program(value[1:], path, skipped=1))
    try:
        msgspec.convert(value, _checkable(annotation), strict=True)
    except msgspec.ValidationError as error:
        checking.wrong(path, str(error), "write such a value, or = and an expression")
    return Param(value=value)


def _checkable(annotation: Any) -> Any:
    """A field's type for checking a value as written: a map is written as one, not as a value."""
    origin = typing.get_origin(annotation)
    return annotation if origin in (None, types.UnionType, typing.Union, typing.Literal) else dict
