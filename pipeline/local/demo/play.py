"""The demo of two scenarios: a valuable customer's wrong size, and the same of one who is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from pipeline.domain.messages import Decision
from pipeline.domain.strategies.compiled import Rules
from pipeline.local.demo.driver import LiveDriver
from pipeline.local.demo.line import Line, NotSettled
from pipeline.local.demo.names import Names
from pipeline.local.demo.pace import Pace
from pipeline.local.demo.pace import played as played_at
from pipeline.local.demo.report import Outcomes, ending, played, refusals
from pipeline.local.demo.screen import screen
from pipeline.local.demo.stage import StageError
from pipeline.local.demo.story import Happening, Story
from pipeline.local.scenarios.check import check
from pipeline.local.scenarios.form import Scenario, load

FILES = ("01-wrong-size-return.yaml", "02-wrong-size-low-value.yaml")


def scenario_directory() -> Path:
    """Where the scenario files are: packaged with a wheel, or the checkout's `tests/scenarios/`.

    Raises StageError when they are in neither place.
    """
    package = Path(__file__).resolve().parents[2]
    candidates = (package / "_data" / "scenarios", package.parent / "tests" / "scenarios")
    for directory in candidates:
        if (directory / FILES[0]).is_file():
            return directory
    raise StageError(f"no scenario files in {candidates[0]} or {candidates[1]}: install throughline again")


def scenarios() -> list[Scenario]:
    """The scenarios of the demo. Raises StageError for a file that is not right."""
    found = []
    for name in FILES:
        scenario = load(scenario_directory() / name)
        if isinstance(scenario, list):
            raise StageError("\n".join(map(str, scenario)))
        found.append(scenario)
    return found


def play(scenario: Scenario, pace: Pace, line: Line, mark: str, rules: Rules, console: Console) -> Outcomes:
    """Play a scenario, show it, and judge what came out by what its file demands."""
    story = Story(f"Scenario {scenario.scenario}: {scenario.title}")
    submitted: list[str] = []

    def happens(happening: Happening, show: Callable[[Happening], None]) -> None:
        if happening.kind == "form_submitted":
            submitted.append(happening.event_id)
        show(happening)

    with screen(story, console) as shown:
        line.begin(shown.answered)
        names = Names(scenario, mark)
        driver = LiveDriver(line, names, pace, lambda happening: happens(happening, shown.happens))
        try:
            start = datetime.now(UTC) + timedelta(milliseconds=pace.lead_ms)
            problems = check(played_at(scenario, pace, start), driver, rules).problems
        except NotSettled as error:
            problems = [str(error)]
    at = line.published[submitted[0]] if submitted else None
    decisions: list[Decision] = [names.plain(decision) for decision, _ in line.decisions]
    outcomes = Outcomes(
        id=scenario.scenario,
        title=scenario.title,
        problems=problems,
        commands=[
            played(command, latency_ms, line.received[command.action_id], at)
            for command, latency_ms in line.commands
        ],
        not_done=refusals(decisions),
    )
    console.print(ending(outcomes) if outcomes.passed else "\n".join(problems), markup=False)
    return outcomes
