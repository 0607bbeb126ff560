"""What is wrong with a file that a person wrote: where, what, and what to do about it."""

from __future__ import annotations

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
