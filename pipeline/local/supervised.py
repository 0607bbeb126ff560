"""A child process that cannot outlive this one.

A shell stands between: it starts the program, reads the names of signals to send from a pipe, and kills the
program when the pipe ends. The operating system closes the pipe in whatever way this process ends, kill -9
included, on Linux and on macOS. (Linux's parent-death signal would fire already when the *thread* that
started the child ends.) The shell is the program's parent, so it never signals a recycled process id, and
it ends only after the program has. Both have a session of their own, which Ctrl-C on the terminal does not
reach. A child made by fork without exec shares the pipe, so the program may live as long as that child.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

# $1 is a directory to remove when this process dies without an orderly stop, or empty; then the command.
# The watcher ignores TERM once it has seen the pipe end, so its exit status tells which of the two happened.
_SCRIPT = """
scratch=$1; shift
exec 3<&0
"$@" </dev/null 3<&- &
program=$!
exec 2>/dev/null  # the shell's own remarks about ended jobs
{
  while read -r signal; do kill -s "$signal" "$program"; done
  trap '' TERM
  kill -s KILL "$program"
  exit 0
} <&3 &
watcher=$!
exec 3<&-
wait "$program"
status=$?
kill "$watcher"
if wait "$watcher" && [ -n "$scratch" ]; then rm -rf -- "$scratch"; fi
exit "$status"
"""


class Supervised:
    """A running program. Use from one thread at a time."""

    def __init__(
        self, command: list[str], directory: Path, output: BinaryIO, scratch: Path | None = None
    ) -> None:
        """Start `command` in `directory`, writing to `output`, which it holds open until it ends.

        `scratch` is removed if this process dies without stopping the program.
        """
        commands, control = os.pipe()
        self._control = os.fdopen(control, "wb", buffering=0)
        with os.fdopen(commands, "rb") as read_end:
            self._shell = subprocess.Popen(
                ["/bin/sh", "-c", _SCRIPT, "sh", str(scratch or ""), *command],
                cwd=directory,
                stdin=read_end,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self._shell.poll() is None

    def signal(self, name: str) -> None:
        """Send the signal `name` (TERM, KILL, STOP, CONT) to the program, if it still runs."""
        if self.running:
            with suppress(BrokenPipeError):
                self._control.write(f"{name}\n".encode())

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the program has ended; False when it has not within `timeout_s` seconds."""
        try:
            self._shell.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, timeout_s: float) -> None:
        """End the program: orderly, or by KILL when that takes longer than `timeout_s` seconds."""
        self.signal("TERM")
        if not self.wait(timeout_s):
            self.signal("KILL")
        self._end()

    def kill(self) -> None:
        """End the program at once, without giving it the chance to finish anything."""
        self.signal("KILL")
        self._end()

    def _end(self) -> None:
        """Wait for the program's end and close the pipe to its shell."""
        self._shell.wait()
        self._control.close()
