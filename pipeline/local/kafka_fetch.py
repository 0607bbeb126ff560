"""Fetch the jars of the embedded Kafka broker into the cache.

A jar gets its final name only once its digest has been checked, so a crash while fetching leaves whole jars
and no half one, and the next run fetches just what is missing. A file lock lets one process fetch while
the others wait.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from jgo.maven import MavenContext, PythonResolver
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from pipeline.domain.failures import Failure
from pipeline.local.kafka_files import Jar, kafka_version, missing

REPOSITORY = "https://repo.maven.apache.org/maven2"
_PARALLEL = 8
_HTTP_TIMEOUT_S = 30


def ensure(directory: Path, jars: list[Jar], repository: str = REPOSITORY) -> Failure | None:
    """Make `directory` hold all `jars`, fetching from the Maven `repository` those that are missing.

    Shows progress on standard error while it fetches, and nothing when nothing is missing. Failures:
    `kafka_not_fetched` (no connection, or a disk that cannot be written) and `kafka_jar_altered` (the
    repository gave another jar than the lock names).
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with _exclusive(directory):
            wanted = missing(directory, jars)  # another process may have fetched them meanwhile
            return _fetch(directory, wanted, repository, f"Fetching Kafka {kafka_version(jars)}")
    except (OSError, RuntimeError) as error:  # those of requests are OSErrors, jgo's own RuntimeErrors
        reason = (error.strerror or type(error).__name__) if isinstance(error, OSError) else str(error)
        return Failure(
            "kafka_not_fetched",
            f"Kafka {kafka_version(jars)} is not complete in {directory} and could not be fetched from "
            f"{repository} ({reason}): connect to the network and run this again, copy that directory from "
            "a machine that has it, or use a Kafka that is already running with --bootstrap.",
        )


@contextmanager
def _exclusive(directory: Path) -> Iterator[None]:
    """Hold the cache's file lock; the operating system frees it in whatever way this process ends."""
    with (directory / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Console(stderr=True).print("Another process is fetching Kafka; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch(directory: Path, jars: list[Jar], repository: str, title: str) -> Failure | None:
    """Download `jars` side by side into a staging directory; verify each and move it into place."""
    if not jars:
        return None
    staging = directory / ".fetching"
    shutil.rmtree(staging, ignore_errors=True)  # what a crashed run left
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    try:
        with (
            Progress(*columns, console=Console(stderr=True), transient=True) as progress,
            ThreadPoolExecutor(_PARALLEL) as pool,
        ):
            task = progress.add_task(title, total=sum(jar.size for jar in jars))

            def count(size: int) -> None:
                progress.advance(task, size)

            context = _maven(staging, repository, count)
            results = [pool.submit(_place, context, jar, directory) for jar in jars]
            try:
                failures = [result.result() for result in results]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # do not fetch on after the first error
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return next((failure for failure in failures if failure), None)


def _maven(staging: Path, repository: str, count: Callable[[int], None]) -> MavenContext:
    """A Maven context that keeps to `staging` and tells `count` of every chunk of bytes it reads."""

    @contextmanager
    def report(_filename: str, _total: int) -> Iterator[Callable[[int], None]]:
        yield count

    return MavenContext(
        resolver=PythonResolver(progress_callback=report),
        repo_cache=staging,
        remote_repos={"central": repository},
        timeout=_HTTP_TIMEOUT_S,
    )


def _place(context: MavenContext, jar: Jar, directory: Path) -> Failure | None:
    """Download one jar and move it to its final name. Failure: `kafka_jar_altered`."""
    path = context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != jar.sha256:
        return Failure(
            "kafka_jar_altered",
            f"{jar.filename} from the Maven repository is not the file that kafka.lock names (its SHA-256 is "
            f"{digest}): it is not used; run this again on a network that you trust.",
        )
    path.replace(directory / jar.filename)
    return None
