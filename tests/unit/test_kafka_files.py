"""Kafka's jars in the cache: whole or not there, fetched once, repaired. The repository is on loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.local.kafka_fetch import ensure
from pipeline.local.kafka_files import Jar, cache_directory, kafka_version, locked_jars, missing

CONTENTS = {"kafka_2.13": b"broker" * 9000, "clients": b"clients" * 5000, "logging": b"logging"}


def jar_of(artifact: str) -> Jar:
    content = CONTENTS[artifact]
    return Jar("org.example", artifact, "1.0", len(content), hashlib.sha256(content).hexdigest())


JARS = [jar_of(artifact) for artifact in CONTENTS]


class Repository:
    """A Maven repository on loopback; `asked` lists the jars that were requested."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        asked = self.asked

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.endswith(".jar"):
                    asked.append(self.path.rpartition("/")[2])
                super().do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(root)))
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def put(self, jar: Jar, content: bytes) -> None:
        path = self.root / "org" / "example" / jar.artifact / jar.version / jar.filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    served = Repository(tmp_path / "repository")
    for jar in JARS:
        served.put(jar, CONTENTS[jar.artifact])
    thread = threading.Thread(target=partial(served.server.serve_forever, poll_interval=0.01))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "kafka-1.0"


def held(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.name != ".lock"}


WHOLE = {jar.filename: CONTENTS[jar.artifact] for jar in JARS}


def test_an_empty_cache_is_filled(repository: Repository, cache: Path) -> None:
    assert missing(cache, JARS) == JARS
    assert ensure(cache, JARS, repository.url) is None
    assert held(cache) == WHOLE
    assert missing(cache, JARS) == []


def test_a_full_cache_asks_nothing(repository: Repository, cache: Path) -> None:
    ensure(cache, JARS, repository.url)
    repository.asked.clear()
    assert ensure(cache, JARS, repository.url) is None
    assert repository.asked == []


def test_a_half_cache_is_repaired_by_fetching_only_what_is_wrong(repository: Repository, cache: Path) -> None:
    broker, clients, logging = JARS
    ensure(cache, JARS, repository.url)
    (cache / broker.filename).write_bytes(CONTENTS["kafka_2.13"][:100])
    (cache / clients.filename).unlink()
    repository.asked.clear()
    assert missing(cache, JARS) == [broker, clients]
    assert ensure(cache, JARS, repository.url) is None
    assert held(cache) == WHOLE
    assert sorted(repository.asked) == sorted([broker.filename, clients.filename])
    assert logging.filename not in repository.asked


def test_what_a_crashed_fetch_left_is_not_used(repository: Repository, cache: Path) -> None:
    jar = JARS[0]
    partial_download = cache / ".fetching" / "org" / "example" / jar.artifact / jar.version / jar.filename
    partial_download.parent.mkdir(parents=True)
    partial_download.write_bytes(b"half")
    assert ensure(cache, JARS, repository.url) is None
    assert held(cache) == WHOLE


def test_an_altered_jar_is_refused_and_the_others_are_kept(repository: Repository, cache: Path) -> None:
    broker = JARS[0]
    repository.put(broker, b"x" * broker.size)
    failure = ensure(cache, JARS, repository.url)
    assert failure and failure.code == "kafka_jar_altered"
    assert broker.filename in failure.message
    assert missing(cache, JARS) == [broker]
    repository.put(broker, CONTENTS["kafka_2.13"])
    assert ensure(cache, JARS, repository.url) is None
    assert held(cache) == WHOLE


def test_a_repository_without_the_jar_is_one_line(cache: Path, repository: Repository) -> None:
    unknown = Jar("org.example", "unknown", "1.0", 1, "0" * 64)
    failure = ensure(cache, [*JARS, unknown], repository.url)
    assert failure and failure.code == "kafka_not_fetched"
    assert "unknown" in failure.message and str(cache) in failure.message
    assert "\n" not in failure.message


def test_an_unreachable_repository_says_what_to_do(cache: Path, repository: Repository) -> None:
    repository.server.server_close()
    failure = ensure(cache, JARS, repository.url)
    assert failure and failure.code == "kafka_not_fetched"
    assert (
        "Kafka 1.0" in failure.message and str(cache) in failure.message and "--bootstrap" in failure.message
    )
    assert "\n" not in failure.message
    assert held(cache) == {}


def test_a_cache_that_cannot_be_written_says_so(cache: Path, repository: Repository) -> None:
    cache.parent.write_text("a file where a directory should be")
    failure = ensure(cache, JARS, repository.url)
    assert failure and failure.code == "kafka_not_fetched"
    assert "Not a directory" in failure.message


def test_two_at_once_fetch_each_jar_once(repository: Repository, cache: Path) -> None:
    barrier = threading.Barrier(2)

    def start() -> object:
        barrier.wait()
        return ensure(cache, JARS, repository.url)

    with ThreadPoolExecutor(2) as pool:
        assert [run.result() for run in [pool.submit(start), pool.submit(start)]] == [None, None]
    assert held(cache) == WHOLE
    assert sorted(repository.asked) == sorted(WHOLE)


def test_the_cache_is_the_users_own_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("THROUGHLINE_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_directory("4.1") == tmp_path / ".cache" / "throughline" / "kafka-4.1"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_directory("4.1") == tmp_path / "xdg" / "throughline" / "kafka-4.1"
    monkeypatch.setenv("THROUGHLINE_CACHE", str(tmp_path / "own"))
    assert cache_directory("4.1") == tmp_path / "own" / "kafka-4.1"


def test_the_lock_names_one_whole_class_path() -> None:
    jars = locked_jars()
    assert kafka_version(jars).startswith("4.1.")
    assert len({jar.filename for jar in jars}) == len(jars)
    assert {"kafka-clients", "scala-library", "slf4j-simple"} <= {jar.artifact for jar in jars}
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {kafka_version(jars)}
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
    assert [Jar.from_line(jar.line()) for jar in jars] == jars
