"""Which settings an action takes in a strategy file: fields of its body, and those that its text follows from."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import msgspec

from pipeline.domain.actions import BODIES

DERIVED = frozenset({"channel", "to", "template", "language", "subject", "text", "reply_to"})
"""Fields of a text's body that follow from the template, the customer and the event."""

ANSWERS = frozenset({"reply_public", "push_page"})
"""Kinds whose text goes where the customer is: there is no channel to choose."""


@dataclass(frozen=True)
class ActionSettings:
    """The settings of one kind of action.

    `fields` are those that become fields of its body, by name; `texts` those that say which text is sent, on
    which channel, and with which values: none for a kind that sends no text.
    """

    fields: dict[str, msgspec.structs.FieldInfo]
    texts: frozenset[str]

    @property
    def names(self) -> frozenset[str]:
        """All settings that may be written."""
        return self.texts | self.fields.keys()


@functools.cache
def settings_of(kind: str) -> ActionSettings:
    """The settings that an action of this kind takes."""
    fields = {field.name: field for field in msgspec.structs.fields(BODIES[kind])}
    sends = "text" in fields and ("channel" in fields or kind in ANSWERS)
    if not sends:
        return ActionSettings(fields, frozenset())
    texts = {"template", "with"} | (set() if kind in ANSWERS else {"channel"})
    own = {name: field for name, field in fields.items() if name not in DERIVED}
    return ActionSettings(own, frozenset(texts))


def needs_template(kind: str) -> bool:
    """Whether an action of this kind says something always; a page can be opened without a word."""
    return bool(settings_of(kind).texts) and kind != "push_page"
