"""The jars of the embedded Kafka broker: what they are, where they are kept, and which are missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

LOCK = Path(__file__).with_name("kafka.lock")


class Jar(NamedTuple):
    """One jar of the class path: its Maven coordinates, its size in bytes and its SHA-256 in hex."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """The name of the file in the repository and in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    def line(self) -> str:
        """This jar as a line of the lock file."""
        return f"{self.group}:{self.artifact}:{self.version} {self.size} {self.sha256}"

    @classmethod
    def from_line(cls, line: str) -> Jar:
        """The jar of a line of the lock file. Raises ValueError when the line is not one."""
        coordinates, size, sha256 = line.split()
        group, artifact, version = coordinates.split(":")
        return cls(group, artifact, version, int(size), sha256)


def locked_jars() -> list[Jar]:
    """The jars of `kafka.lock`."""
    return [Jar.from_line(line) for line in LOCK.read_text(encoding="ascii").splitlines()]


def kafka_version(jars: list[Jar]) -> str:
    """The version of the Kafka jars among `jars`."""
    return next(jar.version for jar in jars if jar.artifact.startswith("kafka"))


def cache_directory(version: str) -> Path:
    """Where Kafka `version` is kept: in THROUGHLINE_CACHE, else in `throughline` of the user's cache."""
    root = os.environ.get("THROUGHLINE_CACHE")
    if root:
        return Path(root).expanduser().absolute() / f"kafka-{version}"
    user_cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return user_cache / "throughline" / f"kafka-{version}"


def missing(directory: Path, jars: list[Jar]) -> list[Jar]:
    """The jars that are not in `directory` with the size that they must have."""
    sizes = (
        {entry.name: entry.stat().st_size for entry in os.scandir(directory)} if directory.is_dir() else {}
    )
    return [jar for jar in jars if sizes.get(jar.filename) != jar.size]
