"""The commands that change strategies live: what they say, and what they refuse before they ask a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.cli.strategies.words import in_words
from pipeline.cli.waiting import Applied, applied, with_strategies
from pipeline.domain.releases import StrategyRollout
from pipeline.domain.strategies.rollout import of_file
from pipeline.local.broker_config import free_port
from pipeline.runtime.workers import Roster
from pipeline.wire.workers import WorkerStatus

GREETING = """
strategy: greeting
version: 2
title: Offer help
lane: service_reply
entry: {on: web.form_started}
steps:
  - id: help
    on: entry
    do:
      - offer_chat: {template: form_help, channel: in_use}
"""


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` and no file of the checkout can help a command out."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def greeting(tmp_path: Path) -> Path:
    file = tmp_path / "greeting.yaml"
    file.write_text(GREETING)
    return file


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, ("strategies", *arguments), env=environment)


def one_line(result: Result, exit_code: int) -> str:
    """The only line that a refused command prints."""
    assert result.exit_code == exit_code, result.output
    assert (result.stdout, result.stderr.count("\n")) == ("", 1), result.stderr
    return result.stderr.strip()


@pytest.mark.parametrize("command", ["validate", "publish"])
def test_what_cannot_be_read_is_named(command: str, tmp_path: Path) -> None:
    assert one_line(run(command, "none.yaml"), 2).startswith("none.yaml: cannot be read: No such file")
    (tmp_path / "empty").mkdir()
    assert one_line(run(command, "empty"), 2).startswith("empty: no strategy file (*.yaml) is there")
    (tmp_path / "image.yaml").write_bytes(b"\xff\xfe")
    assert "not UTF-8" in one_line(run(command, "image.yaml"), 2)


@pytest.mark.parametrize("command", ["validate", "publish"])
@pytest.mark.parametrize(
    ("written", "instead", "place"),
    [
        ("steps:", "steps: [", "8:3: not valid YAML"),
        ("title: Offer help", "titel: Offer help", "4:1: "),
        ("template: form_help", "template: form_halp", "11:32: "),
        ("on: web.form_started", "on: telepathy.form_started", "6:13: "),
        ("{on: web.form_started}", "{on: web.form_started, when: customer.valeu > 1.0}", "6:46: "),
        ("on: entry", "on: entry\n    repeat: 100000", "10:13: "),
    ],
    ids=[
        "broken YAML",
        "unknown setting",
        "no such template",
        "no such channel",
        "no such field",
        "no bound",
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_place(
    command: str, greeting: Path, written: str, instead: str, place: str
) -> None:
    assert written in GREETING
    greeting.write_text(GREETING.replace(written, instead))
    refused = run(command, str(greeting))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{greeting}:{place}" in refused.stderr


@pytest.mark.parametrize("command", ["validate", "publish"])
def test_the_same_strategy_in_two_files_is_refused(command: str, greeting: Path, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text(GREETING)
    line = one_line(run(command, str(greeting), "other.yaml"), 2)
    assert "greeting" in line and "give each strategy its own name" in line


def test_validate_takes_files_and_directories(greeting: Path, tmp_path: Path) -> None:
    assert run("validate", str(greeting)).stdout == "1 strategy is valid\n"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "b.yaml").write_text(GREETING.replace("strategy: greeting", "strategy: b"))
    assert run("validate", str(greeting), "more").stdout == "2 strategies are valid\n"


def test_validate_tells_machines_what_is_valid_and_what_is_wrong(greeting: Path) -> None:
    told = json.loads(run("validate", str(greeting), "--json").stdout)
    assert told == {
        "valid": [{"strategy": "greeting", "version": 2, "title": "Offer help"}],
        "problems": [],
    }
    greeting.write_text(GREETING.replace("lane: service_reply\n", ""))
    refused = run("validate", str(greeting), "--json")
    assert refused.exit_code == 2
    problem = json.loads(refused.stdout)["problems"][0]
    assert (problem["file"], problem["message"]) == (str(greeting), "lane is missing")


def test_files_are_checked_against_the_brand_of_the_workers(greeting: Path, tmp_path: Path) -> None:
    brand = tmp_path / "brand.yaml"
    brand.write_text("brand: Northwind\ntemplates:\n  hello:\n    default: {en: Hello}\n")
    assert "form_help" in one_line(run("validate", str(greeting), "--brand", str(brand)), 2)
    base = tmp_path / "base"
    base.mkdir()
    (base / "hello.yaml").write_text(
        GREETING.replace("strategy: greeting", "strategy: hello").replace("form_help", "hello")
    )
    workers = {"THROUGHLINE_BRAND": str(brand), "THROUGHLINE_STRATEGIES": str(base)}
    assert "form_help" in one_line(run("publish", str(greeting), **workers), 2)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--stage", "cannary"), "did you mean 'canary'?"),
        (("--stage", "retired"), "validated, shadow, canary, active"),
        (("--percent", "5"), "goes with --stage canary"),
        (("--stage", "shadow", "--percent", "5"), "goes with --stage canary"),
    ],
)
def test_a_stage_that_there_is_not_is_refused(greeting: Path, options: tuple[str, ...], said: str) -> None:
    assert said in one_line(run("publish", str(greeting), *options), 2)


@pytest.mark.parametrize("command", ["stop-all", "start-all"])
def test_nobody_turns_the_switch_by_accident(command: str) -> None:
    assert "say --yes" in one_line(run(command), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("publish", "greeting.yaml"),
        ("promote", "greeting"),
        ("pause", "greeting"),
        ("resume", "greeting"),
        ("rollback", "greeting"),
        ("retire", "greeting"),
        ("stop-all", "--yes"),
        ("start-all", "--yes"),
        ("list",),
        ("show", "greeting"),
        ("diff", "greeting"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_without_a_broker_nothing_is_changed_or_shown(arguments: tuple[str, ...], greeting: Path) -> None:
    bootstrap = f"127.0.0.1:{free_port()}"
    line = one_line(run(*arguments, "--bootstrap", bootstrap), 1)
    assert bootstrap in line and "throughline broker" in line


def test_how_far_the_workers_are() -> None:
    def status(name: str, offset: int, **refused: str) -> WorkerStatus:
        return WorkerStatus(
            worker_id=name,
            address="127.0.0.1:1",
            started_at=1,
            updated_at=1,
            strategies_offset=offset,
            strategies_refused=refused,
        )

    roster = Roster()
    for one in (
        status("w1", 7),
        status("w2", 6),
        status("w3", 9, greeting="no template"),
        status("w4", 8, other="no template"),
        status("w5", 2, greeting="an older one"),
    ):
        roster = roster.told(one.worker_id, one)
    seen = applied(roster, with_strategies, 7, {"greeting", "greeting@2"}, 140)
    assert seen == Applied(["w1", "w4"], ["w2", "w5"], {"w3": {"greeting": "no template"}}, 140)
    assert applied(Roster(), with_strategies, 7, {"greeting"}, 3) == Applied(after_ms=3)


def rollout(**fields: object) -> StrategyRollout:
    return replace(of_file("greeting", 3), **fields)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (rollout(), "version 3 is active"),
        (rollout(paused=True, previous=2), "version 3 is active; paused"),
        (rollout(stage="validated"), "version 3 is validated and does nothing yet; nothing runs"),
        (rollout(stage="shadow", previous=2), "version 3 is in shadow, sends nothing; version 2 runs"),
        (
            rollout(stage="canary", previous=2, percent=10),
            "version 3 runs for 10 % of customers, version 2 for the others",
        ),
        (
            rollout(stage="canary", percent=10),
            "version 3 runs for 10 % of customers, nothing for the others",
        ),
        (rollout(stage="retired"), "version 3 is retired; nothing runs"),
    ],
)
def test_a_roll_out_in_words(told: StrategyRollout, words: str) -> None:
    assert in_words(told) == words
