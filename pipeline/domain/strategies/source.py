"""YAML as managers write it → plain values, with the place of each of them for messages about mistakes.

The scalars are YAML 1.2's core schema: `on` is a word and not a truth value, and a date or `12:30` stays
text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from pipeline.domain.strategies.problems import Problem

MAX_CHARACTERS = 200_000
Path = tuple[str | int, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema on PyYAML's parser."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?[0-9]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


@dataclass(frozen=True)
class Place:
    """Where a value begins, from 1; `exact` when columns inside of it can be counted from there."""

    line: int
    column: int
    exact: bool = False


@dataclass(frozen=True)
class Source:
    """A file's values and the place of each, by its path of keys and positions; `names` has the places of
    keys.
    """

    file: str
    data: Any
    places: dict[Path, Place]
    names: dict[Path, Place]

    def place(self, path: Path) -> Place:
        """The place of the value at `path`, or of the nearest one around it that is there."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def problem(self, path: Path, message: str, remedy: str) -> Problem:
        """A problem with the value at `path`."""
        place = self.place(path)
        return Problem(self.file, place.line, place.column, message, remedy)

    def unknown(self, path: Path, message: str, remedy: str) -> Problem:
        """A problem with the name of the value at `path`: it should not be there."""
        place = self.names.get(path) or self.place(path)
        return Problem(self.file, place.line, place.column, message, remedy)


def read(text: str, file: str) -> Source | Problem:
    """The values in a YAML text; `file` is its name in messages."""
    if len(text) > MAX_CHARACTERS:
        return Problem(file, 0, 0, f"longer than {MAX_CHARACTERS:,} characters", "split it")
    loader = _Loader(text)
    builder = _Builder(loader)
    try:
        node = loader.get_single_node()
        data = None if node is None else builder.build(node, ())
    except _MisusedError as misuse:
        return Problem(file, misuse.line, misuse.column, misuse.message, misuse.remedy)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return Problem(file, line, column, f"not valid YAML: {error.problem}", "check indentation and quotes")
    except (yaml.YAMLError, RecursionError):
        return Problem(file, 0, 0, "not valid YAML", "use printable characters and little nesting")
    finally:
        loader.dispose()
    return Source(file, data, builder.places, builder.names)


class _MisusedError(Exception):
    """YAML that is valid but means something else than its author thinks, or too much."""

    def __init__(self, mark: yaml.Mark, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line, self.column = mark.line + 1, mark.column + 1
        self.message, self.remedy = message, remedy


class _Builder:
    """Builds the values of a document and notes where each of them stands."""

    def __init__(self, loader: _Loader) -> None:
        self._loader = loader
        self._met: set[yaml.Node] = set()
        self.places: dict[Path, Place] = {}
        self.names: dict[Path, Place] = {}

    def build(self, node: yaml.Node, path: Path) -> Any:
        """The value of a node."""
        if node in self._met:  # a few lines of aliases can unfold to gigabytes
            raise _MisusedError(node.start_mark, "an alias (*name) stands for this value", "write it out")
        self._met.add(node)
        self.places[path] = Place(node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            return {name: self.build(value, (*path, name)) for name, value in self._members(node, path)}
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, at)) for at, item in enumerate(node.value)]
        self.places[path] = _scalar_place(node)
        return self._loader.construct_object(node)

    def _members(self, node: yaml.MappingNode, path: Path) -> Iterator[tuple[str, yaml.Node]]:
        for key_node, value_node in node.value:
            name = self._loader.construct_object(key_node)
            mark = key_node.start_mark
            if not isinstance(name, str):
                raise _MisusedError(mark, "a name must be text", "put it in quotes")
            if (*path, name) in self.names:
                raise _MisusedError(mark, f"{name!r} is written twice", "keep one of them")
            self.names[*path, name] = Place(mark.line + 1, mark.column + 1)
            yield name, value_node


def _scalar_place(node: yaml.Node) -> Place:
    mark, style = node.start_mark, getattr(node, "style", None)
    if style in ("|", ">"):
        return Place(mark.line + 2, 1)
    one_line = node.end_mark.line == mark.line
    return Place(mark.line + 1, mark.column + (1 if style is None else 2), exact=one_line)
