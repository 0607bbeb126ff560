"""Source text of a function, put together line by line, and made a function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Source:
    """A function in the making: its lines, and the objects that it uses by name."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._names: dict[str, Any] = {}
        self._used = 0

    def line(self, text: str) -> None:
        """Add one line."""
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """What is added meanwhile goes below `head`."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def variable(self, purpose: str) -> str:
        """A variable's name that nothing else has."""
        self._used += 1
        return f"{purpose}_{self._used}"

    def constant(self, purpose: str, value: object) -> str:
        """A name for an object, which the function then finds among its globals."""
        name = self.variable(purpose)
        self._names[name] = value
        return name

    def function(self, name: str, **names: object) -> Callable[..., Any]:
        """The function of this name, after running the source with `names`. Raises SyntaxError when it is none."""
        space = self._names | names
        # Made of schema files and types that ship with this package, never of anything that is received.
        exec(compile(str(self), f"<generated {name}>", "exec"), space)  # noqa: S102
        made: Callable[..., Any] = space[name]
        return made

    def __str__(self) -> str:
        return "\n".join(self._lines) + "\n"
