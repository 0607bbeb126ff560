"""Who may ask a worker, and where it listens."""

from __future__ import annotations

import socket
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipeline.api.access import address_of, known_token, listen, made_token, problem_of_access
from pipeline.cli import cli
from pipeline.domain.failures import Failure
from pipeline.runtime.batch import Unavailable
from pipeline.settings import Settings, load_settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_token(host: str) -> None:
    assert problem_of_access(Settings(api_host=host)) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "worker.example.com", "::ffff:192.0.2.1"])
def test_any_other_address_needs_one(host: str) -> None:
    problem = problem_of_access(Settings(api_host=host))
    assert problem is not None and host in problem and "THROUGHLINE_API_TOKEN" in problem
    assert problem_of_access(Settings(api_host=host, api_token="t-1")) is None


def test_the_workers_of_a_machine_make_one_token_which_only_their_user_can_read(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert known_token(settings) is None
    with ThreadPoolExecutor(8) as workers:
        made = set(workers.map(lambda _: made_token(settings), range(40)))
    assert len(made) == 1 and len(made.pop()) >= 40
    (file,) = (tmp_path / settings.group).iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert known_token(settings) == file.read_text() == made_token(settings)


def test_a_token_that_is_set_goes_before_and_is_kept_nowhere(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, api_token="t-secret")
    assert made_token(settings) == known_token(settings) == "t-secret"
    assert list(tmp_path.iterdir()) == []
    assert "t-secret" not in repr(settings)


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "tök"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    refused = load_settings(api_token=token)
    assert isinstance(refused, Failure)
    assert refused.message.startswith("THROUGHLINE_API_TOKEN: ") and token not in refused.message


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=str(tmp_path / "file")):
        made_token(Settings(state_dir=tmp_path / "file"))


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"127.0.0.1:{port} \(Address already in use\); choose"):
            listen(Settings(api_port=port))


def test_the_others_are_told_where_it_listens_unless_told_otherwise() -> None:
    with listen(Settings()) as listening:
        assert address_of(Settings(), listening) == f"127.0.0.1:{listening.getsockname()[1]}"
        assert address_of(Settings(api_advertised="w1.example.com:80"), listening) == "w1.example.com:80"
    anywhere = Settings(api_host="0.0.0.0", api_token="t-1")
    with listen(anywhere) as listening:
        assert address_of(anywhere, listening).startswith(f"{socket.gethostname()}:")


def test_a_worker_that_anybody_could_ask_does_not_start() -> None:
    refused = CliRunner().invoke(cli, ["worker"], env={"THROUGHLINE_API_HOST": "0.0.0.0"})
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert refused.stderr.startswith("THROUGHLINE_API_HOST: ") and "THROUGHLINE_API_TOKEN" in refused.stderr
