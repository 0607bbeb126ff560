"""Every scenario file, played in memory with the whole pack live."""

from pathlib import Path

import pytest

from pipeline.domain.strategies.compiled import Rules
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario, load
from pipeline.local.scenarios.memory import MemoryDriver
from pipeline.pack import load_rules

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))


@pytest.fixture(scope="module")
def rules() -> Rules:
    loaded = load_rules()
    assert isinstance(loaded, Rules), [str(problem) for problem in loaded]
    return loaded


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_scenario(path: Path, rules: Rules) -> None:
    scenario = load(path)
    assert isinstance(scenario, Scenario), [str(problem) for problem in scenario]
    result = check(scenario, MemoryDriver(), rules)
    assert result.passed, "\n".join(result.problems)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_twice_is_the_same(path: Path, rules: Rules) -> None:
    """Played again, and with every event delivered twice, the same commands come out, with the same ids."""
    scenario = load(path)
    assert isinstance(scenario, Scenario)
    once = check(scenario.model_copy(update={"twice": False}), MemoryDriver(), rules)
    again = check(scenario.model_copy(update={"twice": False}), MemoryDriver(), rules)
    twice = check(scenario.model_copy(update={"twice": True}), MemoryDriver(), rules)
    assert again.commands == once.commands
    assert again.decisions == once.decisions
    assert twice.commands == once.commands
