"""JSON Schemas of the files that managers write, for editors that complete and check them while they are typed.

They are made from the forms that the files are checked with, so the two cannot differ. The draft is 7: the
YAML language server of the editors reads that one fully. A schema accepts whatever is valid; what it cannot
tell (names in conditions, templates) is found by `validate`.
"""

from __future__ import annotations

import types
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from pipeline.domain.actions import BODIES
from pipeline.domain.circumstances import CircumstanceFile
from pipeline.domain.interactions import CHANNELS
from pipeline.domain.strategies.action_settings import needs_template, settings_of
from pipeline.domain.strategies.compile_action import IN_USE, PREFERRED
from pipeline.domain.strategies.language import StrategyFile
from pipeline.domain.templates import BrandFile

DRAFT = "http://json-schema.org/draft-07/schema#"
EXPRESSION = {"type": "string", "pattern": "^=", "description": "An expression, after an equals sign."}
SETTINGS = {
    "action_id": "Which action: its id as the topic of commands has it.",
    "adviser": "Who is shown it; whoever takes the conversation if not given.",
    "amount": "How much, more than 0.",
    "article_id": "Which article of the knowledge base.",
    "at": 'When, as a time: an expression such as =now + duration("2h").',
    "channel": "preferred, in_use or a channel by name.",
    "context": "What to show: names and texts.",
    "currency": "The currency's three letters, ISO 4217.",
    "fields": "What to change: names and texts.",
    "interaction_id": "In which visit the page opens.",
    "last_adviser": "Who is asked first.",
    "offer_id": "Which offer.",
    "order_id": "Which order.",
    "phone": "The number to call, in international form.",
    "priority": "What comes first: the smaller number.",
    "reason": "Why, for whoever carries it out.",
    "record": "Which kind of record.",
    "record_id": "Which record.",
    "skill": "What the adviser must know.",
    "subject": "What it is about, in a line.",
    "template": "Which text: the name of a template of this file or of the brand.",
    "text": "What is to be done, in words.",
    "title": "A line above it.",
    "to": "A person or a queue.",
    "url": "The page to open.",
    "wait_limit_s": "How long the customer may wait at the most, in seconds.",
    "window_end": "Until when the customer can be called back, as a time.",
    "window_start": "From when the customer can be called back, as a time.",
    "with": "More values for the text, by name.",
}
"""What each setting of an action means, in all kinds that have it."""


def strategy_schema() -> dict[str, Any]:
    """The JSON Schema of a strategy file."""
    schema = _schema(StrategyFile, "A strategy of Throughline")
    definitions = schema["definitions"]
    definitions["Action"] = _action()
    for form in (schema, *definitions.values()):
        if "do" in form.get("properties", {}):
            form["properties"]["do"]["items"] = {"$ref": "#/definitions/Action"}
    definitions["Step"] |= _RULES_OF_A_STEP
    return schema | _RULES_OF_LANES


def brand_schema() -> dict[str, Any]:
    """The JSON Schema of a brand file."""
    return _schema(BrandFile, "A brand of Throughline")


def circumstances_schema() -> dict[str, Any]:
    """The JSON Schema of a file of circumstances."""
    return _schema(CircumstanceFile, "Circumstances of Throughline")


class _Written(GenerateJsonSchema):
    """What may be written: no setting has a title beside its name, and none is written as null."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def nullable_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: Any) -> dict[str, Any]:
        described = super().default_schema(schema)
        if described.get("default") in (None, [], {}):
            described.pop("default", None)
        return described


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    written = model.model_json_schema(
        by_alias=True, ref_template="#/definitions/{model}", schema_generator=_Written
    )
    definitions = written.pop("$defs", {})
    for form in definitions.values():
        form.pop("title", None)
    schema: dict[str, Any] = _alone({"$schema": DRAFT, **written, "title": title, "definitions": definitions})
    return schema


def _alone(schema: Any) -> Any:
    """The schema with every reference alone: in draft 7 what stands beside one does not count."""
    if isinstance(schema, list):
        return [_alone(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _alone(one) for name, one in schema.items()}
    if "$ref" in inner and len(inner) > 1:
        return {"allOf": [{"$ref": inner.pop("$ref")}], **inner}
    return inner


def _action() -> dict[str, Any]:
    """One action: its kind, a colon and its settings."""
    return {
        "description": "An action: its kind, a colon and its settings.",
        "type": "object",
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "properties": {kind: _settings(kind) for kind in BODIES},
    }


def _settings(kind: str) -> dict[str, Any]:
    takes = settings_of(kind)
    properties = {name: _value(field.type) for name, field in takes.fields.items()}
    properties |= {name: _TEXTS[name] for name in sorted(takes.texts)}
    required = [name for name, field in takes.fields.items() if field.required]
    return {
        "description": (BODIES[kind].__doc__ or "").strip(),
        "type": "object",
        "additionalProperties": False,
        "required": required + (["template"] if needs_template(kind) else []),
        "properties": {name: {"description": SETTINGS[name], **one} for name, one in properties.items()},
    }


def _value(annotation: Any) -> dict[str, Any]:
    """A value of this type as written, or an expression that gives one."""
    if isinstance(annotation, types.UnionType):
        (annotation,) = (one for one in typing.get_args(annotation) if one is not type(None))
    if annotation is str:
        return {"type": "string"}
    if annotation in _NUMBERS:
        return {"anyOf": [{"type": _NUMBERS[annotation]}, EXPRESSION]}
    return {"anyOf": [{"type": "object", "additionalProperties": {"type": "string"}}, EXPRESSION]}


_NUMBERS: dict[Any, str] = {int: "integer", float: "number"}
_TEXTS: dict[str, dict[str, Any]] = {
    "template": {"type": "string"},
    "channel": {"enum": [PREFERRED, IN_USE, *CHANNELS], "default": PREFERRED},
    "with": {"type": "object"},
}
_RULES_OF_A_STEP: dict[str, Any] = {
    "oneOf": [{"required": [moment]} for moment in ("on", "after", "absent")],
    "anyOf": [{"required": [what]} for what in ("do", "branch", "resolve_thread")],
    "dependencies": {
        "absent": ["for"],
        "for": ["absent"],
        "within": ["count"],
        "hold_until": ["hold_for"],
        "hold_for": ["hold_until"],
    },
}
_RULES_OF_LANES: dict[str, Any] = {
    "allOf": [
        {
            "if": {"properties": {"lane": {"const": lane}}},
            "then": {"properties": dict.fromkeys(refused, False)},
        }
        for lane, refused in {
            "service_reply": ["control"],
            "safety": ["caps", "quiet_hours", "control"],
        }.items()
    ]
}
