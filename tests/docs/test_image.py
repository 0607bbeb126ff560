"""The Dockerfile, without a container engine: it copies what exists, checks hashes, and runs without root."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n", " ", (ROOT / "deploy" / "Dockerfile").read_text("utf-8"))
STEPS = [line.split(None, 1) for line in TEXT.splitlines() if line and line[0] != "#"]


def steps(instruction: str) -> list[str]:
    """The arguments of every step of one kind, in order."""
    return [argument for name, argument in STEPS if name == instruction]


def copied() -> set[str]:
    """What is copied from the checkout."""
    return {
        source
        for argument in steps("COPY")
        if not argument.startswith("--from")
        for source in argument.split()[:-1]
    }


def test_what_is_copied_is_there_and_is_sent_to_the_build() -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"
    }
    assert copied() == allowed
    assert all((ROOT / source).exists() for source in copied())


def test_everything_that_the_wheel_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*wheel["packages"], *wheel["force-include"], project["project"]["readme"]} <= copied()


def test_every_installation_checks_hashes_or_fetches_nothing() -> None:
    installs = re.findall(r"pip install ([^&]+)", TEXT)
    assert installs
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


def test_it_starts_from_named_versions_and_runs_without_root_and_shell() -> None:
    assert all(re.match(r"python:\d+\.\d+-slim\b", argument) for argument in steps("FROM"))
    assert steps("USER")[-1] not in ("0", "root")
    assert json.loads(steps("ENTRYPOINT")[-1]) == ["throughline"]
    assert isinstance(json.loads(steps("CMD")[-1]), list)
    assert not steps("ADD")


def test_its_variables_are_settings() -> None:
    known = {f"THROUGHLINE_{field.upper()}" for field in Settings.model_fields}
    assert set(re.findall(r"THROUGHLINE_\w+", TEXT)) <= known
