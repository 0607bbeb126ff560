"""What a campaign has seen so far, on disk: it takes more than half an hour, and may be interrupted."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tests.faults.campaign import Fault, Outcome


class Kept:
    """The outcomes of this campaign by their seed; those of an interrupted one only when it is to be resumed."""

    def __init__(self, path: Path, resume: bool) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if resume and path.exists() else []
        decoded = [msgspec.json.decode(line, type=tuple[int, Outcome]) for line in lines]
        self._outcomes = dict(decoded)
        if not resume:
            self.drop()

    def outcome(self, fault: Fault, seed: int) -> Outcome | None:
        """What came of this fault with this seed, None when it is to be played."""
        found = self._outcomes.get(seed)
        return found if found is not None and found.fault == fault.name else None

    def add(self, seed: int, outcome: Outcome) -> None:
        """Keep what was found to be as it must be; anything else is to be played again."""
        if not outcome.problems:
            with self._path.open("ab") as file:
                file.write(msgspec.json.encode((seed, outcome)) + b"\n")

    def drop(self) -> None:
        """The campaign is over, or begins anew."""
        self._path.unlink(missing_ok=True)
