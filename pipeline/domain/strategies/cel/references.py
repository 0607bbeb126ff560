"""What a condition reads from the declared variables, and how a value is shown to a person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from pipeline.domain.failures import Failure
from pipeline.domain.strategies.cel.functions import MACROS
from pipeline.domain.strategies.cel.nodes import Call, Ident, Index, Node, Select, children
from pipeline.domain.strategies.cel.problems import ERRORS
from pipeline.domain.strategies.cel.times import duration_text, timestamp_text
from pipeline.domain.strategies.cel.types import DURATION, TIMESTAMP, CelType
from pipeline.domain.strategies.cel.values import INT_MAX, INT_MIN, to_string

SHOWN_CHARACTERS = 200
SHOWN_ELEMENTS = 5


def chains(node: Node, names: frozenset[str]) -> Iterator[Node]:
    """The chains of fields and elements, as long as they go, that begin with one of the names.

    A chain ends before a key that depends on a macro's variable; the keys' own chains follow.
    """
    links: list[Node] = [node]
    while isinstance(links[-1], Select | Index):
        links.append(links[-1].operand)
    root = links[-1]
    if isinstance(root, Ident):
        if root.name in names:
            found: Node = root
            for link in reversed(links[:-1]):
                if isinstance(link, Index) and not _idents(link.key) <= names:
                    break
                found = link
            yield found
    else:
        hidden = _macro_variable(root)
        for child in children(root):
            yield from chains(child, names - hidden if child is not getattr(root, "target", None) else names)
    for link in links:
        if isinstance(link, Index):
            yield from chains(link.key, names)


def reference(chain: Node) -> str:
    """The dotted name at the beginning of a chain: `history.orders` of `history.orders[thread.id].size`."""
    if isinstance(chain, Ident):
        return chain.name
    if isinstance(chain, Select) and not _has_index(chain):
        return f"{reference(chain.operand)}.{chain.field}"
    return reference(chain.operand) if isinstance(chain, Select | Index) else ""


def shown(value: Any, kind: CelType) -> str:
    """A value in words, short enough for a line of an explanation."""
    if isinstance(value, Failure):
        return f"({value.message})"
    if value is not None and kind.not_null() in (TIMESTAMP, DURATION):
        text = timestamp_text if kind.not_null() == TIMESTAMP else duration_text
        try:
            return text(value)
        except ERRORS:
            return _words(value)
    words = _words(value)
    return words if len(words) <= SHOWN_CHARACTERS else words[: SHOWN_CHARACTERS - 1] + "…"


def _words(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        return "(a number of more than 64 bits)"
    if type(value) in (str, bool, int):
        return to_string(value)
    if isinstance(value, list | tuple | dict):
        elements = [_element(item) for item in islice(value, SHOWN_ELEMENTS)]
        if isinstance(value, dict):
            elements = [f"{key}: {_element(value[key])}" for key in islice(value, SHOWN_ELEMENTS)]
        more = ", …" if len(value) > SHOWN_ELEMENTS else ""
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return f"{opening}{', '.join(elements)}{more}{closing}"
    return type(value).__name__


def _element(value: Any) -> str:
    return _words(value)[:SHOWN_CHARACTERS] if not isinstance(value, list | tuple | dict) else "…"


def _idents(node: Node) -> set[str]:
    own = {node.name} if isinstance(node, Ident) else set()
    return own.union(*(_idents(child) for child in children(node)))


def _macro_variable(node: Node) -> set[str]:
    if isinstance(node, Call) and node.target is not None and node.function in MACROS:
        return _idents(node.arguments[0])
    return set()


def _has_index(chain: Node) -> bool:
    while isinstance(chain, Select):
        chain = chain.operand
    return not isinstance(chain, Ident)
