"""What texts may say of Jinja2, so that none can hang a worker, fill its memory or get at anything inside.

Its sandbox keeps texts from the program's insides, but bounds neither time nor memory: `{{ 9 ** 9 ** 9 }}` never
ends, a text that is set to itself twice doubles each time. So only these parts of the language are taken: what is
left cannot repeat itself but in one loop over a value, and calls nothing but filters whose results have a bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.filters import FILTERS as JINJAS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.domain.strategies.problems import one_of

MAX_TEXT = 50_000
"""Characters of a text as written, and of what any filter gives."""

MAX_DEPTH = 64
"""Levels of a text's tree: of `a ~ b ~ c` it has one for each name."""

_TOO_DEEP = "nested too deeply, or a number too long", "simplify it"
_PARTS: tuple[type[nodes.Node], ...] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.If,
    nodes.CondExpr,
    nodes.For,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Test,
    nodes.Filter,
    nodes.Keyword,
    nodes.Concat,
    nodes.Add,
    nodes.Sub,
    nodes.Div,
    nodes.Neg,
    nodes.List,
    nodes.Tuple,
)
_IN_WORDS: dict[type[nodes.Node], str] = {
    nodes.Call: "call something",
    nodes.Assign: "set a name",
    nodes.AssignBlock: "set a name",
    nodes.Macro: "define a macro",
    nodes.Mul: "multiply",
    nodes.Pow: "take a power",
    nodes.Mod: "use %",
}
_PLACEHOLDER = re.compile(r"%[-+ 0]{0,4}\d{0,2}(?:\.\d{1,2})?[dfs]|%%")


def _bounded(characters: int) -> None:
    if characters > MAX_TEXT:
        raise ValueError(f"a filter would give {characters} characters, {MAX_TEXT} is the most")


def _format(pattern: object, *values: object) -> str:
    """`pattern` with each of its `%d`, `%s`, `%.2f` replaced; their widths have two digits at most."""
    text = str(pattern)
    if "%" in _PLACEHOLDER.sub("", text):
        raise ValueError("format takes %d, %s and %f, with at most two digits before and behind the point")
    return text % values


def _join(values: Iterable[object], between: object = "") -> str:
    texts, gap = [str(value) for value in values], str(between)
    _bounded(sum(map(len, texts)) + len(gap) * len(texts))
    return gap.join(texts)


def _replace(value: object, old: object, new: object) -> str:
    text, gone, instead = str(value), str(old), str(new)
    _bounded(len(text) + text.count(gone) * len(instead))
    return text.replace(gone, instead)


_STOCK = ["abs", "capitalize", "default", "first", "float", "int", "last", "length", "lower", "sort"]
_STOCK += ["title", "trim", "truncate", "upper"]
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJAS[name] for name in _STOCK},
    "format": _format,
    "join": _join,
    "replace": _replace,
}
"""The filters of texts, by name."""


def _environment(autoescape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=autoescape)
    environment.globals.clear()
    environment.filters = dict(FILTERS)
    return environment


PLAIN = _environment(autoescape=False)
HTML = _environment(autoescape=True)
"""The same with every value escaped, so that nothing in a value becomes markup."""


def _all_nodes(tree: nodes.Template) -> list[nodes.Node] | None:
    """All nodes of a text; None when it is too deep for what walks and compiles it."""
    found: list[nodes.Node] = []
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_DEPTH):
        found += level
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return found
    return None


def breaches(text: str) -> Iterator[tuple[str, str]]:
    """What a text does that none may, and what to do about it."""
    if len(text) > MAX_TEXT:
        yield f"a text of {len(text):,} characters, {MAX_TEXT:,} is the most", "shorten it"
        return
    try:
        tree = PLAIN.parse(text)
    except TemplateSyntaxError as error:
        yield f"not a valid text: {error.message}", "check the braces"
        return
    except (RecursionError, ValueError):  # brackets in brackets; a number of thousands of digits
        yield _TOO_DEEP
        return
    found = _all_nodes(tree)
    if found is None:
        yield _TOO_DEEP
        return
    for node in found:
        if not isinstance(node, _PARTS):
            what = _IN_WORDS.get(type(node), f"use {type(node).__name__.lower()}")
            yield f"a text cannot {what}", "work it out under with, in an expression"
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"there is no filter {node.name!r}", one_of(node.name, FILTERS)
        elif isinstance(node, nodes.For) and (node.recursive or any(node.find_all(nodes.For))):
            yield "a loop inside of a loop", "join the inner list under with, in an expression"
