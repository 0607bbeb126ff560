"""What the fragments of the manager's guide stand in, so that they can be compiled as the strategies that they are
part of.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from documents import ROOT
from jsonschema import Draft7Validator

from pipeline.domain.strategies.compile import compile_strategy
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.strategies.problems import Problem
from pipeline.domain.templates import Brand, load_brand
from pipeline.pack import BRAND

FRAME: dict[str, Any] = {
    "strategy": "frame",
    "version": 1,
    "title": "What an example stands in",
    "lane": "transactional",
    "entry": {"on": ["web.form_started"]},
    "steps": [{"id": "first", "on": "entry", "do": [{"send_message": {"template": "form_help"}}]}],
}
CIRCUMSTANCE: dict[str, Any] = {
    "id": "strike",
    "title": "A strike of the carrier",
    "scope": "true",
    "from": "2026-03-01T00:00:00Z",
    "tell": "It will come later.",
}
BRAND_FRAME: dict[str, Any] = {"brand": "Northwind", "templates": {"hello": {"default": {"en": "Hello!"}}}}
SCHEMA = Draft7Validator(json.loads((ROOT / "schemas" / "strategy.schema.json").read_text("utf-8")))


@functools.cache
def brand() -> Brand:
    loaded = load_brand(BRAND.read_text("utf-8"), "brand.yaml")
    assert isinstance(loaded, Brand), loaded
    return loaded


def framed(role: str, written: Any) -> dict[str, Any]:
    """A whole strategy around a fragment of one."""
    first = FRAME["steps"][0]
    if role == "strategy":
        return {**FRAME, **written}
    if role == "entry":
        return {**FRAME, "entry": {**FRAME["entry"], **written}}
    if role == "exit":
        return {**FRAME, "exits": [{"on": ["web.form_abandoned"], **written}]}
    if role == "do":
        return {**FRAME, "steps": [{**first, "do": written}]}
    if role == "branch":
        return {
            **FRAME,
            "steps": [{"id": "first", "on": "entry", "branch": [{"do": first["do"], **written}]}],
        }
    moments = written.keys() & {"on", "after", "absent"}
    does = written.keys() & {"do", "branch", "resolve_thread"}
    step = {**({} if moments else {"on": "entry"}), **({} if does else {"do": first["do"]}), "id": "second"}
    return {**FRAME, "steps": [first, {**step, **written}]}


def compiled(strategy: dict[str, Any]) -> Strategy | list[Problem]:
    """The strategy, which the published schema takes as well. (JSON is YAML: no text of its own is needed.)"""
    found = compile_strategy(json.dumps(strategy), "guide.yaml", brand())
    if isinstance(found, Strategy):
        SCHEMA.validate(strategy)
    return found


def said(problems: object) -> str:
    return "\n".join(map(str, problems)) if isinstance(problems, list) else ""
