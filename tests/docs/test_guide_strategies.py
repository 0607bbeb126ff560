"""The files and fragments in the manager's guide are valid, and every setting and action is explained."""

from __future__ import annotations

import json
from typing import Any

import pytest
from guide import BLOCKS, ROWS, Block, Row, blocks, data, rows
from guide_frames import BRAND_FRAME, CIRCUMSTANCE, compiled, framed, said
from pydantic import BaseModel

from pipeline.domain.actions import BODIES
from pipeline.domain.circumstances import CircumstancePart, load_circumstances
from pipeline.domain.strategies import fields as parts
from pipeline.domain.strategies import language
from pipeline.domain.strategies.action_settings import settings_of
from pipeline.domain.strategies.compile import compile_rules
from pipeline.domain.strategies.compiled import Strategy
from pipeline.domain.templates import Brand, BrandFile, load_brand
from pipeline.pack import BRAND

MODELS: dict[str, type[BaseModel]] = {
    "setting of a strategy": language.StrategyFile,
    "setting of an entry": language.Entry,
    "setting of an exit": language.Exit,
    "setting of a step": language.Step,
    "setting of a branch": language.Branch,
    "setting of a cap": parts.CapPart,
    "setting of quiet hours": parts.QuietHoursPart,
    "setting of the brand": BrandFile,
    "setting of a circumstance": CircumstancePart,
}
FRAGMENTS = ("strategy", "entry", "step", "do")


@pytest.mark.parametrize("block", blocks("yaml", *FRAGMENTS), ids=str)
def test_a_fragment_is_valid_in_a_strategy(block: Block) -> None:
    strategy = compiled(framed(block.role, data(block.text)))
    assert isinstance(strategy, Strategy), said(strategy)


@pytest.mark.parametrize("block", blocks("yaml", "brand"), ids=str)
def test_a_brand_is_valid(block: Block) -> None:
    loaded = load_brand(block.text, "brand.yaml")
    assert isinstance(loaded, Brand), said(loaded)


@pytest.mark.parametrize("block", blocks("yaml", "circumstances"), ids=str)
def test_circumstances_are_valid(block: Block) -> None:
    found = load_circumstances(block.text, "circumstances.yaml")
    assert isinstance(found, tuple), said(found)


def settings() -> list[Row]:
    return [row for row in ROWS if row.table in MODELS]


@pytest.mark.parametrize("row", settings(), ids=str)
def test_the_example_of_a_setting_is_valid(row: Row) -> None:
    (name,), examples = row.codes[0], row.codes[1]
    written: dict[str, Any] = {}
    for example in examples:
        written |= data(example)
    assert next(iter(written)) == name
    if row.table == "setting of the brand":
        loaded = load_brand(json.dumps({**BRAND_FRAME, **written}), "brand.yaml")
        assert isinstance(loaded, Brand), said(loaded)
        return
    if row.table == "setting of a circumstance":
        found = load_circumstances(json.dumps({"circumstances": [{**CIRCUMSTANCE, **written}]}), "c.yaml")
        assert isinstance(found, tuple), said(found)
        return
    place = row.table.removeprefix("setting of ").split()[-1]
    if place == "cap":
        place, written = "strategy", {"caps": [{"times": 1, "per": "1d", **written}]}
    elif place == "hours":
        place, written = "strategy", {"quiet_hours": {"from": "22:00", "to": "07:00", **written}}
    strategy = compiled(framed(place, written))
    assert isinstance(strategy, Strategy), said(strategy)


@pytest.mark.parametrize("table", MODELS)
def test_every_setting_is_explained(table: str) -> None:
    forms = {field.alias or name: field for name, field in MODELS[table].model_fields.items()}
    explained = {row.codes[0][0]: row.cells[2] for row in rows(table)}
    assert explained.keys() == forms.keys()
    assert {name for name, default in explained.items() if default == "required"} == {
        name for name, field in forms.items() if field.is_required()
    }


@pytest.mark.parametrize("row", rows("action"), ids=str)
def test_the_example_of_an_action_is_valid(row: Row) -> None:
    (kind,), _, (example,) = row.codes
    action = data(example)
    assert list(action) == [kind]
    strategy = compiled(framed("do", [action]))
    assert isinstance(strategy, Strategy), said(strategy)


def test_every_action_is_explained_with_its_settings() -> None:
    explained = {row.codes[0][0]: set(row.codes[1]) for row in rows("action")}
    assert explained == {kind: set(settings_of(kind).names) for kind in BODIES}
    names = {name for row in rows("setting") for name in row.codes[0]}
    assert names == set().union(*explained.values())


@pytest.mark.parametrize("row", rows("written"), ids=str)
def test_a_mistake_in_a_file_is_answered_as_the_guide_says(row: Row) -> None:
    problems = compiled(framed("strategy", data(row.codes[0][0])))
    assert isinstance(problems, list)
    assert [f"{one.message}; {one.remedy}" for one in problems] == [row.cells[1]]


@pytest.mark.parametrize("block", blocks("yaml", "refused"), ids=str)
def test_a_strategy_that_is_refused_is_answered_as_the_guide_says(block: Block) -> None:
    problems = compile_rules({block.path: block.text}, BRAND.read_text("utf-8"), "brand.yaml")
    assert said(problems) == BLOCKS[BLOCKS.index(block) + 1].text.strip()
