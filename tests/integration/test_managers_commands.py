"""Managers change what a running worker does, with the commands and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from counting_app import read_committed
from domain_values import NUMBER, event
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.cli.strategies.changing import tell
from pipeline.cli.strategies.live import register_or_stop
from pipeline.domain.messages import ActionCommand, Decision
from pipeline.domain.releases import StrategyRelease, StrategyRollout
from pipeline.domain.strategies.rollout import Change, pause, resume
from pipeline.local.broker import Broker
from pipeline.observe.clock import wall_clock
from pipeline.runtime.publisher import Publisher
from pipeline.settings import Settings
from pipeline.wire.codec import Codec

pytestmark = pytest.mark.kafka

LIMIT_S = 60
BRAND = "brand: Northwind\ntemplates:\n  hello:\n    default: {en: Hello}\n"
STRATEGY = """
strategy: {name}
version: {version}
title: Tell the desk of every page
lane: service_reply
entry: {{on: {on}}}
key: event.event_id
steps:
  - id: tell
    on: entry
    do:
      - escalate: {{to: desk, reason: "{name} {version}"}}
  - id: later
    after: 2h
    do:
      - escalate: {{to: desk, reason: "{name} {version} later"}}
"""


def strategy(name: str, version: int, on: str) -> str:
    return STRATEGY.format(name=name, version=version, on=on)


class Deployment:
    """Topics, files, one worker that can be started, and the commands of managers."""

    def __init__(self, broker: Broker, prefix: str, directory: Path) -> None:
        self.directory = directory
        (directory / "brand.yaml").write_text(BRAND)
        (directory / "base").mkdir()
        (directory / "base" / "file.yaml").write_text(strategy("by-file", 1, "web.form_started"))
        self.environment = {
            "THROUGHLINE_BOOTSTRAP": broker.bootstrap,
            "THROUGHLINE_TOPIC_PREFIX": prefix,
            "THROUGHLINE_GROUP": f"{prefix}group",
            "THROUGHLINE_WORKER_ID": "w1",
            "THROUGHLINE_STATE_DIR": str(directory),
            "THROUGHLINE_BRAND": str(directory / "brand.yaml"),
            "THROUGHLINE_STRATEGIES": str(directory / "base"),
        }
        self.settings = Settings(
            bootstrap=broker.bootstrap, topic_prefix=prefix, strategies=directory / "base"
        )
        self._worker: subprocess.Popen[bytes] | None = None
        assert CliRunner().invoke(cli, ("topics", "apply"), env=self.environment).exit_code == 0

    def start(self) -> None:
        with (self.directory / "worker.log").open("wb") as log:
            self._worker = subprocess.Popen(
                [sys.executable, "-m", "pipeline.cli", "worker"],
                env=os.environ | self.environment,
                stderr=log,
            )

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.terminate()
            assert self._worker.wait(LIMIT_S) == 0, self.log()

    def log(self) -> str:
        return (self.directory / "worker.log").read_text()

    def run(self, *arguments: str, **environment: str) -> Result:
        return CliRunner().invoke(cli, ("strategies", *arguments), env=self.environment | environment)

    def done(self, *arguments: str) -> dict[str, Any]:
        """What a command tells machines that has gone well."""
        result = self.run(*arguments, "--json")
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return dict(json.loads(result.stdout))

    def changed(self, *arguments: str) -> dict[str, Any]:
        """As `done`, of a change that the worker has applied; returns what holds since."""
        told = self.done(*arguments, "--timeout", str(LIMIT_S))
        assert told["workers"]["applied"] == ["w1"], told
        return dict(told["changed"][0])

    def file(self, name: str, version: int, on: str = "web.page_viewed") -> str:
        path = self.directory / f"{name}-{version}.yaml"
        path.write_text(strategy(name, version, on))
        return str(path)

    def visits(self, name: str, kind: str = "page_viewed") -> str:
        """One more event of the customer; returns what came of it."""
        with Publisher(self.settings, Codec(), "tests") as publisher:
            publisher.send(event(name, wall_clock(), kind, identifiers=[NUMBER]))
        deadline = time.monotonic() + LIMIT_S
        while not (told := self._outcome(name)):
            assert time.monotonic() < deadline, f"nothing was decided about {name}"
            time.sleep(0.05)
        return told

    def _outcome(self, name: str) -> str:
        """What the desk was told because of the event, or the rule that suppressed it; empty while neither is."""
        for action in self._read("actions"):
            if isinstance(action, ActionCommand) and action.event_id == name:
                return str(action.body.reason)  # type: ignore[union-attr]
        for decision in self._read("decisions"):
            if isinstance(decision, Decision) and (decision.event_id, decision.outcome) == (
                name,
                "suppressed",
            ):
                return decision.reasons[-1].rule
        return ""

    def _read(self, topic: str) -> list[Any]:
        prefix, partitions = self.settings.topic_prefix, self.settings.partitions
        messages = read_committed(self.settings.bootstrap, prefix + topic, partitions)
        return [Codec().decode(message.value()) for message in messages]

    def until_applied(self) -> None:
        deadline = time.monotonic() + LIMIT_S
        while not all(one["applied"]["applied"] == ["w1"] for one in self.done("list")["strategies"]):
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.2)


@pytest.fixture(scope="module")
def deployment(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A worker, before whose start a strategy was published."""
    made = Deployment(broker, f"commands-{time.time_ns()}.", tmp_path_factory.mktemp("commands"))
    first = made.run("publish", made.file("greeting", 1), "--author", "mia")
    assert (first.exit_code, first.stderr) == (0, ""), first.output
    assert first.stdout.splitlines() == [
        "greeting: version 1 is active",
        "no worker runs: it is in force as soon as one does",
    ]
    made.start()
    try:
        made.until_applied()
        yield made
    finally:
        made.stop()


def test_a_strategy_is_published_paused_rolled_back_and_stopped_while_a_worker_runs(
    deployment: Deployment,
) -> None:
    assert deployment.visits("e-1") == "greeting 1"
    assert deployment.changed("publish", deployment.file("greeting", 2))["previous"] == 1
    assert deployment.visits("e-2") == "greeting 2"
    assert deployment.changed("pause", "greeting", "--reason", "a wrong price")["paused"]
    assert deployment.visits("e-3") == "paused"
    assert not deployment.changed("resume", "greeting")["paused"]
    assert deployment.visits("e-4") == "greeting 2"
    assert deployment.changed("rollback", "greeting")["version"] == 1
    assert deployment.visits("e-5") == "greeting 1"
    assert deployment.changed("stop-all", "--yes")["stopped"]
    assert deployment.visits("e-6") == "kill_switch"
    assert not deployment.changed("start-all", "--yes")["stopped"]
    assert deployment.visits("e-7") == "greeting 1"
    shown = deployment.done("show", "greeting", "--attempts")
    assert [(one["version"], one["author"] == "mia") for one in shown["versions"]] == [(1, True), (2, False)]
    assert shown["definition"] == strategy("greeting", 1, "web.page_viewed")
    assert [*shown["attempts"]] == ["1"], "the attempts of version 2 have changed over"
    tally = shown["attempts"]["1"]
    assert tally["attempts"] == tally["steps"]["later"]["waiting"] > tally["steps"]["tell"]["done"] > 0


def test_a_version_goes_through_its_stages(deployment: Deployment) -> None:
    stages = [deployment.changed("publish", deployment.file("staged", 1, "web.cart_viewed"))]
    again = deployment.file("staged", 2, "web.cart_viewed")
    stages.append(deployment.changed("publish", again, "--stage", "validated"))
    stages += [deployment.changed("promote", "staged") for _ in range(2)]
    stages.append(deployment.changed("promote", "staged", "--percent", "50"))
    stages.append(deployment.changed("promote", "staged"))
    assert [(one["stage"], one["version"], one["percent"]) for one in stages] == [
        ("active", 1, 0),
        ("validated", 2, 0),
        ("shadow", 2, 0),
        ("canary", 2, 10),
        ("canary", 2, 50),
        ("active", 2, 0),
    ]
    assert deployment.visits("s-1", "cart_viewed") == "staged 2"
    assert deployment.changed("retire", "staged")["stage"] == "retired"
    listed = deployment.run("list")
    assert listed.exit_code == 0
    row = next(line for line in listed.stdout.splitlines() if line.startswith("staged"))
    assert "retired" in row and "1 of 1" in row and "service_reply" in row


def test_a_strategy_of_a_file_can_be_changed_like_any_other(deployment: Deployment) -> None:
    listed = {one["rollout"]["strategy_id"]: one for one in deployment.done("list")["strategies"]}
    assert listed["by-file"]["rollout"]["changed_by"] == "file"
    assert deployment.visits("f-1", "form_started") == "by-file 1"
    assert deployment.changed("publish", deployment.file("by-file", 2, "web.form_started"))["previous"] == 1
    assert deployment.visits("f-2", "form_started") == "by-file 2"
    assert deployment.changed("rollback", "by-file", "--to", "1")["version"] == 1
    assert deployment.visits("f-3", "form_started") == "by-file 1"
    differs = deployment.run("diff", "by-file", deployment.file("by-file", 3, "web.form_left"))
    assert differs.exit_code == 0
    assert "changed  entry.on" in differs.stdout and "+entry: {on: web.form_left}" in differs.stdout


def test_doing_the_same_again_changes_nothing(deployment: Deployment) -> None:
    file = deployment.file("again", 1, "web.never")
    deployment.changed("publish", file)
    for arguments in (("publish", file), ("resume", "again"), ("start-all", "--yes")):
        told = deployment.done(*arguments)
        assert told["changed"] == [] and len(told["unchanged"]) == 1
    said = deployment.run("publish", file).stdout
    assert said.startswith("again: version 1 is active already") and said.endswith("nothing to change\n")
    deployment.changed("pause", "again")
    assert deployment.done("pause", "again")["changed"] == []
    deployment.changed("retire", "again")
    assert deployment.done("retire", "again")["changed"] == []


def test_many_strategies_are_published_in_one_go(deployment: Deployment) -> None:
    many = deployment.directory / "many"
    many.mkdir()
    for number in range(20):
        (many / f"{number}.yaml").write_text(strategy(f"many-{number}", 1, "web.never"))
    told = deployment.done("publish", str(many), "--timeout", str(LIMIT_S))
    assert (len(told["changed"]), told["workers"]["applied"]) == (20, ["w1"])


def test_what_is_wrong_is_refused_and_what_is_live_stays_live(deployment: Deployment) -> None:
    steady = Path(deployment.file("steady", 1, "web.steady"))
    deployment.changed("publish", str(steady))
    steady.write_text(steady.read_text().replace("to: desk", "to: others"))
    good = deployment.file("good", 1, "web.never")
    canary = deployment.file("good", 2)
    broken = deployment.directory / "broken.yaml"
    broken.write_text("strategy: broken\nsteps: [\n")
    for arguments, said in (
        (("publish", str(steady)), "count version up"),
        (("publish", good, str(broken)), "not valid YAML"),
        (("publish", good, "none.yaml"), "none.yaml: cannot be read"),
        (("publish", canary, "--stage", "canary", "--percent", "100"), "1 to 99 percent"),
        (("pause", "stedy"), "did you mean 'steady'?"),
        (("promote", "nobody"), "there is no strategy 'nobody'"),
        (("promote", "steady"), "there is no next stage"),
        (("promote", "steady", "--percent", "5"), "publish a higher version"),
        (("rollback", "steady"), "nothing to go back to"),
        (("rollback", "steady", "--to", "7"), "there is no version 7; there is 1"),
        (("rollback", "steady", "--to", "1"), "goes back to an older version only"),
        (("show", "steady", "--version", "0"), "there is no version 0"),
        (("show", "nobody"), "there is no strategy 'nobody'"),
        (("diff", "steady"), "nothing ran before version 1"),
        (("diff", "steady", "9"), "there is no version 9"),
        (("diff", "steady", str(broken)), "not valid YAML"),
        (("diff", "steady", good), "this is strategy good"),
    ):
        refused = deployment.run(*arguments)
        assert (refused.exit_code, refused.stdout) == (2, ""), (arguments, refused.output)
        assert refused.stderr.count("\n") == 1 and said in refused.stderr, (arguments, refused.stderr)
    listed = [one["rollout"]["strategy_id"] for one in deployment.done("list")["strategies"]]
    assert "good" not in listed, "nothing is published when anything is wrong"
    assert deployment.visits("w-1", "steady") == "steady 1"


def test_strategies_that_would_start_each_other_over_and_over_are_refused(deployment: Deployment) -> None:
    """One runs already, the other one is a draft: each is harmless alone."""
    pushes = Path(deployment.file("pushes", 1, "web.resolved"))
    page = 'push_page: {interaction_id: =event.interaction_id, url: "https://shop.example.com/help"}'
    pushes.write_text(pushes.read_text().replace('escalate: {to: desk, reason: "pushes 1"}', page))
    deployment.changed("publish", str(pushes))
    opens = Path(deployment.file("opens", 1, "web.page_viewed"))
    case = "create_ticket: {subject: a, skill: b, priority: 1, text: c}"
    opens.write_text(opens.read_text().replace('escalate: {to: desk, reason: "opens 1"}', case))
    refused = deployment.run("publish", str(opens))
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1), refused.output
    assert "opens" in refused.stderr and "pushes" in refused.stderr and "caps" in refused.stderr
    opens.write_text(opens.read_text().replace("lane:", "caps: [{times: 1, per: 7d}]\nlane:"))
    deployment.changed("publish", str(opens), "--stage", "validated")
    deployment.changed("retire", "pushes")


def test_a_worker_that_refuses_says_why(deployment: Deployment) -> None:
    """Its brand has no such template; that of the command has."""
    brand = deployment.directory / "other-brand.yaml"
    brand.write_text(BRAND + "  bye:\n    default: {en: Bye}\n")
    file = Path(deployment.file("refused", 1, "web.never"))
    said = 'escalate: {to: desk, reason: "refused 1"}'
    file.write_text(file.read_text().replace(said, "send_message: {template: bye}"))
    told = deployment.run("publish", str(file), "--timeout", str(LIMIT_S), THROUGHLINE_BRAND=str(brand))
    assert told.exit_code == 1
    assert "worker w1 refuses refused" in told.stderr and "there is no template 'bye'" in told.stderr
    assert deployment.visits("r-1") == "greeting 1"


def test_who_changes_the_same_at_the_same_time_is_told(deployment: Deployment) -> None:
    deployment.changed("publish", deployment.file("both", 1, "web.never"))
    mia, ben = register_or_stop(deployment.settings), register_or_stop(deployment.settings)
    paused = pause(mia.rollout("both"), Change("mia", wall_clock()))
    assert isinstance(paused, StrategyRollout)
    assert tell(deployment.settings, mia, [paused], LIMIT_S).meanwhile == []
    resumed = resume(paused, Change("ben", wall_clock()))
    assert isinstance(resumed, StrategyRollout)
    told = tell(deployment.settings, ben, [resumed], LIMIT_S)
    assert told.meanwhile == [paused]
    assert told.workers.applied == ["w1"]


def test_a_release_that_nobody_can_run_stops_no_command(deployment: Deployment) -> None:
    at = wall_clock()
    with Publisher(deployment.settings, Codec(), "tests") as publisher:
        publisher.send(
            StrategyRelease(
                strategy_id="torn", version=1, author="mia", released_at=at, definition="steps: ["
            )
        )
        publisher.send(
            StrategyRollout(strategy_id="torn", stage="active", version=1, changed_by="mia", changed_at=at)
        )
    listed = deployment.done("list")["strategies"]
    assert "torn" in [one["rollout"]["strategy_id"] for one in listed]
    assert deployment.done("show", "torn")["definition"] == "steps: ["
    assert deployment.changed("retire", "torn")["stage"] == "retired"
    assert deployment.visits("t-1") == "greeting 1"
