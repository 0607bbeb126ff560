"""Schema ids from a registry, asked over real HTTP; the server here speaks what is used of the protocol."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import pytest
from confluent_kafka.schema_registry import SchemaRegistryError

from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier
from pipeline.domain.messages import ActionReceipt, MergeRequested
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.schema_registry import RegistryIds
from pipeline.runtime.topics import all_topics
from pipeline.wire.codec import Codec
from pipeline.wire.files import load_released
from pipeline.wire.framing import frame_header, schema_id_of

SPECS = all_topics("t.", 1, 1)
RECEIPT = ActionReceipt(action_id="a-1", customer_id="C1", status="sent", at=1)


class Server(ThreadingHTTPServer):
    """Subjects, their compatibility, and schemas by id; the same schema has one id in all subjects."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.compatibility: dict[str, str] = {}
        self.subjects: dict[str, str] = {}
        self.schemas: list[str] = []
        self.asked: list[str] = []
        self.answer: int | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def reply(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> dict[str, Any]:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_PUT(self) -> None:
        body = self.body()
        self.server.compatibility[unquote(self.path.split("/")[2])] = body["compatibility"]
        self.reply(200, body)

    def do_POST(self) -> None:
        schema = self.body()["schema"]
        subject = unquote(self.path.split("/")[2])
        if self.server.answer is not None:
            return self.reply(
                self.server.answer, {"error_code": 409, "message": f"{subject} is incompatible"}
            )
        self.server.subjects[subject] = schema
        if schema not in self.server.schemas:
            self.server.schemas.append(schema)
        return self.reply(200, {"id": self.server.schemas.index(schema) + 1})

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        number = int(self.path.split("?")[0].split("/")[3])
        if self.server.answer is not None:
            return self.reply(self.server.answer, {"error_code": 50001, "message": "broken"})
        if 1 <= number <= len(self.server.schemas):
            return self.reply(200, {"schema": self.server.schemas[number - 1]})
        return self.reply(404, {"error_code": 40403, "message": "Schema not found"})

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the tests' output is not a server's log."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


@pytest.fixture
def codec(server: Server) -> Codec:
    return Codec(RegistryIds(server.url, SPECS, load_released()))


def test_every_record_is_registered_backward_under_its_topics_subject(server: Server, codec: Codec) -> None:
    assert set(server.compatibility.values()) == {"BACKWARD"}
    assert server.compatibility.keys() == server.subjects.keys()
    assert json.loads(server.subjects["t.actions-value"]) == load_released()["ActionCommand"][-1].schema
    assert {name for name in server.subjects if name.startswith("t.interactions.identified")} == {
        "t.interactions.identified-io.throughline.v1.IdentifiedInteraction",
        "t.interactions.identified-io.throughline.v1.MergeRequested",
        "t.interactions.identified-io.throughline.v1.CustomerMoved",
        "t.interactions.identified-io.throughline.v1.CustomerTakenOut",
    }
    assert not any("changelog" in name for name in server.subjects)


def test_values_carry_the_registrys_ids(server: Server, codec: Codec) -> None:
    raw = codec.encode("t.action.receipts", RECEIPT)
    assert server.schemas[(schema_id_of(raw) or 0) - 1] == server.subjects["t.action.receipts-value"]
    assert codec.decode(raw) == RECEIPT
    merge = MergeRequested(
        loser="b", winner="a", evidence=Identifier("email", "a@b.c"), rule="r", requested_at=1
    )
    assert codec.decode(codec.encode("t.interactions.identified", merge)) == merge


def test_a_value_on_a_topic_that_does_not_carry_it_is_refused(codec: Codec) -> None:
    with pytest.raises(KeyError):
        codec.encode("t.actions", RECEIPT)


def test_a_later_version_of_another_program_is_fetched_once(server: Server, codec: Codec) -> None:
    schema = load_released()["ActionReceipt"][-1].schema
    newer = schema | {"fields": [{"name": "carrier", "type": "string"}, *schema["fields"]]}
    server.schemas.append(json.dumps(newer))
    raw = frame_header(len(server.schemas)) + b"\x08post" + codec.encode("t.action.receipts", RECEIPT)[5:]
    assert codec.decode(raw) == RECEIPT
    assert codec.decode(raw) == RECEIPT
    assert len(server.asked) == len(set(server.asked))


def test_what_was_written_before_the_registry_came_can_be_read(codec: Codec) -> None:
    assert codec.decode(Codec().encode(None, RECEIPT)) == RECEIPT


def test_an_id_that_nobody_knows_is_asked_for_once(server: Server, codec: Codec) -> None:
    for _ in range(3):
        result = codec.decode(frame_header(4_000_000))
        assert isinstance(result, Failure)
        assert result.code == "unknown_schema"
    assert len(server.asked) == 1


@pytest.mark.parametrize("schema", ['"string"', '["null", "string"]'])
def test_a_schema_that_is_no_record_is_unknown(server: Server, codec: Codec, schema: str) -> None:
    server.schemas.append(schema)
    result = codec.decode(frame_header(len(server.schemas)))
    assert isinstance(result, Failure)
    assert result.code == "unknown_schema"


def test_a_broken_registry_is_no_reason_to_refuse_a_record(server: Server, codec: Codec) -> None:
    server.answer = 400
    with pytest.raises(Unavailable, match="broken"):
        codec.decode(frame_header(4_000_000))
    server.answer = None
    assert isinstance(codec.decode(frame_header(4_000_000)), Failure)


def test_a_refused_schema_stops_the_start(server: Server) -> None:
    server.answer = 409
    with pytest.raises(SchemaRegistryError, match="is incompatible"):
        RegistryIds(server.url, SPECS, load_released())
