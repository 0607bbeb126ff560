"""Rows of the system of record's file, CSV, JSON list or JSON lines, each as column → text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping

import msgspec

from pipeline.channels.payload import read_json
from pipeline.domain.failures import Failure

MAX_FILE = 1 << 28
"""Bytes of one file; a larger one is split by its owner rather than held in memory here."""

Row = Mapping[str, str]


def read_rows(data: bytes, media_type: str) -> Iterator[tuple[int, Row | Failure]]:
    """Every row with its number, from 1; the header of a CSV file is row 1 and is not given itself."""
    kind = media_type.partition(";")[0].strip().lower()
    if len(data) > MAX_FILE:
        yield (
            1,
            Failure("payload_too_large", f"file: {len(data)} bytes, at most {MAX_FILE} are read; split it"),
        )
    elif kind == "text/csv":
        yield from _csv_rows(data)
    elif kind in ("application/json", "application/x-ndjson"):
        yield from _json_rows(data)
    else:
        expected = "text/csv, application/json or application/x-ndjson"
        yield 1, Failure("unsupported_media_type", f"file: expected {expected}")


def _csv_rows(data: bytes) -> Iterator[tuple[int, Row | Failure]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        yield 1, Failure("bad_encoding", "file: not UTF-8; save it as CSV in UTF-8")
        return
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    number = 0
    try:
        for number, cells in enumerate(reader, start=1):
            if number == 1:
                header = [cell.strip() for cell in cells]
                if "customer_id" not in header or len(set(header)) < len(header):
                    message = (
                        "row 1: expected a header with customer_id and no column twice, parted by commas"
                    )
                    yield 1, Failure("bad_header", message)
                    return
            elif len(cells) == len(header):
                yield number, dict(zip(header, cells, strict=True))
            elif cells:
                message = f"row {number}: {len(cells)} cells under a header of {len(header)}"
                yield number, Failure("bad_row", message)
    except csv.Error as error:
        yield number + 1, Failure("bad_csv", f"row {number + 1}: {error}; the rows after it were not read")
    if not header:
        yield 1, Failure("bad_header", "file: is empty; expected a header row with customer_id")


def _json_rows(data: bytes) -> Iterator[tuple[int, Row | Failure]]:
    document = read_json(data, MAX_FILE)
    if isinstance(document, list):
        documents: list[object] = document
    elif isinstance(document, Failure) and document.code == "bad_json":
        documents = [read_json(line) for line in data.splitlines() if line.strip()] or [document]
    else:
        documents = [document]
    for number, row in enumerate(documents, start=1):
        if isinstance(row, Failure):
            yield number, Failure(row.code, f"row {number}: {row.message.removeprefix('payload: ')}")
        elif isinstance(row, dict):
            yield number, dict(_flat(row, ""))
        else:
            yield number, Failure("bad_row", f"row {number}: expected an object, a customer each")


def _flat(values: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    """JSON as the CSV has it: names joined by dots, a list parted by `;`, null an empty cell."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            yield f"{prefix}{name}", ";".join(_cell(part) for part in value)
        else:
            yield f"{prefix}{name}", _cell(value)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
