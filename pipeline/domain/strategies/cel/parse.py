"""Text → tree; size and depth are bounded here."""

from __future__ import annotations

import math
import re
import sys
from typing import TYPE_CHECKING, TypedDict

from pipeline.domain.strategies.cel.grammar import RESERVED, parser
from pipeline.domain.strategies.cel.nodes import (
    Binary,
    Call,
    Ident,
    Index,
    ListLiteral,
    Literal,
    Logic,
    MapLiteral,
    Node,
    Select,
    Ternary,
    Unary,
)
from pipeline.domain.strategies.cel.problems import CelProblem, Rejected
from pipeline.domain.strategies.cel.types import BOOL, DOUBLE, INT, NULL, STRING

if TYPE_CHECKING:
    from lark import Token, Tree
    from lark.exceptions import UnexpectedInput


MAX_CHARACTERS = 4096
MAX_DEPTH = 64
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

WORDS = {
    "and": "&&",
    "or": "||",
    "not": "!",
    "=": "==",
    "&": "&&",
    "|": "||",
    "True": "true",
    "False": "false",
}
OPERATORS = frozenset(["or", "and", "binary", "unary", "ternary"])
QUOTES = ("'", '"')
ESCAPE = re.compile(
    r"""\\(?:(?P<plain>[abfnrtv\\?"'`])|[xX](?P<byte>[0-9a-fA-F]{2})|u(?P<short>[0-9a-fA-F]{4})"""
    r"""|U(?P<long>[0-9a-fA-F]{8})|(?P<octal>[0-3][0-7]{2})|(?P<bad>.|$))""",
    re.DOTALL,
)
PLAIN = dict(zip("abfnrtv\\?\"'`", "\a\b\f\n\r\t\v\\?\"'`", strict=True))


class Place(TypedDict):
    """The fields that every node has."""

    start: int
    end: int
    line: int
    column: int


def parse(text: str) -> Node:
    """The tree of a condition. Raises Rejected with the problem when the text is none."""
    if len(text) > MAX_CHARACTERS:
        message = f"the expression is too long: {len(text)} characters, at most {MAX_CHARACTERS}"
        raise Rejected(CelProblem(message, 1, 1, "split it into several conditions"))
    # Imported late: only a process that compiles conditions needs the parser.
    from lark.exceptions import UnexpectedInput  # noqa: PLC0415

    try:
        tree = parser().parse(text)
    except UnexpectedInput as error:
        raise Rejected(_syntax_problem(text, error)) from None
    return _build(tree, 0)


def _syntax_problem(text: str, error: UnexpectedInput) -> CelProblem:
    token = getattr(error, "token", None)
    if token is not None and token.type == "$END":
        lines = text.splitlines() or [""]
        return CelProblem("the expression ends too early", len(lines), len(lines[-1]) + 1)
    position = error.pos_in_stream or 0
    word = str(token or text[position : position + 1])
    if word in QUOTES:
        return CelProblem(
            "the text in quotes does not end", error.line, error.column, f"close it with {word}"
        )
    hint = f"write {WORDS[word]} instead of {word}" if word in WORDS else None
    return CelProblem(f"unexpected {word!r}", error.line, error.column, hint)


def _build(tree: Tree[Token], depth: int) -> Node:
    """The node of a tree, `depth` levels below the root."""
    while tree.data == "brackets":
        depth += 1
        tree = _trees(tree)[0]
    if depth > MAX_DEPTH:
        message = f"the expression is nested too deeply: more than {MAX_DEPTH} levels"
        raise _rejected(tree, message, "split it into several conditions")
    build = _operator if tree.data in OPERATORS else _operand
    return build(str(tree.data), tree, _place(tree), depth)


def _operator(rule: str, tree: Tree[Token], at: Place, depth: int) -> Node:
    """The node of an operator."""
    if rule in ("or", "and"):
        operands = tuple(_build_all(_chain(tree), depth))
        return Logic(**at, operator="||" if rule == "or" else "&&", operands=operands)
    operands = tuple(_build_all(_trees(tree), depth))
    if rule == "ternary":
        test, yes, no = operands
        return Ternary(**at, test=test, yes=yes, no=no)
    if rule == "unary":
        return Unary(**at, operator=_word(tree), operand=operands[0])
    left, right = operands
    return Binary(**at, operator=_word(tree), left=left, right=right)


def _operand(rule: str, tree: Tree[Token], at: Place, depth: int) -> Node:
    """The node of what binds tighter than any operator."""
    parts = _trees(tree)
    node: Node
    match rule:
        case "literal":
            node = _literal(tree)
        case "name":
            node = Ident(**at, name=_name(tree))
        case "function":
            node = Call(**at, function=_name(tree), target=None, arguments=_listed(parts[0], depth))
        case "list_literal":
            node = ListLiteral(**at, items=_listed(parts[0], depth))
        case "map_literal":
            built = _listed(parts[0], depth)
            node = MapLiteral(**at, entries=tuple(zip(built[::2], built[1::2], strict=True)))
        case "select":
            operand, field = _build(parts[0], depth + 1), _word(tree).strip("`")
            node = Select(**_at_word(at, tree), operand=operand, field=field)
        case "index":
            operand, key = _build_all(parts, depth)
            node = Index(**at, operand=operand, key=key)
        case "method":
            target, arguments = _build(parts[0], depth + 1), _listed(parts[1], depth)
            node = Call(**_at_word(at, tree), function=_word(tree), target=target, arguments=arguments)
        case _:
            raise _rejected(tree, "messages and package names cannot be used in a condition")
    return node


def _name(tree: Tree[Token]) -> str:
    """A name that stands for itself, which a reserved word cannot."""
    word = _word(tree)
    if word in RESERVED:
        raise _rejected(tree, f"{word!r} is a reserved word and no name")
    return word


def _listed(tree: Tree[Token], depth: int) -> tuple[Node, ...]:
    """The nodes of a list, which the grammar keeps in a tree of its own."""
    return tuple(_build_all(_trees(tree), depth))


def _build_all(trees: list[Tree[Token]], depth: int) -> list[Node]:
    """The nodes one level deeper than `depth`."""
    return [_build(tree, depth + 1) for tree in trees]


def _literal(tree: Tree[Token]) -> Literal:
    """The value of a constant."""
    at, constant = _place(tree), _token(tree)
    match constant.type:
        case "INT":
            number = int(constant, 16 if "0x" in constant else 10)
            if not INT_MIN <= number <= INT_MAX:
                raise _rejected(tree, "the number does not fit into 64 bits", "write it with a decimal point")
            return Literal(**at, value=number, type=INT)
        case "FLOAT":
            if math.isinf(double := float(constant)):
                raise _rejected(tree, "the number does not fit into a double")
            return Literal(**at, value=double, type=DOUBLE)
        case "TRUTH":
            return Literal(**at, value=constant == "true", type=BOOL)
        case "NULL":
            return Literal(**at, value=None, type=NULL)
        case "STRING":
            return Literal(**at, value=_unquoted(tree, str(constant)), type=STRING)
        case "UINT":
            raise _rejected(tree, "unsigned numbers are not supported", f"write {constant[:-1]}")
    raise _rejected(tree, "bytes are not supported", "write a string")


def _unquoted(tree: Tree[Token], quoted: str) -> str:
    """The text that a string literal stands for."""
    raw = quoted[0] in "rR"
    quoted = quoted[raw:]
    width = 3 if len(quoted) >= 6 and quoted[:3] in ("'''", '"""') else 1
    body = quoted[width:-width]

    def unescape(found: re.Match[str]) -> str:
        kind = found.lastgroup or "bad"
        if kind == "plain":
            return PLAIN[found[kind]]
        code = int(found[kind], 8 if kind == "octal" else 16) if kind != "bad" else -1
        if not 0 <= code <= sys.maxunicode or 0xD800 <= code <= 0xDFFF:
            raise _rejected(tree, f"{found[0]} is no escape in a string", "write a raw string: r'…'")
        return chr(code)

    return body if raw else ESCAPE.sub(unescape, body)


def _place(tree: Tree[Token]) -> Place:
    """Where a tree stands in the text."""
    meta = tree.meta
    return {"start": meta.start_pos, "end": meta.end_pos, "line": meta.line, "column": meta.column}


def _rejected(tree: Tree[Token], message: str, suggestion: str | None = None) -> Rejected:
    """The refusal of what stands at a tree."""
    return Rejected(CelProblem(message, tree.meta.line, tree.meta.column, suggestion))


def _trees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if not isinstance(child, str)]


def _token(tree: Tree[Token]) -> Token:
    return next(child for child in tree.children if isinstance(child, str))


def _word(tree: Tree[Token]) -> str:
    return str(_token(tree))


def _at_word(at: Place, tree: Tree[Token]) -> Place:
    """The place of a field or method, which begins with the operand, with the line and column of its name."""
    word = _token(tree)
    return {**at, "line": word.line or 0, "column": word.column or 0}


def _chain(tree: Tree[Token]) -> list[Tree[Token]]:
    """The operands of a left-associative chain, from left to right."""
    operands: list[Tree[Token]] = []
    rule = tree.data
    while tree.data == rule:
        tree, last = _trees(tree)
        operands.append(last)
    return [tree, *reversed(operands)]
