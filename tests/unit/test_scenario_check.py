"""The judge of scenarios finds what is wrong, and says it in words."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline.domain.strategies.problems import Problem
from pipeline.local.scenarios.__main__ import main
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario, load
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.pack import load_rules

SCENARIOS = Path(__file__).parents[1] / "scenarios"


def problems_of(name: str, **changes: Any) -> list[str]:
    scenario = load(SCENARIOS / name)
    assert isinstance(scenario, Scenario)
    return check(scenario.model_copy(update=changes), MemoryDriver(), load_rules()).problems


def first_then(name: str, **changes: Any) -> list[Any]:
    scenario = load(SCENARIOS / name)
    assert isinstance(scenario, Scenario)
    return [scenario.then[0].model_copy(update=changes), *scenario.then[1:]]


def test_a_command_that_nobody_expects_is_a_problem() -> None:
    problems = problems_of("04a-quiet-in-the-form.yaml", then=[])
    assert len(problems) == 1
    assert problems[0].startswith("Unexpected: offer_chat by return-form-help/help")


def test_a_command_that_does_not_come_is_a_problem() -> None:
    expected = first_then("04a-quiet-in-the-form.yaml", with_={"channel": "sms"})
    problems = problems_of("04a-quiet-in-the-form.yaml", then=expected)
    assert problems[0].startswith("The offer_chat with channel sms did not come; instead: offer_chat by")


def test_a_command_that_comes_twice_is_a_problem() -> None:
    scenario = load(SCENARIOS / "04a-quiet-in-the-form.yaml")
    assert isinstance(scenario, Scenario)
    problems = problems_of("04a-quiet-in-the-form.yaml", then=[*scenario.then, *scenario.then])
    assert problems == [
        "The offer_chat with channel web, to d-41, skill returns, text ~here to chat did not come."
    ]


def test_a_command_out_of_time_is_a_problem() -> None:
    late = first_then("04a-quiet-in-the-form.yaml", within=309_000)
    assert "came 310 s later" in problems_of("04a-quiet-in-the-form.yaml", then=late)[0]
    before = first_then("01-wrong-size-return.yaml", after=None, before="message")
    assert "came only at or after message" in problems_of("01-wrong-size-return.yaml", then=before)[0]
    after = first_then("01-wrong-size-return.yaml", after="submitted", before=None)
    assert "came before submitted" in problems_of("01-wrong-size-return.yaml", then=after)[0]


def test_help_is_offered_when_the_submit_comes_after_the_grace() -> None:
    scenario = load(SCENARIOS / "04b-submitted-just-in-time.yaml")
    assert isinstance(scenario, Scenario)
    started, submitted = scenario.when
    late = submitted.model_copy(update={"late": 12_000})
    assert "offer_chat" in problems_of("04b-submitted-just-in-time.yaml", when=[started, late])[0]


def test_a_decision_or_fact_that_is_not_there_is_a_problem() -> None:
    scenario = load(SCENARIOS / "02-wrong-size-low-value.yaml")
    assert isinstance(scenario, Scenario)
    other = [scenario.decisions[0].model_copy(update={"rule": "customer.value >= 900.0"})]
    assert (
        "because of customer.value >= 900.0"
        in problems_of(scenario_file := "02-wrong-size-low-value.yaml", decisions=other)[0]
    )
    fact = load(SCENARIOS / "01-wrong-size-return.yaml")
    assert isinstance(fact, Scenario)
    wrong = [fact.customers[0].model_copy(update={"holds": ["session.events == 6"]})]
    problem = problems_of("01-wrong-size-return.yaml", customers=wrong)[0]
    assert problem == "Of customer C-1001 it is not true that session.events == 6 (session.events is 5)."
    gone = [fact.customers[0].model_copy(update={"customer": "C-9"})]
    assert problems_of(scenario_file, customers=gone) == ["Customer C-9 is not there."]


def test_a_payload_that_cannot_be_filled_says_what_to_do() -> None:
    scenario = load(SCENARIOS / "04b-submitted-just-in-time.yaml")
    assert isinstance(scenario, Scenario)
    bare = [scenario.when[0].model_copy(update={"with_": {}})]
    assert problems_of("04b-submitted-just-in-time.yaml", when=bare)[0].endswith(
        "{{device}} is not filled; give it under with"
    )
    lost = [scenario.when[0].model_copy(update={"payload": "none.json"})]
    assert "none.json: cannot be read" in problems_of("04b-submitted-just-in-time.yaml", when=lost)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenario: 1\ntitle: x\n", "given is missing"),
        ("scenario: 1\nscenario: 2\n", "'scenario' is written twice"),
        ("scenario: [1\n", "not valid YAML"),
    ],
)
def test_a_wrong_file_is_a_problem_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    problems = load(path)
    assert isinstance(problems, list)
    assert message in str(problems[0])
    assert str(problems[0]).startswith(f"{path}:")


def test_an_unknown_name_in_a_bound_is_a_problem(tmp_path: Path) -> None:
    text = (SCENARIOS / "04b-submitted-just-in-time.yaml").read_text()
    path = tmp_path / "x.yaml"
    path.write_text(text.replace("then: []", "then:\n  - {command: refund, before: nowhere}"))
    problems = load(path)
    assert isinstance(problems, list)
    assert isinstance(problems[0], Problem)
    assert problems[0].message == "no event under when is named nowhere"
    assert problems[0].column > 1


def test_the_command_prints_the_table_and_exits_by_the_result(tmp_path: Path) -> None:
    command = typer.Typer()
    command.command()(main)

    def play(directory: Path) -> tuple[int, str]:
        wide = {"COLUMNS": "200"}
        result = CliRunner().invoke(command, [str(directory), "--memory-only"], env=wide)
        return result.exit_code, " ".join(result.output.split())

    code, text = play(SCENARIOS)
    assert code == 0
    assert "passed" in text
    code, _ = play(tmp_path)
    assert code == 2
    (tmp_path / "payloads").symlink_to(SCENARIOS / "payloads")
    good = (SCENARIOS / "04a-quiet-in-the-form.yaml").read_text()
    (tmp_path / "x.yaml").write_text(good.replace("command: offer_chat", "command: offer_callback"))
    code, text = play(tmp_path)
    assert code == 1
    assert "did not come" in text


def test_the_examples_in_the_readme_are_good(tmp_path: Path) -> None:
    story, *parts = [
        block.split("```")[0]
        for block in (SCENARIOS / "README.md").read_text(encoding="utf-8").split("```yaml\n")[1:]
    ]
    (tmp_path / "payloads").symlink_to(SCENARIOS / "payloads")
    path = tmp_path / "x.yaml"
    path.write_text(story)
    scenario = load(path)
    assert isinstance(scenario, Scenario)
    given = scenario.given.model_copy(update={"customers": "customer_id,value\nC-1,9.5\n"})
    result = check(scenario.model_copy(update={"given": given}), MemoryDriver(), load_rules())
    assert result.passed, result.problems
    for part in parts:
        path.write_text(story.replace("then: []", part))
        assert isinstance(load(path), Scenario), part


def test_of_a_map_only_what_is_named_must_be_equal() -> None:
    name = "17-from-the-call-to-the-mail.yaml"
    right = first_then(name, with_={"adviser": "ada", "context": {"told": "", "now": "~voi"}})
    assert problems_of(name, then=right) == []
    for wrong in ({"told": "order_id: 1001"}, {"unheard_of": ""}):
        problems = problems_of(name, then=first_then(name, with_={"context": wrong, "adviser": "ada"}))
        assert problems[0].startswith("The show_context with")
