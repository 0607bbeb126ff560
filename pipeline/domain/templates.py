"""The brand: one file with its name, its links and every text that it sends, per channel and language.

The same template gives the same message on every channel: a channel without a text of its own uses
`default`, a language without one the brand's own. Texts are Jinja2 in its sandbox; for e-mail they are HTML,
and values are escaped.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.strategies.source import Path, Source, read, validated

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

VARIABLES = frozenset({"brand", "links", "customer", "thread", "event"})
"""What every template can name; an action adds its own with `with`."""

_PLAIN = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
_HTML = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)


class Text(BaseModel):
    """A text with a subject, for channels that have one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    subject: str
    text: str


class BrandFile(BaseModel):
    """The form of the brand file: `templates` maps template id → channel or `default` → language → text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
    brand: str
    tone: str = ""
    language: str = Field("en", pattern="^[a-z]{2,3}$")
    links: dict[str, str] = {}
    templates: dict[str, dict[str, dict[str, str | Text]]]


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
    """The templates, compiled; made by `load_brand`."""

    def __init__(self, file: BrandFile) -> None:
        self.name, self.language, self.links = file.brand, file.language, file.links
        self._compiled: dict[tuple[str, str, str], _Compiled] = {}
        self._variables: dict[str, frozenset[str]] = {}
        for name, channels in file.templates.items():
            used: set[str] = set()
            for channel, languages in channels.items():
                for language, text in languages.items():
                    body, subject = (text, None) if isinstance(text, str) else (text.text, text.subject)
                    self._compiled[name, channel, language] = _Compiled(
                        _PLAIN.from_string(body),
                        _HTML.from_string(body),
                        None if subject is None else _PLAIN.from_string(subject),
                    )
                    for part in (body, subject or ""):
                        used |= meta.find_undeclared_variables(_PLAIN.parse(part))
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
        try:
            text = body.render(values).strip()
            head = None if compiled.subject is None else " ".join(compiled.subject.render(values).split())
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            return Failure("bad_template", f"template {template}: {error}")
        limit = MAX_CHARACTERS.get(channel, MAX_CHARACTERS["email"])
        if len(text) > limit:
            return Failure(
                "too_long", f"template {template}: {len(text)} characters, {channel} takes {limit}"
            )
        return Rendered(text, head, chosen)

    def _find(self, template: str, channel: str, language: str) -> tuple[str, _Compiled] | None:
        for tongue in (language, self.language):
            for where in (channel, DEFAULT):
                found = self._compiled.get((template, where, tongue))
                if found is not None:
                    return tongue, found
        return None


def load_brand(text: str, file: str) -> Brand | list[Problem]:
    """The brand of a YAML text, or all that is wrong with it; `file` is its name in messages."""
    source = read(text, file)
    if isinstance(source, Problem):
        return [source]
    brand = validated(source, BrandFile)
    if isinstance(brand, list):
        return brand
    problems = list(_problems(source, brand))
    return problems or Brand(brand)


def _problems(source: Source, brand: BrandFile) -> list[Problem]:
    problems: list[Problem] = []
    for name, channels in brand.templates.items():
        for channel, languages in channels.items():
            path: Path = ("templates", name, channel)
            if channel not in (*CHANNELS, DEFAULT):
                remedy = f"write one of {', '.join(CHANNELS)} or {DEFAULT}"
                problems.append(source.problem(path, f"{channel} is not a channel", remedy))
            if brand.language not in languages:
                message = f"there is no text in {brand.language}, the brand's language"
                problems.append(source.problem(path, message, "add one"))
            for language, text in languages.items():
                for part in (text,) if isinstance(text, str) else (text.subject, text.text):
                    try:
                        _PLAIN.from_string(part)
                    except TemplateSyntaxError as error:
                        message = f"not a valid text: {error.message}"
                        problems.append(source.problem((*path, language), message, "check the braces"))
    return problems
