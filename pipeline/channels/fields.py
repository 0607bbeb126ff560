"""Names and values as services write them: snake_case, scalars only, nothing secret, no query strings."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.domain import normalise
from pipeline.domain.interactions import Scalar

MAX_FACT = 256
"""Characters of a fact: longer text is no order, reason or size, and facts stay in the customer's state."""

_WORD_STARTS = re.compile(r"(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN_WORDS = re.compile(r"[\W_]+")
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|passcode|passphrase|pwd|secret|token|pin|otp|cvv2?|cvc2?|csc|iban|ssn"
    r"|card_?(?:number|num|no|expiry)|(?:credit|debit|payment|bank)_?card|security_code"
    r"|account_?(?:number|num|no)|sort_code)(?:_|$)|^(?:card|pass|pan)$"
)
_LINK = re.compile(r"https?://|/|\?\S+=", re.IGNORECASE)


def snake_case(name: str) -> str:
    """`Form Field Completed`, `formFieldCompleted`, `form-field-completed` → `form_field_completed`."""
    return _BETWEEN_WORDS.sub("_", _WORD_STARTS.sub("_", name)).strip("_").lower()


def attributes(values: Mapping[str, object]) -> dict[str, Scalar]:
    """The scalars among `values` under snake_case names; lists, objects, nulls and secrets are left out.

    Links lose query and fragment, where reset tokens and e-mail addresses travel.
    """
    kept: dict[str, Scalar] = {}
    for name, value in values.items():
        key = snake_case(name)
        if key and isinstance(value, str | int | float | bool) and not _SECRET_NAME.search(key):
            kept[key] = without_query(value) if isinstance(value, str) else value
    return kept


def fact(name: str, value: Scalar) -> Scalar | None:
    """The value as a fact called `name`: ids are text without the `#` before them; None when it cannot be one."""
    told = normalise.order_number(str(value)) if name.endswith("_id") else value
    return told if 0 < len(str(told)) <= MAX_FACT else None


def without_query(text: str) -> str:
    """A link or path up to its query or fragment (of a bare query nothing); any other text as it is."""
    return re.split(r"[?#]", text, maxsplit=1)[0] if _LINK.match(text) else text
