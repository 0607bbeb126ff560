"""Protocol buffers in text format, as the public conformance cases of CEL are written."""

from __future__ import annotations

import functools
import re
from typing import Any

from lark import Lark, Token, Transformer

Message = dict[str, list[Any]]
"""The values of each field, in their order: a field that is not repeated has one."""

GRAMMAR = r"""
message: (field (";" | ",")?)*
field: name ":"? (nested | values) | name ":" value
?name: NAME | "[" TYPE "]"
nested: "{" message "}" | "<" message ">"
values: "[" [(value | nested) ("," (value | nested))*] "]"
value: STRING+ -> text | NUMBER -> number | NAME -> word
NAME: /-?[a-zA-Z_][a-zA-Z0-9_]*/
TYPE: /[a-zA-Z0-9_.]+(\/[a-zA-Z0-9_.]+)?/
NUMBER: /-?(0x[0-9a-fA-F]+|[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?f?|[0-9]+\.)/
STRING: /"(\\.|[^"\\\n])*"|'(\\.|[^'\\\n])*'/
%ignore /[ \t\r\n]+/
%ignore /#[^\n]*/
"""

ESCAPE = re.compile(
    rb"\\(?:[xX]([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL
)
PLAIN = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


class _Values(Transformer[Token, Message]):
    def message(self, fields: list[tuple[str, list[Any]]]) -> Message:
        found: Message = {}
        for name, values in fields:
            found.setdefault(name, []).extend(values)
        return found

    def field(self, parts: list[Any]) -> tuple[str, list[Any]]:
        name, value = parts
        return str(name), value if isinstance(value, list) else [value]

    def nested(self, parts: list[Message]) -> Message:
        return parts[0]

    def values(self, parts: list[Any]) -> list[Any]:
        return parts

    def text(self, parts: list[Token]) -> bytes:
        # Adjacent strings are one.
        return b"".join(ESCAPE.sub(_unescaped, part[1:-1].encode()) for part in parts)

    def number(self, parts: list[Token]) -> int | float:
        text = parts[0].rstrip("f") if "0x" not in parts[0] else parts[0]
        try:
            return int(text, 0)
        except ValueError:
            return float(text)

    def word(self, parts: list[Token]) -> Any:
        text = str(parts[0])
        return {"true": True, "false": False}.get(text, text)


def _unescaped(found: re.Match[bytes]) -> bytes:
    """What an escape stands for: a byte, or the bytes of a code point."""
    byte, octal, short, long, plain = found.groups()
    if plain is not None:
        return PLAIN.get(plain, plain)
    if short or long:
        return chr(int(short or long, 16)).encode()
    return bytes([int(byte, 16) if byte else int(octal, 8)])


@functools.cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", start="message", transformer=_Values())


def read(text: str) -> Message:
    """A message: field → its values, where a text is bytes, a name (as of an enumeration) a str."""
    message: Any = _parser().parse(text)
    return dict(message)
