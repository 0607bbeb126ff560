"""Every command in a document works: each is run by a test, and this file says by which."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from documents import DOCUMENTS, ROOT
from guide import PLAYED, blocks
from guide import commands as commands_of

from pipeline.cli import COMMANDS, load

TARGETS = "tests/docs/test_commands.py::test_every_target_that_a_document_names_is_there"
SERVICES = "tests/docs/test_services.py::test_the_pipeline_runs_as_the_documents_say"
COMPOSE = "tests/docs/test_compose.py::test_a_document_names_only_services_that_are_there"
INTENTS = (
    "tests/integration/test_intents_on_broker.py::test_a_thread_gets_its_intent_and_events_are_folded_without"
)
CLASSIFY = "tests/unit/test_intents.py::test_classify_tells_the_intent_or_that_it_is_unknown"
FOLLOWED = "tests/docs/test_guide_commands.py::test_the_guide_can_be_followed_to_its_end"
CHECKED = {
    **{command: FOLLOWED for block in blocks("sh", *PLAYED) for command in commands_of(block)},
    "make setup": TARGETS,
    "make test": TARGETS,
    "make demo": TARGETS,
    "make demo ARGS=--fast": (
        "tests/integration/test_demo.py::test_the_demo_shows_the_refund_before_the_form_is_submitted"
    ),
    ".venv/bin/throughline broker --port 9092": (
        "tests/integration/test_broker.py::test_the_command_serves_until_it_is_interrupted"
    ),
    ".venv/bin/throughline topics apply": SERVICES,
    ".venv/bin/throughline worker": SERVICES,
    ".venv/bin/throughline customers import tests/scenarios/payloads/customers.csv": SERVICES,
    ".venv/bin/throughline produce web tests/data/channels/web_return_form.json": SERVICES,
    ".venv/bin/throughline produce voice tests/data/channels/call_from_a_known_number.json": SERVICES,
    ".venv/bin/throughline customer show C-1001": SERVICES,
    ".venv/bin/throughline customer show C-1001 --redact --json": SERVICES,
    ".venv/bin/throughline intents run": INTENTS,
    '.venv/bin/throughline intents classify "where is my parcel?"': CLASSIFY,
    ".venv/bin/throughline strategies validate pipeline/pack/strategies": (
        "tests/unit/test_cli.py::test_the_shipped_strategies_are_valid"
    ),
    ".venv/bin/throughline strategies test tests/scenarios": (
        "tests/unit/test_strategies_tried.py::test_the_shipped_scenarios_pass_with_the_shipped_strategies"
    ),
    ".venv/bin/python -m pipeline.wire.versions": (
        "tests/docs/test_commands.py::test_releasing_schemas_that_have_not_changed_writes_nothing"
    ),
    "docker compose up --build --detach worker": COMPOSE,
    "docker compose run --rm demo": (
        "tests/integration/test_demo.py::test_beside_a_worker_that_runs_already_it_can_be_played_again_and_again"
    ),
}


def commands() -> list[tuple[str, str]]:
    """Every line of every shell block, with the document that it stands in."""
    found = []
    for name, path in DOCUMENTS.items():
        for block in re.findall(
            r"```(?:sh|bash|shell|console)\b[^\n]*\n(.*?)```", path.read_text("utf-8"), re.DOTALL
        ):
            lines = re.split(r"\n(?! )", block.strip())
            found += [(name, line) for line in lines if line and line[0] != "#"]
    return found


def test_every_command_in_a_document_is_run_by_a_test() -> None:
    unknown = [f"{document}: {command}" for document, command in commands() if command not in CHECKED]
    assert not unknown, "name the test that runs them in CHECKED"


def test_no_command_is_checked_that_no_document_shows() -> None:
    assert set(CHECKED) <= {command for _, command in commands()}


@pytest.mark.parametrize("node", sorted(set(CHECKED.values())))
def test_the_tests_that_are_named_are_there(node: str) -> None:
    file, name = node.split("::")
    assert f"def {name}(" in (ROOT / file).read_text("utf-8")


def mentioned(pattern: str) -> set[str]:
    """What a pattern captures in all documents."""
    return {found for path in DOCUMENTS.values() for found in re.findall(pattern, path.read_text("utf-8"))}


@pytest.mark.parametrize("target", sorted(mentioned(r"(?m)(?:`|^)make ([a-z-]+)")))
def test_every_target_that_a_document_names_is_there(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_that_a_document_names_is_there() -> None:
    named = mentioned(r"throughline ((?:[a-z][a-z-]+)(?: [a-z]+)?)[` \n]")
    assert named
    for words in named:
        name, _, rest = words.partition(" ")
        assert name in COMMANDS, words
        inner = getattr(load(name), "commands", None)
        if inner is not None and rest:
            assert rest in inner, words


def test_releasing_schemas_that_have_not_changed_writes_nothing() -> None:
    command = [sys.executable, "-m", "pipeline.wire.versions"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
