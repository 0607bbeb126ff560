"""The manager's guide, taken apart: its blocks, its tables, and the moment that its examples are about."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from documents import DOCUMENTS

from pipeline.domain.strategies.cel.times import RFC3339, to_timestamp
from pipeline.domain.strategies.cel.types import type_of
from pipeline.domain.strategies.compiled import VOCABULARY
from pipeline.domain.strategies.source import Source, read

NAME = "docs/strategies.md"
TEXT = DOCUMENTS[NAME].read_text("utf-8")
FILES = ("file", "edit")
"""Roles of YAML blocks that are files of the reader, or lines that replace some of one."""

PLAYED, ELSEWHERE = ("", "exit", "broker"), "elsewhere"
"""Roles of commands: those that are run in their order, and those that other tests run."""


@dataclass(frozen=True)
class Block:
    """What stands between two fences; `role` says what is done with it, `path` which file it is."""

    line: int
    language: str
    role: str
    path: str
    text: str

    def __str__(self) -> str:
        """Where it is, for messages and names of tests."""
        return f"line-{self.line}-{self.language}-{self.role or 'plain'}"


@dataclass(frozen=True)
class Row:
    """A row of a table: its cells, and the head of the first column."""

    line: int
    table: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        """Where it is, for messages and names of tests."""
        return f"line-{self.line}"

    @property
    def codes(self) -> list[list[str]]:
        """What stands between backticks in each cell."""
        return [re.findall(r"`([^`]+)`", cell) for cell in self.cells]


def _blocks() -> Iterator[Block]:
    fence = re.compile(r"(?m)^```(\w+)(?: (\w+))?(?: (\S+))?\n(.*?)^```$", re.DOTALL)
    for found in fence.finditer(TEXT):
        line = TEXT.count("\n", 0, found.start()) + 1
        yield Block(line, found[1], found[2] or "", found[3] or "", found[4])


def _rows() -> Iterator[Row]:
    head: tuple[str, ...] = ()
    for number, line in enumerate(TEXT.splitlines(), 1):
        if not line.startswith("|"):
            head = ()
        elif not head:
            head = _cells(line)
        elif not set(line) <= set("|-: "):
            yield Row(number, head[0], _cells(line))


def _cells(line: str) -> tuple[str, ...]:
    cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
    return tuple(cell.strip().replace("\\|", "|") for cell in cells)


BLOCKS = list(_blocks())
ROWS = list(_rows())


def blocks(language: str, *roles: str) -> list[Block]:
    """The blocks of a language that have one of these roles."""
    return [block for block in BLOCKS if block.language == language and block.role in roles]


def commands(block: Block) -> list[str]:
    """The commands of a block; lines that are indented go on with the one before."""
    return re.split(r"\n(?! )", block.text.strip())


def rows(table: str) -> list[Row]:
    """The rows of all tables whose first column has this head."""
    return [row for row in ROWS if row.table == table]


def data(text: str) -> Any:
    """The values of a YAML text, as the language reads them."""
    source = read(text, NAME)
    assert isinstance(source, Source), source
    return source.data


def moment() -> dict[str, Any]:
    """The values of the vocabulary at the moment that the guide describes."""
    (block,) = blocks("yaml", "moment")
    described = data(block.text)
    assert described.keys() == VOCABULARY.keys()
    return {name: _value(hint, described[name]) for name, hint in VOCABULARY.items()}


def _value(hint: Any, written: Any) -> Any:
    """The value that is written, as this annotation wants it: Structs by their fields, times by their text."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(written, str) and RFC3339.fullmatch(written):
        return to_timestamp(written)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        hints = typing.get_type_hints(hint)
        return hint(**{name: _value(hints[name], one) for name, one in written.items()})
    if origin in (types.UnionType, typing.Union):
        return written if type_of(hint).kind == "dyn" else _value(inner[0], written)
    if origin is list:
        return [_value(inner[0], one) for one in written]
    if origin is dict:
        return {name: _value(inner[1], one) for name, one in written.items()}
    return written
