"""Failures as values: what could not be processed, why, and in words a person can act on."""

from __future__ import annotations

import msgspec


class Failure(msgspec.Struct, frozen=True):
    """Something that cannot be processed. `code` is stable and snake_case, `message` is one line for people."""

    code: str
    message: str
