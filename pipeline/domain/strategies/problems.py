"""What is wrong with a file that a person wrote: where, what, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One mistake: `line` and `column` count from 1, 0 when the whole file is meant; `remedy` says what to
    do.
    """

    file: str
    line: int
    column: int
    message: str
    remedy: str

    def __str__(self) -> str:
        """One line for the author: `file:line:column: what; what to do`."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.message}; {self.remedy}"


def one_of(given: Any, known: Collection[str]) -> str:
    """What to write in place of something that is not one of the names known."""
    close = difflib.get_close_matches(given, known, n=1, cutoff=0.5) if isinstance(given, str) else []
    return f"did you mean {close[0]!r}?" if close else f"write one of {', '.join(known)}"
