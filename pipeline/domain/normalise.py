"""One spelling for every identifier: the same person's address gives the same key on every channel."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import phonenumbers

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Assurance, Identifier

MAX_IDENTIFIER = 256
"""Characters of an identifier's value; real ones are far shorter, and the value becomes a Kafka key."""

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?", re.DOTALL)

_HINTS = {
    "phone": "write the number with its country code, like +44 20 7946 0018",
    "email": "expected an address like name@example.com",
    "social": "expected network:id, like facebook:1234",
}


def identifier(
    type_: str, value: str, assurance: Assurance, region: str | None = None
) -> Identifier | Failure:
    """The identifier, its value normalised for its type, or a `bad_identifier` failure that says what to do.

    `region` (ISO 3166, two letters) is where a phone number without country code belongs. The failure's
    message never repeats the value.
    """
    # The same letters in one spelling: some keyboards send an accent as a character of its own.
    text = unicodedata.normalize("NFC", value.strip())
    normal = None
    if text and len(text) <= MAX_IDENTIFIER and text.isprintable():
        normal = phone(text, region) if type_ == "phone" else _NORMALISERS.get(type_, str)(text)
    if not normal:
        hint = _HINTS.get(type_, f"expected 1 to {MAX_IDENTIFIER} printable characters")
        return Failure("bad_identifier", f"{type_}: cannot be used; {hint}")
    return Identifier(type_, normal, assurance)


def phone(value: str, region: str | None = None) -> str | None:
    """The number in E.164, or None when it cannot be one.

    A possible number is enough, in whatever range: ranges open faster than libraries are updated.
    """
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email(value: str) -> str | None:
    """The address in lower case, or None when it is not one."""
    return value.lower() if _EMAIL.fullmatch(value) else None


def social(value: str) -> str | None:
    """`network:id` with the network in lower case (ids are opaque and keep theirs), or None without both."""
    network, _, handle = value.partition(":")
    return f"{network.lower()}:{handle}" if network and handle else None


def loyalty_card(value: str) -> str:
    """The card's number as a till reads it: no blanks or dashes, upper case."""
    return re.sub(r"[\s-]", "", value).upper()


def order_number(value: str) -> str:
    """The order's number without the `#` that people write before it."""
    return value.strip().removeprefix("#").strip()


def postcode(value: str) -> str:
    """Upper case, single blanks."""
    return " ".join(value.upper().split())


def language(value: str) -> str | None:
    """The primary language of a BCP 47 tag or POSIX locale (`en-GB`, `en_GB` → `en`), else None."""
    match = _LANGUAGE.fullmatch(value.strip())
    return match.group(1).lower() if match else None


_NORMALISERS: dict[str, Callable[[str], str | None]] = {
    "email": email,
    "social": social,
    "loyalty_card": loyalty_card,
    "order_number": order_number,
}
