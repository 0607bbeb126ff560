"""Strategy files as they are named on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.cli.common import stop
from pipeline.cli.rules import stop_for
from pipeline.pack import files_in, read_texts


def texts_or_stop(paths: Iterable[Path]) -> dict[str, str]:
    """The texts of strategy files by their names, a directory standing for those in it; or exit 2 with a line for
    every one that cannot be read.
    """
    files: list[Path] = []
    for path in paths:
        found = files_in(path) if path.is_dir() else [path]
        if not found:
            stop(f"{path}: no strategy file (*.yaml) is there; name a directory that has some")
        files += found
    texts = read_texts(files)
    if isinstance(texts, list):
        stop_for(texts)
    return texts
