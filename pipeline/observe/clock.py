"""The wall clock, for everything that is given one: the domain never looks at it by itself."""

from __future__ import annotations

import time


def wall_clock() -> int:
    """Now, in epoch milliseconds."""
    return time.time_ns() // 1_000_000
