"""Compiling the expressions of one file, and collecting what is wrong with it on the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pipeline.domain.state import Anchor
from pipeline.domain.strategies.cel.parse import parse
from pipeline.domain.strategies.cel.program import Program, compile_expression, conjuncts
from pipeline.domain.strategies.compiled import DECLARATIONS, VOCABULARY
from pipeline.domain.strategies.places import located
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Path, Source

Condition = TypeVar("Condition", str, Program)

_STAND_IN = Program("false", parse("false"), DECLARATIONS, None)


class Checking:
    """The file's `source`, and the `problems` found in it so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def wrong(self, path: Path, message: str, remedy: str) -> None:
        """Note a mistake in the value at `path`."""
        self.problems.append(self.source.problem(path, message, remedy))

    def program(self, text: str, path: Path, expect: object = None, skipped: int = 0) -> Program:
        """The compiled text; `skipped` characters before it are not part of it. After a problem, a stand-in."""
        program = compile_expression(text, DECLARATIONS, expect)
        if isinstance(program, Program):
            return program
        self.problems.append(located(self.source, program, path, skipped))
        return _STAND_IN

    def conditions(self, texts: list[str], path: Path) -> tuple[Program, ...]:
        """The conditions of the setting at `path`, each of which could hold."""
        programs: list[Program] = []
        for text, place in self.places(texts, path):
            program = self.program(text, place, bool)
            if program is not _STAND_IN and is_never(program):
                self.wrong(
                    place, "this can never hold", "correct the condition, or remove what it belongs to"
                )
            programs.append(program)
        return tuple(programs)

    def places(self, conditions: Sequence[Condition], path: Path) -> list[tuple[Condition, Path]]:
        """Several conditions in a list have places of their own; a single one has that of the setting."""
        listed = (*path, 0) in self.source.places
        return [(one, (*path, at) if listed else path) for at, one in enumerate(conditions)]


def is_never(program: Program) -> bool:
    """Whether a condition is false whatever happens."""
    return not program.references and program.evaluate(*[None] * len(VOCABULARY)) is False


def forgotten(program: Program) -> str | None:
    """A field of the event that the program reads and that is remembered of no event; None when there is none."""
    for name in sorted(program.references):
        root, _, field = name.partition(".")
        if root == "event" and field.partition(".")[0] not in Anchor.__struct_fields__:
            return ".".join(name.split(".")[:2])
    return None


def lasting(conditions: tuple[Program, ...]) -> tuple[Program, ...]:
    """The parts of the conditions that can be asked again later: those that read nothing that is forgotten."""
    kept: list[Program] = []
    for condition in conditions:
        if forgotten(condition) is None:
            kept.append(condition)
            continue
        for part in conjuncts(parse(condition.text)):
            program = compile_expression(condition.text[part.start : part.end], DECLARATIONS, bool)
            if isinstance(program, Program) and forgotten(program) is None:
                kept.append(program)
    return tuple(kept)
