"""The compose file, without a container engine: what it names exists, and its commands are accepted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from typer.main import get_command

from pipeline.cli import cli
from pipeline.local.broker import Broker
from pipeline.local.kafka_files import kafka_version, locked_jars
from pipeline.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

# Of the compose specification, the keys that are used here.
TOP_KEYS = {"name", "services", "volumes", "x-throughline"}
SERVICE_KEYS = {
    "build",
    "cap_drop",
    "command",
    "depends_on",
    "environment",
    "healthcheck",
    "image",
    "init",
    "ports",
    "profiles",
    "restart",
    "security_opt",
    "stop_grace_period",
    "volumes",
}


def test_only_keys_of_the_compose_specification_are_used() -> None:
    assert set(COMPOSE) <= TOP_KEYS
    for service in SERVICES.values():
        assert set(service) <= SERVICE_KEYS
        assert all(isinstance(value, str) for value in service.get("environment", {}).values())


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_reachable_from_this_machine_only(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in SERVICES[name].get("ports", []))


@pytest.mark.parametrize("name", SERVICES)
def test_services_and_volumes_that_are_named_are_there(name: str) -> None:
    service = SERVICES[name]
    for other, how in service.get("depends_on", {}).items():
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        elif how["condition"] == "service_completed_successfully":
            assert SERVICES[other]["restart"] == "on-failure"
        else:
            assert how["condition"] == "service_started" and other in SERVICES
    for volume in service.get("volumes", []):
        assert volume.split(":")[0] in COMPOSE["volumes"]


def parse(arguments: list[str]) -> None:
    """Parse a command line as `throughline` does, without running it; raises a usage error."""
    command, context, name = get_command(cli), None, "throughline"
    while command is not None:
        context = command.make_context(name, list(arguments), parent=context)
        if not hasattr(command, "resolve_command"):
            return
        name, command, arguments = command.resolve_command(context, arguments)


@pytest.mark.parametrize("name", OURS)
def test_the_command_of_a_service_is_accepted(name: str) -> None:
    parse(OURS[name]["command"])


def test_a_command_line_that_is_not_accepted_is_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse(["topics", "apply", "--boostrap", "kafka:9092"])


@pytest.mark.parametrize("name", OURS)
def test_the_environment_of_a_service_is_settings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = OURS[name].get("environment", {})
    known = {f"THROUGHLINE_{field.upper()}" for field in Settings.model_fields}
    assert set(given) <= known
    for variable, value in given.items():
        monkeypatch.setenv(variable, value)
    settings = load_settings()
    assert isinstance(settings, Settings)
    ports = {int(port.rpartition(":")[2]) for port in OURS[name].get("ports", [])}
    assert ports == ({settings.metrics_port} if settings.metrics_port else set())


def test_kafka_is_the_one_that_is_tested_against() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{kafka_version(locked_jars())}"


def properties() -> dict[str, str]:
    """The broker's properties, by the rule with which the image reads its environment."""
    environment = SERVICES["kafka"]["environment"]
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value for name, value in environment.items()
    }


@pytest.mark.kafka
def test_every_property_of_kafka_is_one(broker: Broker) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    node = ConfigResource(ResourceType.BROKER, "1")
    answer = admin.describe_configs([node])[node].result(30)
    assert set(properties()) <= set(answer)


def test_kafka_makes_no_topic_by_itself_and_is_found_under_both_addresses() -> None:
    told = properties()
    assert told["auto.create.topics.enable"] == "false"
    listeners = dict(item.split("://") for item in told["listeners"].split(","))
    advertised = dict(item.split("://") for item in told["advertised.listeners"].split(","))
    assert set(listeners) - {told["controller.listener.names"]} == set(advertised)
    inside = advertised[told["inter.broker.listener.name"]]
    assert {
        service["environment"]["THROUGHLINE_BOOTSTRAP"]
        for service in OURS.values()
        if "environment" in service
    } == {inside}
    (outside,) = set(advertised.values()) - {inside}
    host, container = SERVICES["kafka"]["ports"][0].rsplit(":", 1)
    assert outside == host and f":{container}" in listeners.values()


def test_a_document_names_only_services_that_are_there() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    named = re.findall(r"(?m)^docker compose .* (\w+)$", text)
    assert named and set(named) <= set(SERVICES)
