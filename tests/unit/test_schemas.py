"""The schema files: complete, documented, released, and readable by every later version."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from pipeline.domain.actions import BODIES
from pipeline.domain.interactions import Attachment, Identifier
from pipeline.domain.messages import Reason
from pipeline.runtime.topics import all_topics
from pipeline.wire.files import load_released, schema_directory
from pipeline.wire.ids import LocalIds, local_id
from pipeline.wire.records import NAMESPACE, RECORDS
from pipeline.wire.versions import RELEASED, current, incompatibilities, main, release, without_docs

DIRECTORY = schema_directory()
FILES = sorted(DIRECTORY.glob("*.avsc"))
STRUCTS = RECORDS | {one.__name__: one for one in (Identifier, Attachment, Reason, *BODIES.values())}


def load(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def named_types(schema: Any) -> list[dict[str, Any]]:
    """Every record and enum in a schema."""
    if isinstance(schema, list):
        return [one for branch in schema for one in named_types(branch)]
    if not isinstance(schema, dict):
        return []
    here = [schema] if schema.get("type") in ("record", "enum") else []
    inner = [field["type"] for field in schema.get("fields", [])]
    inner += [schema[key] for key in ("items", "values", "type") if isinstance(schema.get(key), (dict, list))]
    return here + [one for part in inner for one in named_types(part)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_holds_one_documented_record(path: Path) -> None:
    schema = load(path)
    assert schema["type"] == "record"
    assert (schema["namespace"], schema["name"]) == (NAMESPACE, path.stem)
    for named in named_types(schema):
        assert named["doc"].endswith(".")
    for field in schema["fields"]:
        assert field["doc"].endswith("."), field["name"]
        if "logicalType" in json.dumps(field["type"]):
            assert "epoch milliseconds UTC" in field["doc"], field["name"]


@pytest.mark.parametrize("record", sorted(STRUCTS))
def test_a_record_has_the_fields_of_its_value(record: str) -> None:
    """fastavro leaves out what a schema does not name: a missing field would vanish without a word."""
    fields = {field["name"]: field for field in load(DIRECTORY / f"{record}.avsc")["fields"]}
    values = {field.name: field for field in msgspec.structs.fields(STRUCTS[record])}
    assert fields.keys() == values.keys()
    for name, field in fields.items():
        nullable = isinstance(field["type"], list) and "null" in field["type"]
        assert nullable == (type(None) in getattr(values[name].type, "__args__", ())), name
        if "default" in field:
            assert not values[name].required, name


def test_every_record_that_travels_is_released() -> None:
    assert load_released().keys() == set(RELEASED)
    assert {record for spec in all_topics("", 1, 1) for record in spec.records} == set(RELEASED)
    assert set(RECORDS) <= set(RELEASED)


@pytest.mark.parametrize("record", RELEASED)
def test_the_newest_release_is_the_current_schema(record: str) -> None:
    versions = load_released()[record]
    assert [one.version for one in versions] == list(range(1, len(versions) + 1))
    assert without_docs(current(record, DIRECTORY)) == without_docs(versions[-1].schema), (
        "run `python -m pipeline.wire.versions`"
    )


@pytest.mark.parametrize("record", RELEASED)
def test_every_release_reads_all_before_it(record: str) -> None:
    versions = load_released()[record]
    for number, reader in enumerate(versions):
        for writer in versions[: number + 1]:
            assert incompatibilities(reader.schema, writer.schema) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda schema: schema["fields"].append({"name": "new", "type": "string"}), "new"),
        (lambda schema: schema["fields"][0].update(type="long"), "action_id"),
        (lambda schema: schema["fields"][2]["type"]["symbols"].remove("sent"), "status"),
        (lambda schema: schema["fields"][4].update(type="string"), "detail"),
    ],
    ids=["a field without a default", "another type", "a symbol less", "no longer null"],
)
def test_an_incompatible_change_is_found(change: Any, field: str) -> None:
    old = load_released()["ActionReceipt"][-1].schema
    new = copy.deepcopy(old)
    change(new)
    assert incompatibilities(new, old)
    assert incompatibilities(old, old) == []


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the schema directory to change."""
    return Path(shutil.copytree(DIRECTORY, tmp_path / "schemas"))


def edit(checkout: Path, **field: Any) -> None:
    path = checkout / "ActionReceipt.avsc"
    schema = load(path)
    schema["fields"].append(field)
    path.write_text(json.dumps(schema), encoding="utf-8")


def test_a_compatible_change_is_released_as_the_next_version(checkout: Path) -> None:
    edit(checkout, name="carrier", type=["null", "string"], default=None, doc="Who carried it out.")
    assert release(checkout) == [checkout / "released" / "ActionReceipt" / "2.avsc"]
    first, second = load_released(checkout)["ActionReceipt"]
    assert [field["name"] for field in second.schema["fields"]][-1] == "carrier"
    assert local_id(first.schema) != local_id(second.schema)
    assert release(checkout) == []


def test_a_refused_release_writes_nothing(checkout: Path) -> None:
    edit(checkout, name="carrier", type="string", doc="Who carried it out.")
    with pytest.raises(ValueError, match=r"ActionReceipt could not read its version 1: .*carrier"):
        release(checkout)
    assert len(load_released(checkout)["ActionReceipt"]) == 1


def test_a_refusal_is_one_line_and_exit_code_2(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.wire.versions.schema_directory", lambda: checkout)
    assert main() == 0
    assert capsys.readouterr() == ("", "")
    edit(checkout, name="carrier", type="string", doc="Who carried it out.")
    assert main() == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("schemas: ActionReceipt could not read its version 1")
    assert err.count("\n") == 1


def test_an_installed_wheel_has_its_own_schemas(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside an installed package anybody's `schemas/` may lie; a checkout has no packaged data."""
    package = checkout.parent / "pipeline"
    monkeypatch.setattr("pipeline.wire.files.__file__", str(package / "wire" / "files.py"))
    assert schema_directory() == checkout
    packaged = package / "_data" / "schemas"
    (packaged / "released").mkdir(parents=True)
    assert schema_directory() == packaged
    shutil.rmtree(packaged)
    shutil.rmtree(checkout)
    with pytest.raises(FileNotFoundError, match="install throughline again"):
        schema_directory()


def test_better_words_are_no_new_version(checkout: Path) -> None:
    path = checkout / "ActionReceipt.avsc"
    before = current("ActionReceipt", checkout)
    text = path.read_text(encoding="utf-8").replace("The action.", "Which action.")
    path.write_text(text, encoding="utf-8")
    assert current("ActionReceipt", checkout) != before
    assert release(checkout) == []


def test_a_nested_record_releases_what_contains_it(checkout: Path) -> None:
    path = checkout / "Attachment.avsc"
    schema = load(path)
    schema["fields"].append({"name": "title", "type": "string", "default": "", "doc": "Title."})
    path.write_text(json.dumps(schema), encoding="utf-8")
    assert {path.parent.name for path in release(checkout)} == {"Interaction", "IdentifiedInteraction"}


def test_ids_are_31_bits_and_differ() -> None:
    ids = [local_id(one.schema) for versions in load_released().values() for one in versions]
    assert len(set(ids)) == len(ids)
    assert all(0 <= one < 2**31 for one in ids)


def test_two_schemas_with_one_id_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.wire.ids.local_id", lambda schema: 7)
    with pytest.raises(ValueError, match="both have id 7"):
        LocalIds(load_released())


def test_asyncapi_describes_the_topics_as_they_are() -> None:
    document = yaml.safe_load((DIRECTORY / "asyncapi.yaml").read_text(encoding="utf-8"))
    assert document["asyncapi"] == "3.0.0"
    channels = {channel["address"]: channel for channel in document["channels"].values()}
    specs = {spec.name: spec for spec in all_topics("throughline.", 4, 1)}
    assert channels.keys() == specs.keys()
    for name, spec in specs.items():
        channel = channels[name]
        assert channel["description"].endswith(".")
        assert channel["x-key"] == spec.key
        kafka = channel["bindings"]["kafka"]
        assert (kafka["topic"], kafka["topicConfiguration"]["cleanup.policy"]) == (name, [spec.cleanup])
        references = [message["$ref"] for message in channel.get("messages", {}).values()]
        assert references == [f"#/components/messages/{record}" for record in spec.records]
    for operation in document["operations"].values():
        assert operation["channel"]["$ref"].removeprefix("#/channels/") in document["channels"]


def test_asyncapi_shows_the_newest_release_of_each_record() -> None:
    document = yaml.safe_load((DIRECTORY / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = document["components"]["messages"]
    released = load_released()
    assert messages.keys() == released.keys()
    for record, message in messages.items():
        newest = released[record][-1].version
        assert message["name"] == f"{NAMESPACE}.{record}"
        assert message["payload"]["schema"]["$ref"] == f"./released/{record}/{newest}.avsc"
