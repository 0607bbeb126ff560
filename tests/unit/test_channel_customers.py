"""The system of record's files: what a row means, and refusals that name row and column."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline.channels.customers import read
from pipeline.domain.customers import Profile
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Identifier

SAMPLES = Path(__file__).parents[1] / "data" / "channels"
ANN = Profile(
    customer_id="C-1001",
    updated_at=1_738_368_000_000,
    name="Ann Lee",
    tier="gold",
    value=1250.5,
    postcode="SW1A 1AA",
    timezone="Europe/London",
    language="en",
    consent={"service/sms": True, "marketing/email": False},
    preferences={"channel": "sms"},
    identifiers=[
        Identifier("email", "ann.lee@example.com", "verified"),
        Identifier("phone", "+442079460018", "verified"),
        Identifier("social", "facebook:24555111222", "verified"),
        Identifier("loyalty_card", "630012AB", "verified"),
    ],
)


def csv_row(**cells: str) -> list[Profile | Failure]:
    cells = {"customer_id": "C-1"} | cells
    return read(f"{','.join(cells)}\n{','.join(cells.values())}\n".encode(), "text/csv")


def test_csv_rows() -> None:
    ann, bo, cy = read((SAMPLES / "customers.csv").read_bytes(), "text/csv; charset=utf-8", updated_at=5)
    assert ann == ANN
    assert bo == Profile(
        customer_id="C-1002",
        updated_at=5,
        name="Bo Chan",
        identifiers=[
            Identifier("email", "bo@example.com", "verified"),
            Identifier("email", "bo.chan@example.org", "verified"),
        ],
    )
    hint = "row 4, phone: cannot be used; write the number with its country code, like +44 20 7946 0018"
    assert cy == Failure("bad_identifier", hint)


def test_json_says_the_same() -> None:
    assert read((SAMPLES / "customers.json").read_bytes(), "application/json") == [ANN]


@pytest.mark.parametrize("media_type", ["application/json", "application/x-ndjson"])
def test_json_lines(media_type: str) -> None:
    line = json.dumps(json.loads((SAMPLES / "customers.json").read_bytes())[0]).encode()
    first, bad, last = read(b"\n".join([line, b"{", b"", line]), media_type)
    assert first == last == ANN
    assert isinstance(bad, Failure)
    assert bad.code == "bad_json"
    assert bad.message.startswith("row 2: not JSON")


def test_one_line_of_json_is_one_customer() -> None:
    assert read(b'{"customer_id": 7, "value": null}', "application/json") == [Profile(customer_id="7")]


def test_a_region_places_national_numbers() -> None:
    data = (SAMPLES / "customers.csv").read_bytes()
    cy = read(data, "text/csv", region="GB")[2]
    assert isinstance(cy, Profile)
    assert cy.identifiers == [Identifier("phone", "+442079460019", "verified")]


def test_every_fault_of_a_row_is_told_at_once_and_no_value_is_repeated() -> None:
    faults = csv_row(
        value="lots",
        timezone="Mars/Olympus",
        language="?",
        updated_at="soon",
        email="secretive",
        **{"consent.service.sms": "perhaps", "preference.channel": "pigeon"},
    )
    columns = {fault.message.partition(":")[0] for fault in faults if isinstance(fault, Failure)}
    names = (
        "value",
        "timezone",
        "language",
        "updated_at",
        "email",
        "consent.service.sms",
        "preference.channel",
    )
    assert columns == {f"row 2, {name}" for name in names}
    assert len(faults) == len(names)
    for value in ("lots", "Mars", "soon", "secretive", "perhaps", "pigeon"):
        assert value not in repr(faults)


@pytest.mark.parametrize("value", ["nan", "inf", "1e999"])
def test_a_value_is_finite(value: str) -> None:
    (fault,) = csv_row(value=value)
    assert fault == Failure("bad_field", "row 2, value: expected a number like 1250.50")


@pytest.mark.parametrize("zone", ["../etc/passwd", "/etc/localtime", "Europe", "a" * 5000])
def test_a_zone_is_a_name_not_a_path(zone: str) -> None:
    (fault,) = csv_row(timezone=zone)
    assert isinstance(fault, Failure)
    assert fault.message.startswith("row 2, timezone:")


def test_a_mistyped_column_is_reported_once_and_the_rows_are_read() -> None:
    data = b"customer_id,consent.servce.sms\nC-1,true\nC-2,true\n"
    unknown, first, second = read(data, "text/csv")
    message = "row 2: no column is called 'consent.servce.sms'; did you mean consent.service.sms?"
    assert unknown == Failure("unknown_column", message)
    assert [first, second] == [Profile(customer_id="C-1"), Profile(customer_id="C-2")]


@pytest.mark.parametrize(
    ("data", "media_type", "code"),
    [
        (b"", "text/csv", "bad_header"),
        (b"name\nAnn\n", "text/csv", "bad_header"),
        (b"customer_id,name,name\n", "text/csv", "bad_header"),
        (b"customer_id,name\nC-1\n", "text/csv", "bad_row"),
        (b"customer_id,name\nC-1,a,b\n", "text/csv", "bad_row"),
        (b"customer_id,name\n,Ann\n", "text/csv", "missing_field"),
        (b'customer_id\n"C-1\n', "text/csv", "bad_csv"),
        (b"customer_id\n\xff\n", "text/csv", "bad_encoding"),
        (b"[5]", "application/json", "bad_row"),
        (b"", "application/json", "bad_json"),
        (b"[" * 2000 + b"]" * 2000, "application/json", "too_deep"),
        (b"{}", "application/json", "missing_field"),
        (b"{}", "application/pdf", "unsupported_media_type"),
    ],
)
def test_refused_files_and_rows(data: bytes, media_type: str, code: str) -> None:
    (failure,) = read(data, media_type)
    assert isinstance(failure, Failure)
    assert failure.code == code


def test_a_spreadsheets_byte_order_mark_and_blank_lines_do_no_harm() -> None:
    data = "\ufeffcustomer_id,name\r\n\r\nC-1,Zoë\r\n".encode()
    assert read(data, "text/csv") == [Profile(customer_id="C-1", name="Zoë")]
