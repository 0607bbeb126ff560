"""Settings: every mistake is one line that names the variable, and a secret is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.domain.failures import Failure
from pipeline.settings import Settings, load_settings

SECRET = "correct horse battery"


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the environment nor a file around the tests decides anything."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"THROUGHLINE_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def load(**overrides: object) -> Settings:
    settings = load_settings(**overrides)
    assert isinstance(settings, Settings), settings
    return settings


def test_every_setting_has_a_default_that_works_and_a_description() -> None:
    settings = load()
    assert settings.kafka() == {"bootstrap.servers": "127.0.0.1:9092", "security.protocol": "PLAINTEXT"}
    assert all(field.description for field in Settings.model_fields.values())


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("bootstrap", "localhost", "'localhost' is not host:port"),
        ("bootstrap", "a:9092,:9092", "':9092' is not host:port"),
        ("bootstrap", "a:0", "'a:0' is not host:port"),
        ("bootstrap", "a:65536", "'a:65536' is not host:port"),
        ("security_protocol", "TLS", "Input should be 'PLAINTEXT'"),
        ("topic_prefix", "a b", "String should match pattern"),
        ("partitions", "0", "Input should be greater than or equal to 1"),
        ("partitions", "many", "Input should be a valid integer"),
        ("partitions", "10001", "Input should be less than or equal to 10000"),
        ("replication", "11", "Input should be less than or equal to 10"),
        ("group", "a/b", "String should match pattern"),
        ("worker_id", "a/b", "String should match pattern"),
        ("checkpoint_interval_ms", "0", "Input should be greater than or equal to 1"),
        ("checkpoint_interval_ms", "60001", "Input should be less than or equal to 60000"),
        ("table_cache_entries", "-1", "Input should be greater than or equal to 1"),
        ("log_level", "loud", "Input should be 'debug'"),
        ("log_format", "xml", "Input should be 'console' or 'json'"),
        ("metrics_port", "65536", "Input should be less than or equal to 65535"),
    ],
)
def test_a_bad_value_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(f"THROUGHLINE_{name.upper()}", value)
    failure = load_settings()
    assert isinstance(failure, Failure)
    assert failure.code == "bad_setting"
    assert failure.message.startswith(f"THROUGHLINE_{name.upper()}: {reason}")
    assert "\n" not in failure.message


def test_what_is_given_goes_before_the_environment_and_that_before_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(
        "THROUGHLINE_GROUP=file\nTHROUGHLINE_WORKER_ID=file\nTHROUGHLINE_PARTITIONS=9\n"
    )
    monkeypatch.setenv("THROUGHLINE_GROUP", "environment")
    monkeypatch.setenv("THROUGHLINE_WORKER_ID", "environment")
    settings = load(group="given", worker_id=None)
    assert (settings.group, settings.worker_id, settings.partitions) == ("given", "environment", 9)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_PARTITIONS", "")
    assert load().partitions == 4


def test_a_secret_reaches_the_client_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_SASL_PASSWORD", SECRET)
    monkeypatch.setenv("THROUGHLINE_SASL_USERNAME", "user")
    monkeypatch.setenv("THROUGHLINE_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("THROUGHLINE_SSL_CA_LOCATION", "/ca.pem")
    settings = load()
    assert settings.kafka() == {
        "bootstrap.servers": "127.0.0.1:9092",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "user",
        "sasl.password": SECRET,
        "ssl.ca.location": "/ca.pem",
    }
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        assert SECRET not in shown


def test_a_failure_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHLINE_SASL_PASSWORD", SECRET)
    monkeypatch.setenv("THROUGHLINE_PARTITIONS", "many")
    failure = load_settings()
    assert isinstance(failure, Failure)
    assert SECRET not in failure.message


def test_settings_do_not_change_while_a_worker_runs() -> None:
    settings = load()
    with pytest.raises(ValueError, match="frozen"):
        settings.group = "other"
