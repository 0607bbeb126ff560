"""Avro files of records: what is written is read, by any Avro tool too, and what is damaged is named."""

from __future__ import annotations

from pathlib import Path

import fastavro
import pytest

from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Attachment, Interaction
from pipeline.wire.container import Container, ContainerError, open_container, write_container
from tests.domain_values import DEVICE, NUMBER, event, profile

EVENTS = [
    event(
        f"e-{number}",
        facts={"order_id": "1001", "items": 2, "total": 9.5, "gift": True},
        attributes={"page": "/ö", "huge": -(2**62)},
        attachments=[Attachment("s3://a", "image/png", 12)],
        identifiers=[DEVICE, NUMBER],
        text=None if number % 2 else "Grüße",
        ended=bool(number % 3),
    )
    for number in range(2_000)
]


def opened(path: Path, kind: type = Interaction) -> Container:
    container = open_container(path, kind)
    assert isinstance(container, Container), container
    return container


def test_what_is_written_is_read_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    assert write_container(path, Interaction, EVENTS) == len(EVENTS)
    container = opened(path)
    assert list(container.values()) == list(container.values()) == EVENTS
    assert [found.name for found in tmp_path.iterdir()] == ["events.avro"]


def test_profiles_too(tmp_path: Path) -> None:
    path = tmp_path / "customers.avro"
    known = [profile("C-1", consent={"service/sms": False}), profile("C-2", timezone="Europe/Berlin")]
    write_container(path, Profile, known)
    assert list(opened(path, Profile).values()) == known


def test_blocks_say_where_they_are(tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    write_container(path, Interaction, EVENTS)
    container = opened(path)
    blocks = list(container.blocks())
    assert len(blocks) > 1
    assert [block.first for block in blocks[1:]] == [block.first + block.records for block in blocks[:-1]]
    assert blocks[-1].end == path.stat().st_size
    assert [size for _, size in container.read(blocks[0])] == [
        len(container_bytes) for container_bytes in _split(container, blocks[0])
    ]


def _split(container: Container, block) -> list[bytes]:
    pieces, at = [], 0
    for _ in range(block.records):
        _, end = container.decode(block.raw, at)
        pieces.append(block.raw[at:end])
        at = end
    return pieces


def test_any_avro_tool_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    write_container(path, Interaction, EVENTS[:2])
    with path.open("rb") as file:
        first, second = fastavro.reader(file)
    assert (first["event_id"], second["facts"]["items"]) == ("e-0", 2)


def test_a_file_of_an_earlier_or_later_schema_is_read(tmp_path: Path) -> None:
    """Avro's rules of schema resolution hold: a field that is not there has its default, an unknown one is left."""
    path = tmp_path / "events.avro"
    write_container(path, Interaction, EVENTS[:1])
    with path.open("rb") as file:
        reader = fastavro.reader(file)
        schema, records = dict(reader.writer_schema), list(reader)
    schema["fields"] = [field for field in schema["fields"] if field["name"] not in ("ended", "attachments")]
    schema["fields"] = [*schema["fields"], {"name": "later", "type": "string", "default": ""}]
    with path.open("wb") as file:
        fastavro.writer(file, schema, records)
    container = opened(path)
    assert not container.current
    (found,) = container.values()
    assert (found.event_id, found.facts, found.attachments) == ("e-0", EVENTS[0].facts, [])


def test_what_is_no_such_file_is_a_failure(tmp_path: Path) -> None:
    path = tmp_path / "customers.avro"
    write_container(path, Profile, [profile()])
    text = tmp_path / "text.avro"
    text.write_text("no Avro")
    found = {
        file.name: open_container(file, Interaction)
        for file in (path, text, tmp_path / "none.avro", tmp_path)
    }
    codes = {name: failure.code for name, failure in found.items() if isinstance(failure, Failure)}
    assert codes == {
        "customers.avro": "wrong_record",
        "text.avro": "not_avro",
        "none.avro": "no_file",
        tmp_path.name: "no_file",
    }


@pytest.mark.parametrize("kept", [0.9, 0.5])
def test_a_file_that_is_cut_off_is_damaged_where_it_ends(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "events.avro"
    write_container(path, Interaction, EVENTS)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    found = []
    with pytest.raises(ContainerError, match=r"events.avro: damaged after [\d,]+ records"):
        found.extend(opened(path).values())
    whole = 0
    with pytest.raises(ContainerError):
        for one in opened(path).values():
            assert one == EVENTS[whole]
            whole += 1
    assert 0 < whole < len(EVENTS)


def test_damaged_bytes_are_never_taken_for_events(tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    schema = opened_schema(tmp_path)
    with path.open("wb") as file:
        fastavro.writer(file, schema, [], codec="null")
    raw = path.read_bytes()
    sync = raw[-16:]
    path.write_bytes(raw + bytes([2, 8]) + b"\xff\xff\xff\xff" + sync)
    with pytest.raises(ContainerError, match="damaged after 0 records"):
        list(opened(path).values())


def opened_schema(directory: Path) -> dict:
    path = directory / "schema.avro"
    write_container(path, Interaction, [])
    with path.open("rb") as file:
        return fastavro.reader(file).writer_schema


def test_an_error_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "events.avro"
    write_container(path, Interaction, EVENTS[:1])

    def broken():
        yield EVENTS[1]
        raise RuntimeError("the broker is gone")

    with pytest.raises(RuntimeError):
        write_container(path, Interaction, broken())
    assert list(opened(path).values()) == EVENTS[:1]
    assert [found.name for found in tmp_path.iterdir()] == ["events.avro"]
