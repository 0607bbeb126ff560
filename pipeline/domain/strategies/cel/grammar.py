"""The grammar of the Common Expression Language, for Lark (github.com/google/cel-spec, doc/langdef.md, "Syntax").

No terminal can match one text in two ways, so that a lexer that goes back finds nothing more to try: however a
text is broken, reading it takes time in proportion to its length.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lark import Lark

RESERVED = frozenset(["as", "break", "const", "continue", "else", "for", "function", "if", "import", "let"])
RESERVED |= {"loop", "package", "namespace", "return", "var", "void", "while"}
"""Words that can be fields, but no names."""

GRAMMAR = r"""
?expression: any_of
    | any_of "?" any_of ":" expression -> ternary
?any_of: all_of
    | any_of "||" all_of -> or
?all_of: relation
    | all_of "&&" relation -> and
?relation: sum
    | relation (ORDER | IN) sum -> binary
?sum: product
    | sum (PLUS | MINUS) product -> binary
?product: unary
    | product FACTOR unary -> binary
?unary: member
    | (NOT | MINUS) unary -> unary
?member: primary
    | member "." _field -> select
    | member "." NAME "(" list ")" -> method
    | member "[" expression "]" -> index
    | member "{" [_field ":" expression ("," _field ":" expression)* ","?] "}" -> message
?primary: NAME -> name
    | NAME "(" list ")" -> function
    | "." NAME -> absolute
    | "(" expression ")" -> brackets
    | "[" list "]" -> list_literal
    | "{" pairs "}" -> map_literal
    | (FLOAT | UINT | INT | BYTES | STRING | TRUTH | NULL) -> literal
_field: NAME | QUOTED
list: [expression ("," expression)* ","?]
pairs: [expression ":" expression ("," expression ":" expression)* ","?]

ORDER: "<=" | ">=" | "==" | "!=" | "<" | ">"
FACTOR: "*" | "/" | "%"
IN: /in\b/
PLUS: "+"
MINUS: "-"
NOT: "!"
TRUTH: /(?:true|false)\b/
NULL: /null\b/
NAME: /(?!(?:true|false|null|in)\b)[_a-zA-Z][_a-zA-Z0-9]*/
QUOTED: /`[-_.\/ a-zA-Z0-9]+`/
FLOAT.4: /-?(?:[0-9]*\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+)/
UINT.3: /-?(?:0x[0-9a-fA-F]+|[0-9]+)[uU]/
INT.2: /-?(?:0x[0-9a-fA-F]+|[0-9]+)/
STRING.2: ESCAPED | /[rR]/ PLAIN
BYTES.2: /[bB]/ ESCAPED | /(?:[bB][rR]|[rR][bB])/ PLAIN
PLAIN: /"{3}(?:[^"]|"(?!"{2}))*"{3}/
    | /'{3}(?:[^']|'(?!'{2}))*'{3}/
    | /"[^"\r\n]*"/
    | /'[^'\r\n]*'/
ESCAPED: /"{3}(?:[^"\\]|\\[\s\S]|"(?!"{2}))*"{3}/
    | /'{3}(?:[^'\\]|\\[\s\S]|'(?!'{2}))*'{3}/
    | /"(?:[^"\\\r\n]|\\[^\r\n])*"/
    | /'(?:[^'\\\r\n]|\\[^\r\n])*'/
%ignore /[\t\n\f\r ]+/
%ignore /\/\/[^\n]*/
"""


@functools.cache
def parser() -> Lark:
    """The parser of conditions, made when the first is parsed: only a process that compiles any needs Lark."""
    from lark import Lark  # noqa: PLC0415

    return Lark(
        GRAMMAR, parser="lalr", start="expression", propagate_positions=True, maybe_placeholders=False
    )
