"""Nothing in the manager's guide is left out by its tests, and what it says of rules, stages and bounds is so.

What the blocks and tables hold is the business of `test_guide_strategies`, `test_guide_conditions` and
`test_guide_commands`. A block or a table that is none of theirs fails here.
"""

from __future__ import annotations

import re
from itertools import pairwise

from documents import ROOT
from guide import BLOCKS, ELSEWHERE, FILES, PLAYED, ROWS, TEXT, rows
from test_guide_conditions import STRUCTS
from test_guide_strategies import FRAGMENTS, MODELS

from pipeline.cli import load
from pipeline.cli.strategies import COMMANDS
from pipeline.domain import state, templates
from pipeline.domain.actions import Lane
from pipeline.domain.gates import GATES
from pipeline.domain.releases import InFlight, Stage
from pipeline.domain.strategies import language, source
from pipeline.domain.strategies.cel import emit
from pipeline.domain.strategies.cel.containers import MAX_WORK
from pipeline.domain.strategies.cel.parse import MAX_CHARACTERS, MAX_DEPTH
from pipeline.domain.strategies.entering import LOOP_ATTEMPTS
from pipeline.domain.text_rules import FILTERS
from pipeline.settings import Settings

EXPLAINED = {
    "event",
    "name",
    "action",
    "setting",
    "expression",
    "written",
    "command",
    "rule",
    "stage",
    "`in_flight`",
    "what",
}
"""Tables of which other tests here say what must be in them, and the one of events, which channels define."""
SHARED = {"--bootstrap", "--author", "--reason", "--timeout", "--json"}
"""Options that many commands have: the guide tells of them once."""


def test_no_snippet_is_left_out() -> None:
    run = {("yaml", role) for role in (*FRAGMENTS, "brand", "circumstances", "moment", "refused", *FILES)}
    run |= {("sh", role) for role in (*PLAYED, ELSEWHERE)} | {("text", "output"), ("text", "picture")}
    left = [str(block) for block in BLOCKS if (block.language, block.role) not in run]
    left += [str(row) for row in ROWS if row.table not in {*MODELS, *STRUCTS, *EXPLAINED}]
    assert not left
    assert len(re.findall(r"(?m)^\s*```", TEXT)) == 2 * len(BLOCKS), "a fence that is indented"
    for before, block in pairwise(BLOCKS):
        printed = (block.language, block.role) == ("text", "output")
        assert not printed or before.role in (*PLAYED, "refused"), f"{block}: nothing prints it"


def test_every_lane_is_explained() -> None:
    for lane in Lane.__args__:
        assert f"`{lane}`" in TEXT


def test_every_command_is_explained_with_its_options() -> None:
    group = load("strategies")
    assert {row.codes[0][0] for row in rows("command")} == set(COMMANDS)
    for row in rows("command"):
        _, command, _ = group.resolve_command(None, [row.codes[0][0]])
        options = {name for one in command.params if one.param_type_name == "option" for name in one.opts}
        assert set(row.codes[1]) == options - SHARED, row


def test_every_rule_that_can_be_recorded_is_explained() -> None:
    named = re.compile(r"""(?:rule=|Refusal\()"([a-z_]+)\"""")
    sources = [path.read_text("utf-8") for path in (ROOT / "pipeline" / "domain").rglob("*.py")]
    explained = [row.codes[0][0] for row in rows("rule")]
    assert set(explained) == {rule for source in sources for rule in named.findall(source)}
    assert explained[: len(GATES)] == [gate.__name__.removesuffix("_gate") for gate in GATES]


def test_every_stage_and_what_becomes_of_attempts_is_explained() -> None:
    assert [row.cells[0].strip("`") for row in rows("stage")] == ["draft", *Stage.__args__]
    assert [row.codes[0][0] for row in rows("`in_flight`")] == [*InFlight.__args__]


def test_the_bounds_are_those_of_the_code() -> None:
    steps, caps = (
        next(
            part for part in language.StrategyFile.model_fields[name].metadata if hasattr(part, "max_length")
        )
        for name in ("steps", "caps")
    )
    stated = " ".join(row.cells[1] for row in rows("what"))
    for bound in (
        f"{source.MAX_CHARACTERS:,} characters, {steps.max_length} steps, {caps.max_length} caps",
        f"{MAX_CHARACTERS:,} characters, {MAX_DEPTH} levels of brackets",
        f"{emit.MAX_NESTED_MACROS} macros inside one another, {emit.MAX_PATTERNS} patterns",
        f"{MAX_WORK:,} steps",
        f"{state.ATTEMPTS}; beyond it",
        f"{state.TEXT} characters",
        *(f"{most:,} " for channel, most in templates.MAX_CHARACTERS.items() if channel != "email"),
    ):
        assert bound in stated, bound
    assert f"at most {LOOP_ATTEMPTS} attempts of one strategy within an hour" in TEXT
    assert (
        f"within a minute {Settings.model_fields['strategy_error_limit'].default} of its conditions" in TEXT
    )


def test_the_guide_names_every_filter_of_texts() -> None:
    told = TEXT[TEXT.index("filters `abs`") : TEXT.index("Nothing is called, multiplied")]
    assert set(re.findall(r"`(\w+)`", told)) == set(FILTERS)
