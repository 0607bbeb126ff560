"""`strategies test` and `strategies simulate`: what they show, what they refuse, and that they reach nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from pipeline.cli import cli
from pipeline.domain.customers import Profile
from pipeline.domain.interactions import Identifier, Interaction
from pipeline.wire.container import write_container
from tests.domain_values import BRAND, MINUTE, NOW, event, profile

ROOT = Path(__file__).parents[2]

HELP = """
strategy: form-help
version: {version}
title: Offer help in a form
lane: service_reply
entry: {{on: [web.form_started]}}
key: event.interaction_id
steps:
  - id: offer
    absent: [web.form_submitted]
    for: {patience}
    when: {when}
    do: [{{offer_chat: {{template: hello, channel: web, skill: returns}}}}]
"""

SCENARIO = """
scenario: 1
title: Help after {after}
given:
  start: 2026-03-02T10:00:00Z
when:
  - {{at: 0s, name: opened, channel: web, payload: started.json, with: {{device: d-1, attempt: f-1}}}}
until: 30m
then:
  - {{command: offer_chat, after: opened, within: {after}}}
"""

STARTED = {
    "type": "track",
    "event": "Form Started",
    "messageId": "{{id}}",
    "anonymousId": "{{device}}",
    "timestamp": "{{t}}",
    "context": {"sessionId": "s", "page": {"path": "/form"}},
    "properties": {"form": "return", "form_id": "{{attempt}}"},
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a strategy and its draft, a brand, two scenarios and a recording; we are in it."""
    monkeypatch.chdir(tmp_path)
    files = {
        "live/form-help.yaml": HELP.format(version=1, patience="5m", when="'true'"),
        "draft.yaml": HELP.format(version=2, patience="2m", when="customer.known"),
        "brand.yaml": BRAND,
        "scenarios/in-time.yaml": SCENARIO.format(after="5m10s"),
        "scenarios/payloads/started.json": json.dumps(STARTED),
        "slow.yaml": SCENARIO.format(after="4m"),
        "payloads/started.json": json.dumps(STARTED),
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    write_container(tmp_path / "events.avro", Interaction, forms())
    write_container(tmp_path / "customers.avro", Profile, [profile(identifiers=[device(1)])])
    return tmp_path


def device(number: int) -> Identifier:
    return Identifier("device", f"d-{number}")


def forms() -> list[Interaction]:
    """Twenty visitors; of three who open the form one submits it after 3 minutes."""
    found = [
        event(
            f"{number}-{minute}",
            NOW + minute * MINUTE,
            interaction_id=f"v-{number}",
            identifiers=[device(number)],
        )
        for minute in (0, 8)
        for number in range(20)
    ]
    for number in (1, 2, 3):
        form = {"interaction_id": f"f-{number}", "identifiers": [device(number)]}
        found.append(event(f"{number}-started", NOW + MINUTE, "form_started", **form))
        if number == 3:
            found.append(event(f"{number}-submitted", NOW + 4 * MINUTE, "form_submitted", **form))
    return found


def run(command: str) -> Result:
    return CliRunner().invoke(cli, ["strategies", *command.split()], env={"COLUMNS": "200"})


TEST = "--strategies live --brand brand.yaml"
SIMULATE = "--events events.avro --active live --brand brand.yaml"


def test_scenarios_that_pass() -> None:
    result = run(f"test scenarios {TEST}")
    assert result.exit_code == 0, result.output
    assert "passed  1  Help after 5m10s  scenarios/in-time.yaml" in result.output
    assert "1 passed, 0 failed" in result.output


def test_the_shipped_scenarios_pass_with_the_shipped_strategies() -> None:
    result = run(f"test {ROOT / 'tests' / 'scenarios'}")
    assert result.exit_code == 0, result.output
    assert ", 0 failed" in result.output


def test_a_scenario_that_fails_shows_what_was_expected_what_came_and_why() -> None:
    result = run(f"test scenarios slow.yaml {TEST}")
    assert result.exit_code == 1
    assert "FAILED  1  Help after 4m  slow.yaml" in result.output
    assert "The offer_chat came 310 s later." in result.output
    assert "0s  form-help/entry fired" in result.output
    assert "5m10s  form-help/offer fired offer_chat" in result.output
    result = run("test scenarios --strategies draft.yaml --brand brand.yaml")
    assert result.exit_code == 1
    assert "The offer_chat did not come." in result.output
    assert "2m10s  form-help/offer suppressed: customer.known (customer.known is false)" in result.output


def test_the_same_for_machines() -> None:
    report = json.loads(run(f"test scenarios slow.yaml {TEST} --json").output)
    assert (report["passed"], report["failed"]) == (1, 1)
    failed = report["scenarios"][1]
    assert (failed["file"], failed["passed"]) == ("slow.yaml", False)
    assert failed["problems"] == ["The offer_chat came 310 s later."]
    assert [one["step"] for one in failed["decisions"]] == ["entry", "offer"]
    assert failed["commands"][0]["body"]["channel"] == "web"


CIRCUMSTANCES = """circumstances:
  - {id: storm, title: Storm, scope: 'session.events > 0', from: 2026-03-02T09:00:00Z, tell: There is a storm.}
"""


def test_circumstances_are_in_force_from_a_file_or_a_scenario(place: Path) -> None:
    strategy = HELP.format(version=1, patience="2m", when="'\"storm\" in circumstances'")
    (place / "live/form-help.yaml").write_text(strategy)
    assert run(f"test scenarios {TEST}").exit_code == 1
    (place / "storm.yaml").write_text(CIRCUMSTANCES)
    assert run(f"test scenarios {TEST} --circumstances storm.yaml").exit_code == 0
    given = CIRCUMSTANCES.replace("\n", "\n  ").strip()
    scenario = (place / "slow.yaml").read_text().replace("given:\n", f"given:\n  {given}\n")
    (place / "slow.yaml").write_text(scenario)
    result = run(f"test slow.yaml {TEST}")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("file", "old", "new", "line"),
    [
        (
            "live/form-help.yaml",
            "when: 'true'",
            "when: customer.tier",
            "live/form-help.yaml:12:20: expected bool",
        ),
        ("slow.yaml", "title:", "titel:", "slow.yaml:2:1: missing"),
        ("brand.yaml", "brand:", "brnd:", "brand.yaml:"),
    ],
)
def test_wrong_files_are_named(place: Path, file: str, old: str, new: str, line: str) -> None:
    (place / file).write_text((place / file).read_text().replace(old, new))
    result = run(f"test slow.yaml {TEST}")
    assert result.exit_code == 2
    assert line.partition(": ")[0] in result.output


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("test none.yaml", "none.yaml: cannot be read; "),
        ("test payloads", "payloads: no scenario (*.yaml) is there; name a directory that has some"),
        ("test slow.yaml --strategies payloads", "payloads: no strategy file (*.yaml) is there; "),
        (
            "test slow.yaml --circumstances none.yaml",
            "none.yaml: cannot be read: No such file or directory; ",
        ),
        ("simulate draft.yaml", "say where the interactions are: either --events FILE or --topic"),
        ("simulate draft.yaml --events events.avro --topic", "say where the interactions are: "),
        ("simulate draft.yaml --events events.avro --from 2h", "--from and --to belong to --topic; "),
        ("simulate draft.yaml --topic --from soon --active live", "--from soon: is no time; write "),
        ("simulate draft.yaml --topic --to 2026-03-02T10:00 --active live", "has no zone; "),
        (f"simulate none.yaml {SIMULATE}", "none.yaml: cannot be read: No such file or directory; "),
        (f"simulate draft.yaml draft.yaml live {SIMULATE}", "is a draft of form-help too; name one of them"),
        (f"simulate draft.yaml {SIMULATE} --wait long", "--wait long: 'long' is not a duration"),
        (
            f"simulate draft.yaml {SIMULATE} --customers brand.yaml",
            "brand.yaml: the name must end in .avro, .csv",
        ),
        (f"simulate draft.yaml {SIMULATE} --customers none.csv", "none.csv: No such file or directory; "),
        (
            f"simulate draft.yaml {SIMULATE} --customers events.avro",
            "events.avro: holds io.throughline.v1.Inter",
        ),
        (f"simulate draft.yaml {SIMULATE} --chart none/x.svg", "none/x.svg: No such file or directory; "),
        ("simulate draft.yaml --events brand.yaml --active live", "brand.yaml: no Avro container file"),
        ("simulate draft.yaml --events none.avro --active live", "none.avro: No such file or directory; "),
    ],
)
def test_wrong_use_is_one_line(command: str, line: str) -> None:
    strategies = " --strategies live" if command.startswith("test") and "--strategies" not in command else ""
    brand = "" if "--brand" in command else " --brand brand.yaml"
    result = run(command + strategies + brand)
    assert result.exit_code == 2, result.output
    assert line in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_draft_is_shown_beside_what_is_active() -> None:
    """The two who are quiet in the form are offered help now; of the draft only the known one is, and earlier."""
    result = run(f"simulate draft.yaml {SIMULATE} --customers customers.avro")
    assert result.exit_code == 0, result.output
    lines = [line.split("│")[2:-1] for line in result.output.splitlines() if line.startswith("│")]
    figures = {what.strip(): [one.strip() for one in rest] for what, *rest in lines}
    assert figures == {
        "attempts": ["3", "3", ""],
        "step offer": ["2", "1", "-1"],
        "offer_chat sent": ["2", "1", "-1"],
        "suppressed: customer.known": ["0", "2", "+2"],
    }
    assert "44 events" in result.output
    assert "10 (22.7 %) are of customers whom a draft could concern" in result.output
    assert "1 customer would get less, such as:" in result.output
    assert "offer_chat by form-help/offer (channel web, to d-2" in result.output


def test_the_difference_for_machines_and_as_a_picture(place: Path) -> None:
    found = json.loads(run(f"simulate draft.yaml {SIMULATE} --chart new.svg --json").output)
    assert (found["events"], found["played"], found["compared"]) == (44, 10, ["form-help"])
    sides = found["strategies"]["form-help"]
    assert sides["active"]["commands"] == {"offer_chat": 2}
    assert sides["draft"] == {
        "attempts": 3,
        "steps": {},
        "commands": {},
        "suppressed": {"customer.known": 3},
        "errors": {},
    }
    assert found["customers"] == {"less": 2}
    assert len(found["examples"]["less"]) == 2
    picture = ElementTree.fromstring((place / "new.svg").read_text())
    words = [one.text for one in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert "form-help: offer_chat sent" in words
    assert {"2", "0"} <= set(words)


def test_time_goes_on_for_steps_that_wait() -> None:
    def sent(wait: str) -> dict[str, int]:
        report = json.loads(run(f"simulate draft.yaml {SIMULATE} {wait} --json").output)
        return report["strategies"]["form-help"]["active"]["commands"]

    assert sent("--wait 0s") == sent("") == {"offer_chat": 2}  # other visitors come later
    assert report_end("--wait 7d") - report_end("--wait 0s") == 7 * 24 * 60 * MINUTE


def report_end(wait: str) -> int:
    return json.loads(run(f"simulate draft.yaml {SIMULATE} {wait} --json").output)["end"]


def test_a_draft_of_a_new_name_is_added(place: Path) -> None:
    draft = (place / "draft.yaml").read_text().replace("form-help", "more-help")
    (place / "draft.yaml").write_text(draft)
    found = json.loads(run(f"simulate draft.yaml {SIMULATE} --customers customers.avro --json").output)
    assert found["strategies"]["more-help"]["active"]["attempts"] == 0
    assert found["strategies"]["more-help"]["draft"]["commands"] == {"offer_chat": 1}


def test_customers_in_a_table_whose_wrong_rows_are_named(place: Path) -> None:
    (place / "people.csv").write_text("customer_id,device,value\nC-1,d-1,9.5\n,d-2,1.0\n")
    result = run(f"simulate draft.yaml {SIMULATE} --customers people.csv --json")
    assert result.exit_code == 0
    assert "people.csv: " in result.stderr
    assert json.loads(result.stdout)["strategies"]["form-help"]["draft"]["commands"] == {"offer_chat": 1}


def test_a_recording_that_is_cut_off_is_refused(place: Path) -> None:
    raw = (place / "events.avro").read_bytes()
    (place / "events.avro").write_bytes(raw[:-20])
    result = run(f"simulate draft.yaml {SIMULATE}")
    assert result.exit_code == 2
    assert "events.avro: damaged after 0 records" in result.output


def test_a_recording_without_events_is_nothing_to_show(place: Path) -> None:
    write_container(place / "events.avro", Interaction, [])
    result = run(f"simulate draft.yaml {SIMULATE}")
    assert result.exit_code == 0, result.output
    assert "No customer would get anything else than now." in result.output


ALONE = """
import sys

def guard(event, arguments):
    if event.startswith("socket.") and event != "socket.gethostname":
        raise RuntimeError(f"reached out: {event}")

sys.addaudithook(guard)
from pipeline.cli import cli
try:
    cli(sys.argv[1:])
except SystemExit as end:
    assert end.code in (0, None), end.code
assert not {"confluent_kafka", "faust", "rocksdict"} & sys.modules.keys()
"""


@pytest.mark.parametrize("command", [f"test scenarios {TEST}", f"simulate draft.yaml {SIMULATE}"])
def test_no_socket_is_opened_and_no_kafka_client_loaded(place: Path, command: str) -> None:
    arguments = [sys.executable, "-c", ALONE, "strategies", *command.split()]
    done = subprocess.run(
        arguments,
        cwd=place,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_the_guard_of_the_test_above_sees_a_socket() -> None:
    reaching = ALONE.partition("from pipeline")[0] + "import socket\nsocket.socket()\n"
    done = subprocess.run([sys.executable, "-c", reaching], capture_output=True, text=True, check=False)
    assert "reached out: socket.__new__" in done.stderr
