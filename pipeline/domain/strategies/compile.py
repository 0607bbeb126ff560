"""Strategy files → strategies ready to run, or every mistake in them with its place."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from pipeline.domain.actions import BODIES, ActionKind
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.strategies import language
from pipeline.domain.strategies.cel.parse import parse
from pipeline.domain.strategies.cel.problems import CelProblem
from pipeline.domain.strategies.cel.program import Program, compile_expression
from pipeline.domain.strategies.compiled import (
    DECLARATIONS,
    NEVER,
    Action,
    Exit,
    Param,
    Rules,
    Step,
    Strategy,
    Triggers,
)
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Path, Source, read, validated
from pipeline.domain.templates import VARIABLES, Brand, load_brand

PREFERRED, IN_USE = "preferred", "in_use"
DERIVED = {"channel", "to", "template", "language", "subject", "text", "reply_to"}
"""Fields of a text's body that follow from the template, the customer and the event."""

UNIQUE = {
    "event.event_id",
    "session.session_id",
    "thread.thread_id",
    "event.facts.order_id",
    "thread.facts.order_id",
}
"""What no two customers share (they do share a public post or a device's visit): a key that reads one of
these needs no customer beside it.
"""


def compile_rules(strategies: Mapping[str, str], brand_text: str, brand_file: str) -> Rules | list[Problem]:
    """The rules of strategy files (name → text) and a brand file, or all that is wrong in any of them."""
    brand = load_brand(brand_text, brand_file)
    if isinstance(brand, list):
        return brand
    problems: list[Problem] = []
    compiled: dict[str, Strategy] = {}
    for file, text in sorted(strategies.items()):
        strategy = compile_strategy(text, file, brand)
        if isinstance(strategy, list):
            problems.extend(strategy)
        elif strategy.id in compiled:
            message = f"strategy {strategy.id} is in another file too"
            problems.append(Problem(file, 1, 1, message, "give each strategy its own name"))
        else:
            compiled[strategy.id] = strategy
    return problems or Rules(list(compiled.values()), brand)


def compile_strategy(text: str, file: str, brand: Brand) -> Strategy | list[Problem]:
    """The strategy of a YAML text, or all that is wrong with it; `file` is its name in messages."""
    source = read(text, file)
    if isinstance(source, Problem):
        return [source]
    form = validated(source, language.StrategyFile)
    return form if isinstance(form, list) else _Compiler(source, brand).strategy(form)


class _Compiler:
    """Compiles one file and collects the problems on the way."""

    def __init__(self, source: Source, brand: Brand) -> None:
        self._source = source
        self._brand = brand
        self._problems: list[Problem] = []

    def strategy(self, form: language.StrategyFile) -> Strategy | list[Problem]:
        key = self._program(form.key, ("key",))
        strategy = Strategy(
            id=form.strategy,
            version=form.version,
            title=form.title,
            lane=form.lane,
            entry_on=language.pairs(form.entry.on),
            entry_conditions=self._conditions(form.entry.when, ("entry", "when")),
            key=key,
            unique_key=bool(UNIQUE & key.references),
            max_age_ms=form.max_age,
            lifetime_ms=form.lifetime,
            steps=tuple(self._step(step, ("steps", at)) for at, step in enumerate(form.steps)),
            exits=tuple(
                Exit(language.pairs(way_out.on), self._conditions(way_out.when, ("exits", at, "when")))
                for at, way_out in enumerate(form.exits)
            ),
        )
        return self._problems or strategy

    def _step(self, form: language.Step, path: Path) -> Step:
        waits = form.on is None
        since = form.since if waits else NEVER
        return Step(
            id=form.id,
            conditions=self._conditions(form.when, (*path, "when")),
            actions=tuple(
                self._action(*next(iter(action.items())), (*path, "do", at))
                for at, action in enumerate(form.do)
            ),
            repeat=form.repeat,
            resolve_thread=form.resolve_thread,
            on=_triggers(form.on),
            on_entry=form.on == language.ENTRY,
            wait_ms=form.after if form.absent is None else form.for_,
            since=_triggers(since),
            since_entry=since == language.ENTRY,
            since_step=since if isinstance(since, str) and since != language.ENTRY else None,
            absent=_triggers(form.absent),
        )

    def _conditions(self, texts: list[str], path: Path) -> tuple[Program, ...]:
        """Several conditions in a list have places of their own; a single one has that of the setting."""
        listed = (*path, 0) in self._source.places
        return tuple(
            self._program(text, (*path, at) if listed else path, bool) for at, text in enumerate(texts)
        )

    def _program(self, text: str, path: Path, expect: object = None, skipped: int = 0) -> Program:
        """The compiled text; `skipped` characters before it are not part of it. After a problem, a stand-
        in.
        """
        program = compile_expression(text, DECLARATIONS, expect)
        if isinstance(program, Program):
            return program
        self._problems.append(self._located(program, path, skipped))
        return _STAND_IN

    def _located(self, problem: CelProblem, path: Path, skipped: int) -> Problem:
        place = self._source.place(path)
        line, column = place.line, place.column
        if place.exact and problem.line == 1:
            column += skipped + problem.column - 1
        elif not place.exact:
            line += problem.line - 1
        remedy = problem.suggestion or "correct the condition"
        return Problem(self._source.file, line, column, problem.message, remedy)

    def _wrong(self, path: Path, message: str, remedy: str) -> None:
        self._problems.append(self._source.problem(path, message, remedy))

    def _action(self, kind: str, settings: Any, path: Path) -> Action:
        path = (*path, kind)
        body = BODIES[kind]
        fields = {field.name: field for field in msgspec.structs.fields(body)}
        sends = "text" in fields and ("channel" in fields or kind == "push_page")
        given = settings if isinstance(settings, dict) else {}
        if given is not settings:
            self._wrong(path, f"{kind} needs its settings by name", "write them as name: value")
        own = {"template", "channel", "with"} if sends else set()
        allowed = own | (set(fields) - DERIVED if sends else set(fields))
        for name in sorted(given.keys() - allowed):
            remedy = f"{kind} takes {', '.join(sorted(allowed))}"
            message = f"{name} is not a setting of {kind}"
            self._problems.append(self._source.unknown((*path, name), message, remedy))
        for name in sorted(allowed - own - given.keys()):
            if fields[name].required:
                self._wrong(path, f"{kind} has no {name}", "add it")
        params = {
            name: self._param(given[name], (*path, name), fields[name].type)
            for name in given
            if name in allowed - own
        }
        variables = {
            name: self._param(value, (*path, "with", name), object)
            for name, value in (given.get("with") or {}).items()
        }
        if sends and (kind != "push_page" or "template" in given):
            self._check_text(kind, given, variables, path)
        return Action(
            kind=typing.cast(ActionKind, kind),
            body=body,
            params=params,
            template=given.get("template"),
            channel=given.get("channel", PREFERRED) if sends else None,
            variables=variables,
        )

    def _check_text(self, kind: str, given: dict[str, Any], variables: dict[str, Param], path: Path) -> None:
        template, channel = given.get("template"), given.get("channel", PREFERRED)
        if template not in self._brand.templates:
            remedy = f"write one of {', '.join(self._brand.templates)}"
            self._wrong((*path, "template"), f"{kind}: there is no template {template!r}", remedy)
            return
        if channel not in (PREFERRED, IN_USE, *CHANNELS):
            remedy = f"write {PREFERRED}, {IN_USE} or a channel"
            self._wrong((*path, "channel"), f"{channel!r} is not a channel", remedy)
        elif channel in CHANNELS and not self._brand.speaks(template, channel):
            self._wrong((*path, "channel"), f"template {template} has no text for {channel}", "add one")
        missing = self._brand.variables(template) - VARIABLES - variables.keys()
        if missing:
            names = ", ".join(sorted(missing))
            self._wrong(
                path, f"template {template} names {names}", "give each one under with, or correct the text"
            )

    def _param(self, value: Any, path: Path, annotation: Any) -> Param:
        if isinstance(value, dict) and _checkable(annotation) in (dict, object):
            return Param(members={name: self._param(one, (*path, name), str) for name, one in value.items()})
        if isinstance(value, str) and value.startswith("="):
            return Param(program=self._program(value[1:], path, skipped=1))
        try:
            msgspec.convert(value, _checkable(annotation), strict=True)
        except msgspec.ValidationError as error:
            self._wrong(path, str(error), "write such a value, or = and an expression")
        return Param(value=value)


def _triggers(names: list[str] | str | Triggers | None) -> Triggers:
    return language.pairs(names) if isinstance(names, list) else NEVER


def _checkable(annotation: Any) -> Any:
    """A field's type for checking a value as written: a map is written as one, not as a value."""
    origin = typing.get_origin(annotation)
    return annotation if origin in (None, types.UnionType, typing.Union, typing.Literal) else dict


_STAND_IN = Program("false", parse("false"), DECLARATIONS, None)
