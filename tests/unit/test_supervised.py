"""A supervised program ends when it is told to, and when the process that started it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from pipeline.local.supervised import Supervised

Eventually = Callable[[Callable[[], bool]], bool]
AllEnd = Callable[[list[psutil.Process]], bool]

ROOT = Path(__file__).parents[2]
SLEEPER = ["/bin/sh", "-c", "echo ready; exec sleep 1000"]
ORDERLY = ["/bin/sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.02; done"]
STUBBORN = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.02; done"]
PARENT = """
import sys, time
from pathlib import Path
from pipeline.local.supervised import Supervised
here = Path(sys.argv[1])
program = Supervised(sys.argv[2:], here, (here / "output").open("ab"), here / "scratch")
print("started", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def run(tmp_path: Path, eventually: Eventually) -> Iterator[Callable[[list[str]], Supervised]]:
    """Start a program that says `ready`, with `scratch` as its directory to remove. It ends with the test."""
    (tmp_path / "scratch").mkdir()
    programs: list[Supervised] = []

    def start(command: list[str]) -> Supervised:
        with (tmp_path / "output").open("ab") as output:
            programs.append(Supervised(command, tmp_path, output, tmp_path / "scratch"))
        assert eventually(lambda: "ready" in (tmp_path / "output").read_text())
        return programs[-1]

    yield start
    for program in programs:
        program.kill()


def test_stop_lets_the_program_end_orderly(run: Callable[[list[str]], Supervised], tmp_path: Path) -> None:
    program = run(ORDERLY)
    assert program.running
    program.stop(timeout_s=30)
    assert not program.running
    assert (tmp_path / "output").read_text() == "ready\nbye\n"
    assert (tmp_path / "scratch").exists()


def test_stop_kills_a_program_that_does_not_end(run: Callable[[list[str]], Supervised]) -> None:
    program = run(STUBBORN)
    program.stop(timeout_s=0.1)
    assert not program.running


def test_kill_gives_no_chance_to_finish(run: Callable[[list[str]], Supervised], tmp_path: Path) -> None:
    program = run(ORDERLY)
    program.kill()
    assert not program.running
    assert (tmp_path / "output").read_text() == "ready\n"
    assert (tmp_path / "scratch").exists()


def test_a_stopped_program_ignores_every_further_order(run: Callable[[list[str]], Supervised]) -> None:
    program = run(SLEEPER)
    program.kill()
    program.signal("TERM")
    program.stop(timeout_s=0)
    program.kill()
    assert program.wait()


def test_waiting_tells_whether_the_program_has_ended(run: Callable[[list[str]], Supervised]) -> None:
    program = run(SLEEPER)
    assert not program.wait(timeout_s=0)
    program.signal("TERM")
    assert program.wait(timeout_s=30)


def test_the_program_is_not_in_the_terminals_process_group(run: Callable[[list[str]], Supervised]) -> None:
    before = set(psutil.Process().children(recursive=True))
    run(SLEEPER)
    started = set(psutil.Process().children(recursive=True)) - before
    assert started
    own = os.getpgid(0)
    assert all(os.getpgid(process.pid) != own for process in started)


@pytest.mark.parametrize("command", [SLEEPER, STUBBORN])
def test_nothing_outlives_a_killed_parent(
    command: list[str], tmp_path: Path, eventually: Eventually, all_end: AllEnd
) -> None:
    (tmp_path / "scratch" / "deep").mkdir(parents=True)
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout and parent.stdout.readline() == "started\n"
    assert eventually(lambda: "ready" in (tmp_path / "output").read_text())
    family = psutil.Process(parent.pid).children(recursive=True)
    assert family
    parent.kill()
    parent.communicate()
    assert all_end(family)
    assert eventually(lambda: not (tmp_path / "scratch").exists())
