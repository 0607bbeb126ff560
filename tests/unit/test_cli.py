"""The command line: what it says of itself, and how it refuses wrong use."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from pipeline.cli import COMMANDS, cli
from pipeline.cli.lazy import LazyGroup
from pipeline.local.broker_config import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No `.env` and no file of the checkout can help a command out."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(cli, arguments, env=environment)


def every_command() -> Iterator[tuple[str, Any]]:
    """The words that call each command and group, and the command."""

    def walk(words: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{words} {name}".lstrip(), command.load(name) if is_lazy(command) else inner)

    yield from walk("", get_command(cli))


def is_lazy(command: Any) -> bool:
    return isinstance(command, LazyGroup)


EVERY_COMMAND = dict(every_command())


def sentence_of(command: Any) -> str:
    """The first paragraph of a command's help, in one line."""
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_command_says_in_a_sentence_what_it_does(words: str) -> None:
    sentence = sentence_of(EVERY_COMMAND[words])
    assert sentence[:1].isupper() and sentence.endswith("."), sentence
    shown = run(*words.split(), "--help")
    assert shown.exit_code == 0
    assert " ".join(sentence.split()[:5]) in " ".join(shown.output.split())


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_option_and_argument_is_explained(words: str) -> None:
    assert all(parameter.help for parameter in EVERY_COMMAND[words].params)


@pytest.mark.parametrize("words", [words for words, one in EVERY_COMMAND.items() if is_lazy(one)])
def test_the_list_of_commands_tells_what_each_command_tells(words: str) -> None:
    for name, place in EVERY_COMMAND[words].places.items():
        assert place.help == sentence_of(EVERY_COMMAND[f"{words} {name}".lstrip()])


def test_the_list_of_commands_shows_them_all() -> None:
    shown = run("--help").output
    assert all(name in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "exit_code", "unneeded"),
    [
        (("--help",), 0, {"faust", "confluent_kafka", "pydantic", "jinja2", "lark"}),
        (("topics", "--help"), 0, {"faust", "jinja2", "lark"}),
        (("produce", "telepathy", "x.json"), 2, {"faust", "jinja2", "lark"}),
        (("strategies", "validate"), 0, {"faust", "confluent_kafka"}),
    ],
)
def test_a_command_imports_only_what_it_needs(
    arguments: tuple[str, ...], exit_code: int, unneeded: set[str]
) -> None:
    program = (
        "import sys; from pipeline.cli import cli\n"
        "try: cli(sys.argv[1:])\n"
        "except SystemExit as end: print('exit', end.code, *sys.modules)"
    )
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    _, code, *modules = done.stdout.splitlines()[-1].split()
    assert int(code) == exit_code
    assert not unneeded.intersection(modules)


def test_a_command_that_is_not_there_is_refused_with_the_nearest() -> None:
    result = run("wroker")
    assert result.exit_code == 2
    assert "'wroker'" in result.stderr and "'worker'" in result.stderr


def one_line(result: Result, exit_code: int) -> str:
    """The only line that a refused command prints."""
    assert result.exit_code == exit_code, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr.strip()


def test_an_unknown_channel_is_refused_with_those_that_are_known() -> None:
    line = one_line(run("produce", "telepathy", "payload.json"), 2)
    assert "'telepathy'" in line
    assert all(channel in line for channel in ("mobile_app", "order", "social", "web"))


@pytest.mark.parametrize("command", [("produce", "web"), ("customers", "import")])
@pytest.mark.parametrize("kind", ["missing", "directory"])
def test_a_file_that_cannot_be_read_is_named(command: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    file = tmp_path / "payload.json"
    if kind == "directory":
        file.mkdir()
    assert one_line(run(*command, str(file)), 2).startswith(f"{file}: ")


def test_customers_in_an_unknown_form_are_refused_with_those_that_are_known() -> None:
    line = one_line(run("customers", "import", "customers.xlsx"), 2)
    assert line.startswith("customers.xlsx: ") and ".csv, .json, .jsonl" in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("THROUGHLINE_PARTITIONS", "x"),
        ("THROUGHLINE_PARTITIONS", "0"),
        ("THROUGHLINE_BOOTSTRAP", "kafka"),
        ("THROUGHLINE_SECURITY_PROTOCOL", "TLS"),
        ("THROUGHLINE_TOPIC_PREFIX", "a b"),
        ("THROUGHLINE_METRICS_PORT", "65536"),
    ],
)
def test_a_bad_setting_is_named(variable: str, value: str) -> None:
    assert one_line(run("topics", "apply", **{variable: value}), 2).startswith(f"{variable}: ")


def test_an_empty_variable_is_as_good_as_none() -> None:
    assert run("strategies", "validate", THROUGHLINE_STRATEGIES="", THROUGHLINE_BRAND="").exit_code == 0


def test_the_shipped_strategies_are_valid() -> None:
    result = run("strategies", "validate")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("strategies are valid\n")


@pytest.mark.parametrize("command", [("strategies", "validate"), ("worker", "--strategies")])
def test_a_bad_strategy_file_is_named_with_line_and_column(command: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text("strategy: broken\nsteps: [\n")
    assert one_line(run(*command, str(tmp_path)), 2).startswith(f"{file}:3:1: ")


@pytest.mark.parametrize("command", [("strategies", "validate"), ("worker", "--strategies")])
def test_a_directory_without_strategies_is_refused(command: tuple[str, ...], tmp_path: Path) -> None:
    assert one_line(run(*command, str(tmp_path)), 2).startswith(f"{tmp_path}: ")
    assert one_line(run(*command, str(tmp_path / "none")), 2).startswith(f"{tmp_path / 'none'}: ")


@pytest.mark.parametrize("command", [("worker",), ("produce", "web", "payload.json")])
def test_a_broker_that_does_not_answer_is_named_with_what_to_do(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "payload.json").write_text("{}")
    bootstrap = f"127.0.0.1:{free_port()}"
    line = one_line(run(*command, "--bootstrap", bootstrap), 1)
    assert bootstrap in line and "throughline broker" in line


@pytest.mark.parametrize(
    "group", [name for name, one in EVERY_COMMAND.items() if name in COMMANDS and hasattr(one, "commands")]
)
def test_a_group_without_a_command_shows_what_it_has(group: str) -> None:
    result = run(group)
    assert result.exit_code == 2
    assert all(name in result.output for name in EVERY_COMMAND[group].commands)
