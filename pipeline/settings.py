"""Settings, read from the environment (`THROUGHLINE_…`) or a `.env` file; every one has a default that works."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline.domain.failures import Failure


class Settings(BaseSettings):
    """What a deployment decides. Secrets are `SecretStr`: printing the settings never shows them."""

    model_config = SettingsConfigDict(
        env_prefix="THROUGHLINE_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    bootstrap: str = Field(
        "127.0.0.1:9092", description="Kafka bootstrap servers, host:port separated by commas."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="Kafka security protocol."
    )
    sasl_mechanism: str = Field("PLAIN", description="SASL mechanism, used with a SASL_* security protocol.")
    sasl_username: str = Field("", description="SASL user name.")
    sasl_password: SecretStr = Field(SecretStr(""), description="SASL password.")
    ssl_ca_location: str = Field("", description="File of CA certificates; empty means the system's.")

    topic_prefix: str = Field(
        "throughline.", description="Goes before every topic name.", pattern=r"^[A-Za-z0-9_.-]*$"
    )
    partitions: int = Field(
        4, ge=1, le=10_000, description="Partitions of every topic; fixed once topics exist."
    )
    replication: int = Field(1, ge=1, le=10, description="Replication factor of topics that are created.")

    group: str = Field(
        "throughline", description="Consumer group of the workers.", pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$"
    )
    worker_id: str = Field(
        default_factory=socket.gethostname,
        description="Name of this worker, unique in the group and the same after a restart.",
        pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    )
    state_dir: Path = Field(Path("state"), description="Directory of the RocksDB tables of this worker.")
    checkpoint_interval_ms: int = Field(
        100,
        ge=1,
        le=60_000,
        description="Longest time between two checkpoints while events keep coming, in ms.",
    )
    table_cache_entries: int = Field(
        200_000,
        ge=1,
        description="Decoded states kept in memory by a worker, in all its tables; 5 KB each for ordinary ones.",
    )
    history_days: int = Field(
        1_095,
        ge=1,
        le=36_500,
        description="How long the single events of a customer's history are kept, in days.",
    )
    erasure_key: SecretStr = Field(
        SecretStr(""),
        max_length=64,
        description="Secret for the hashes that remain of who was forgotten; the same on all workers, for ever.",
    )
    block_cache_mb: int = Field(
        256, ge=8, le=1_000_000, description="Memory for what a worker's tables read from disk, in MB."
    )
    schema_registry_url: str = Field(
        "", description="Confluent schema registry; empty means ids from the schemas."
    )

    strategies: Path | None = Field(
        None, description="Directory of strategy files; empty means the shipped pack."
    )
    brand: Path | None = Field(
        None, description="Brand file with the templates; empty means the shipped one."
    )

    strategy_error_limit: int = Field(
        100,
        ge=1,
        description="Failed conditions of a strategy in a minute, if half of its decisions, that pause it.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Lowest level logged."
    )
    log_format: Literal["console", "json"] = Field(
        "console", description="Log lines for people or for machines."
    )
    metrics_host: str = Field("127.0.0.1", description="Address on which a worker serves Prometheus metrics.")
    metrics_port: int = Field(0, ge=0, le=65_535, description="Port of the metrics; 0 serves none.")

    api_host: str = Field(
        "127.0.0.1",
        description="Address on which a worker answers who a customer is; any but loopback needs a token.",
    )
    api_port: int = Field(0, ge=0, le=65_535, description="Port of these answers; 0 takes a free one.")
    api_token: SecretStr = Field(
        SecretStr(""),
        description="Bearer token of these answers, one for all workers; empty keeps one in the state directory.",
    )
    api_advertised: str = Field(
        "",
        description="host:port at which the other workers reach this one; empty means where it listens.",
        pattern=r"^$|^[^\s/:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$",
    )

    @field_validator("bootstrap")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError(f"'{server.strip()}' is not host:port")
        return value

    @field_validator("api_token")
    @classmethod
    def _fits_a_header(cls, value: SecretStr) -> SecretStr:
        if not all("!" <= char <= "~" for char in value.get_secret_value()):
            raise ValueError("a token has letters, digits and signs of ASCII only, and no blanks")
        return value

    def kafka(self) -> dict[str, str | int]:
        """What every Kafka client of this deployment is configured with (librdkafka's names)."""
        config: dict[str, str | int] = {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": self.security_protocol,
        }
        if self.security_protocol.startswith("SASL"):
            config |= {
                "sasl.mechanism": self.sasl_mechanism,
                "sasl.username": self.sasl_username,
                "sasl.password": self.sasl_password.get_secret_value(),
            }
        if self.ssl_ca_location:
            config["ssl.ca.location"] = self.ssl_ca_location
        return config


def load_settings(**overrides: object) -> Settings | Failure:
    """Settings from the environment, with `overrides` (None: not given) on top; a Failure names the bad one."""
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        reason = first["msg"].removeprefix("Value error, ")
        return Failure("bad_setting", f"THROUGHLINE_{name.upper()}: {reason}")
