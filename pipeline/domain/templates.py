"""The brand: one file with its name, its links and every text that it sends, per channel and language.

The same template gives the same message on every channel: a channel without a text of its own uses
`default`, a language without one the brand's own. Texts are Jinja2, as far as `text_rules` lets them; for e-mail
they are HTML, and values are escaped.
"""

from __future__ import annotations

import copy
import difflib
import zoneinfo
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import msgspec
from jinja2 import Template, TemplateError, meta, nodes
from pydantic import AfterValidator, BaseModel, Discriminator, Field, Tag

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS, Interaction
from pipeline.domain.state import Customer, Thread
from pipeline.domain.strategies.fields import FORM, Caps, QuietHoursPart, mistake
from pipeline.domain.strategies.forms import validated
from pipeline.domain.strategies.problems import Problem, one_of
from pipeline.domain.strategies.source import Path, Source, read
from pipeline.domain.text_rules import HTML, PLAIN, breaches

DEFAULT = "default"
HTML_CHANNELS = frozenset({"email"})
MAX_CHARACTERS: dict[str, int] = {
    "sms": 480,
    "chat": 1_000,
    "chatbot": 1_000,
    "social": 2_000,
    "web": 500,
    "mobile_app": 240,
    "email": 50_000,
}
"""The longest text that a channel takes, in characters; others take `email`'s."""
MAX_SUBJECT = 500
"""The longest subject."""

VARIABLES = frozenset({"brand", "links", "customer", "thread", "event"})
"""What every template can name; an action adds its own with `with`."""
_STRUCTS: dict[str, type[msgspec.Struct]] = {"customer": Customer, "thread": Thread, "event": Interaction}


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        close = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "write one like Europe/Berlin"
        raise mistake(f"there is no time zone {name!r}", remedy) from None
    return name


Zone = Annotated[str, AfterValidator(_zone)]


class _Part(BaseModel):
    model_config = FORM


class Text(_Part):
    """A text with a subject, for channels that have one."""

    subject: str
    """One line."""
    text: str
    """The text; for e-mail it is HTML."""


def _is_text(value: Any) -> str:
    return "parts" if isinstance(value, dict | Text) else "plain"


Texts = dict[
    str,
    dict[
        str,
        dict[
            str,
            Annotated[Annotated[str, Tag("plain")] | Annotated[Text, Tag("parts")], Discriminator(_is_text)],
        ],
    ],
]
"""Template id → channel or `default` → language → text."""


class BrandFile(_Part):
    """The form of the brand file."""

    brand: str
    """The brand's name."""
    tone: str = ""
    """How the brand speaks; a note for authors."""
    language: str = Field("en", pattern="^[a-z]{2,3}$")
    """The language of customers for whom there is no text in their own: two or three letters."""
    links: dict[str, str] = {}
    """Addresses that texts can name, as `links.name`."""
    timezone: Zone = "UTC"
    """The time zone of customers of whom none is known."""
    quiet_hours: QuietHoursPart | None = None
    """Hours of the customer's day in which the lane `proactive` sends nothing."""
    caps: Caps = []
    """At most so many proactive actions of all strategies to one customer."""
    complaints: list[str] = []
    """Intents that are complaints: while one is open, nothing is sold to its customer."""
    templates: Texts
    """The texts: template → channel or `default` → language → text."""


class Rendered(msgspec.Struct, frozen=True):
    """A text ready to send, in `language`."""

    text: str
    subject: str | None
    language: str


class _Compiled(NamedTuple):
    plain: Template
    html: Template
    subject: Template | None


class Brand:
    """The templates, compiled, and what holds for all strategies; made by `load_brand`."""

    def __init__(self, file: BrandFile) -> None:
        self.name, self.language, self.links = file.brand, file.language, file.links
        self.timezone = file.timezone
        self.quiet_hours = None if file.quiet_hours is None else file.quiet_hours.value
        self.caps = tuple(cap.value for cap in file.caps)
        self.complaints = frozenset(file.complaints)
        self._compiled: dict[tuple[str, str, str], _Compiled] = {}
        self._variables: dict[str, frozenset[str]] = {}
        self._add(file.templates)

    def with_own(self, templates: Texts) -> Brand:
        """The same brand with other templates in place of its own of the same names, or beside them."""
        brand = copy.copy(self)
        brand._compiled = {place: text for place, text in self._compiled.items() if place[0] not in templates}
        brand._variables = dict(self._variables)
        brand._add(templates)
        return brand

    def _add(self, templates: Texts) -> None:
        for name, channels in templates.items():
            used: set[str] = set()
            for channel, languages in channels.items():
                for language, text in languages.items():
                    body, subject = (text, None) if isinstance(text, str) else (text.text, text.subject)
                    self._compiled[name, channel, language] = _Compiled(
                        PLAIN.from_string(body),
                        HTML.from_string(body),
                        None if subject is None else PLAIN.from_string(subject),
                    )
                    for part in (body, subject or ""):
                        used |= meta.find_undeclared_variables(PLAIN.parse(part))
            self._variables[name] = frozenset(used)

    @property
    def templates(self) -> tuple[str, ...]:
        """The ids of all templates."""
        return tuple(self._variables)

    def variables(self, template: str) -> frozenset[str]:
        """The variables that the template's texts name, in any language and channel."""
        return self._variables[template]

    def speaks(self, template: str, channel: str) -> bool:
        """Whether the template has a text for the channel."""
        return self._find(template, channel, self.language) is not None

    def render(
        self, template: str, channel: str, language: str | None, values: dict[str, Any]
    ) -> Rendered | Failure:
        """The text for a channel, in the customer's language if there is one, else the brand's.

        Failures: `no_text` (none for the channel), `bad_template` (a value is missing), `too_long`.
        """
        found = self._find(template, channel, language or self.language)
        if found is None:
            return Failure("no_text", f"template {template} has no text for {channel}")
        chosen, compiled = found
        body = compiled.html if channel in HTML_CHANNELS else compiled.plain
        values = {"brand": self.name, "links": self.links, **values}
        limit = MAX_CHARACTERS.get(channel, MAX_CHARACTERS["email"])
        try:
            text = _written(body, values, limit)
            head = _written(compiled.subject, values, MAX_SUBJECT) if compiled.subject else ""
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            return Failure("bad_template", f"template {template}: {error}")
        if text is None or head is None:
            return Failure("too_long", f"template {template}: {channel} takes {limit} characters")
        return Rendered(text, " ".join(head.split()) if compiled.subject else None, chosen)

    def _find(self, template: str, channel: str, language: str) -> tuple[str, _Compiled] | None:
        for tongue in (language, self.language):
            for where in (channel, DEFAULT):
                found = self._compiled.get((template, where, tongue))
                if found is not None:
                    return tongue, found
        return None


def _written(template: Template, values: dict[str, Any], limit: int) -> str | None:
    """What the template gives, or None as soon as that is longer than the limit and some white space around it."""
    written: list[str] = []
    room = 2 * limit
    for part in template.generate(values):
        written.append(part)
        room -= len(part)
        if room < 0:
            return None
    text = "".join(written).strip()
    return text if len(text) <= limit else None


def load_brand(text: str, file: str) -> Brand | list[Problem]:
    """The brand of a YAML text, or all that is wrong with it; `file` is its name in messages."""
    source = read(text, file)
    if isinstance(source, Problem):
        return [source]
    brand = validated(source, BrandFile)
    if isinstance(brand, list):
        return brand
    problems = list(text_problems(source, brand.templates, brand))
    return problems or Brand(brand)


def text_problems(source: Source, templates: Texts, brand: BrandFile | Brand) -> Iterator[Problem]:
    """What is wrong with the texts under `templates` in a brand or strategy file."""
    for name, channels in templates.items():
        for channel, languages in channels.items():
            path: Path = ("templates", name, channel)
            if channel not in (*CHANNELS, DEFAULT):
                remedy = one_of(channel, (*CHANNELS, DEFAULT))
                yield source.unknown(path, f"{channel} is not a channel", remedy)
            if brand.language not in languages:
                message = f"there is no text in {brand.language}, the brand's language"
                yield source.problem(path, message, "add one")
            for language, text in languages.items():
                for part in (text,) if isinstance(text, str) else (text.subject, text.text):
                    for message, remedy in _mistakes(part, brand.links):
                        yield source.problem((*path, language), message, remedy)


def _mistakes(text: str, links: dict[str, str]) -> Iterator[tuple[str, str]]:
    """What is wrong with a text, and what to do about it."""
    found = list(breaches(text))
    yield from found
    if found:
        return
    known = {name: [*struct.__struct_fields__] for name, struct in _STRUCTS.items()} | {"links": [*links]}
    for node in PLAIN.parse(text).find_all(nodes.Getattr):
        if isinstance(node.node, nodes.Name) and node.attr not in known.get(node.node.name, (node.attr,)):
            of = node.node.name
            yield f"{of} has no {node.attr!r}", one_of(node.attr, known[of])
