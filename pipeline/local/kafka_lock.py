"""Write `kafka.lock`, the exact jars of the embedded broker: `python -m pipeline.local.kafka_lock 4.1.2`.

Run once when the Kafka version changes. The running program only reads the lock, so every installation
starts the same bytes and needs no dependency resolution.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path

from jgo.maven import MavenContext

from pipeline.local.kafka_files import LOCK, Jar

LOG_BINDING = "org.slf4j:slf4j-simple:1.7.36"  # the SLF4J line that Kafka 4.1 compiles against


def resolve(names: list[str], cache: Path) -> list[Jar]:
    """The jars `names` (group:artifact:version) and all they need at run time, by Maven's own resolution rules.

    Downloads into `cache`. Raises what jgo raises when the repository cannot be reached or lacks a jar.
    """
    context = MavenContext(repo_cache=cache)
    direct, transitive = context.resolver.resolve([context.create_dependency(name) for name in names])
    jars = []
    for dependency in direct + transitive:
        artifact = dependency.artifact
        content = artifact.resolve().read_bytes()
        jars.append(
            Jar(
                group=artifact.groupId,
                artifact=artifact.artifactId,
                version=artifact.version,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
    return sorted(jars, key=lambda jar: (jar.group, jar.artifact))


def write_lock(lock: Path, *names: str) -> None:
    """Write the lock file of `names` and all they need. Raises what `resolve` raises."""
    with tempfile.TemporaryDirectory() as scratch:
        lines = [jar.line() for jar in resolve([*names, LOG_BINDING], Path(scratch))]
    lock.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    write_lock(LOCK, f"org.apache.kafka:kafka_2.13:{sys.argv[1]}")
