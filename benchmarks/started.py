"""How a worker tells when it handed over its first record: the end of its start-up."""

from __future__ import annotations

import time
from pathlib import Path


class Started:
    """Call it before each fold: the first call writes the time (ns, system-wide monotonic) to a file."""

    def __init__(self, file: Path) -> None:
        self._file: Path | None = file

    def __call__(self) -> None:
        if self._file is not None:
            # Renamed into place, so that a reader sees all of the number or no file.
            part = self._file.with_suffix(".part")
            part.write_text(str(time.monotonic_ns()), encoding="ascii")
            part.rename(self._file)
            self._file = None
