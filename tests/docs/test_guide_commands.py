"""The manager's guide, followed from its first command to its last: what is printed is what the guide shows."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from documents import ROOT
from guide import BLOCKS, ELSEWHERE, FILES, PLAYED, Block, commands

from pipeline.local.broker import Broker

COMMAND = ".venv/bin/throughline"
ASKS = re.compile(rf"{COMMAND} (?:strategies (?:list|show)|customer show)\b")
"""Commands that change nothing: what they show may come a moment later, so they are asked again."""


class Reader:
    """Somebody who does what the guide says, in a directory of their own."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self._environment = {**os.environ, "COLUMNS": "110", "PYTHONPATH": str(ROOT), **environment}
        for name in ("pipeline", "schemas", "tests"):
            (directory / name).symlink_to(ROOT / name)
        command = directory / COMMAND
        command.parent.mkdir(parents=True)
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pipeline.cli "$@"\n')
        command.chmod(0o755)

    def write(self, block: Block) -> None:
        """Write a file, or put each line of an edit in place of the one that begins with the same setting."""
        path = self.directory / block.path
        if block.role == "file":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
            return
        text = path.read_text("utf-8")
        for line in block.text.splitlines():
            setting = re.escape(line.partition(":")[0] + ":")
            text, replaced = re.subn(rf"(?m)^{setting}.*$", lambda _, new=line: new, text)
            assert replaced == 1, f"{block}: {line}"
        path.write_text(text, "utf-8")

    def run(self, command: str) -> tuple[int, str]:
        """The exit code of a command and all that it prints."""
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.directory,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        return done.returncode, done.stdout

    @contextmanager
    def working(self) -> Iterator[None]:
        """A worker runs meanwhile."""
        with (self.directory / "worker.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "worker"],
                cwd=self.directory,
                env=self._environment,
                stdout=log,
                stderr=log,
            )
            try:
                yield
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(60) == 0
            finally:
                worker.kill()
                worker.wait()


def is_shown(printed: str, block: Block | None) -> bool:
    """Whether a command printed what the guide shows, in which … stands for anything; columns may be wider."""
    if block is None or block.role != "output":
        return True
    pattern = ".*".join(re.escape(part) for part in _narrow(block.text).split("…"))
    return re.fullmatch(pattern, _narrow(printed), re.DOTALL) is not None


def _narrow(text: str) -> str:
    """The text without spaces at the ends of its lines, and with one between its columns."""
    return "\n".join(" ".join(line.split()) for line in text.strip().splitlines())


def follow(reader: Reader, block: Block, after: Block | None, eventually: Callable[..., bool]) -> None:
    """Run a block's commands; the last one prints what the block after it shows."""
    lines = commands(block)
    wanted = int(block.path or 0)
    for line in lines:
        shown = after if line == lines[-1] else None
        code, printed = reader.run(line)
        if ASKS.match(line):

            def asked_again(line: str = line, shown: Block | None = shown) -> bool:
                nonlocal code, printed
                code, printed = reader.run(line)
                return code == wanted and is_shown(printed, shown)

            eventually(asked_again)
        assert code == wanted, f"{block}: {line}\n{printed}"
        assert is_shown(printed, shown), f"{block}: {line}\n{printed}"


def pairs() -> Iterator[tuple[Block, Block | None]]:
    """Every block with the one after it."""
    yield from zip(BLOCKS, [*BLOCKS[1:], None], strict=True)


def test_the_guide_can_be_followed_up_to_the_broker(tmp_path: Path, eventually: Callable[..., bool]) -> None:
    reader = Reader(tmp_path)
    for block, after in pairs():
        if block.language == "yaml" and block.role in FILES:
            reader.write(block)
        elif block.language == "sh" and block.role == "broker":
            break
        elif block.language == "sh" and block.role in PLAYED:
            follow(reader, block, after, eventually)


@pytest.mark.kafka
def test_the_guide_can_be_followed_to_its_end(
    broker: Broker, topic_prefix: str, tmp_path: Path, eventually: Callable[..., bool]
) -> None:
    reader = Reader(
        tmp_path,
        THROUGHLINE_BOOTSTRAP=broker.bootstrap,
        THROUGHLINE_TOPIC_PREFIX=topic_prefix,
        THROUGHLINE_GROUP=topic_prefix,
        THROUGHLINE_PARTITIONS="2",
    )
    with ExitStack() as stack:
        for block, after in pairs():
            if block.language == "yaml" and block.role in FILES:
                reader.write(block)
            elif block.language == "sh" and block.role in PLAYED:
                follow(reader, block, after, eventually)
            elif block.role == ELSEWHERE and f"{COMMAND} worker\n" in block.text:
                stack.enter_context(reader.working())
