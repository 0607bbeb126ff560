"""Avro object container files: records of one kind in a file that carries its schema, which any Avro tool reads.

Blocks are left whole, so that a reader need not make a value of every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
import msgspec
from fastavro.schema import to_parsing_canonical_form

from pipeline.domain.failures import Failure
from pipeline.wire.compiled.decoder import Decode, make_decoder
from pipeline.wire.files import load_released
from pipeline.wire.records import NAMESPACE, RECORD_NAMES
from pipeline.wire.resolution import parsed, resolving_decoder

COMPRESSION = "deflate"


class ContainerError(Exception):
    """A file that cannot be read to its end; the message is one line with the file's name."""


class Block(NamedTuple):
    """Records of a file, one after the other without anything between them.

    `first` is the number of the first of them, `end` where the block ends in the file, in bytes.
    """

    raw: bytes
    records: int
    first: int
    end: int


class Container:
    """The records of one kind in a file.

    Attributes:
        path: the file.
        decode: from a block's bytes and the position of a record to its value and the position behind it.
        current: whether the records are written with the newest schema of their kind.
    """

    def __init__(self, path: Path, decode: Decode, current: bool) -> None:
        self.path = path
        self.decode = decode
        self.current = current

    def blocks(self) -> Iterator[Block]:
        """All blocks, from the file's beginning. Raises ContainerError where the file is damaged."""
        first = 0
        with self.path.open("rb") as file:
            try:
                block: Any  # its bytes are no part of fastavro's annotations
                for block in fastavro.block_reader(file):
                    end = block.offset + block.size
                    yield Block(block.bytes_.getvalue(), block.num_records, first, end)
                    first += block.num_records
            except Exception as error:  # fastavro has no closed list of what malformed bytes can raise
                raise self.damaged(first, error) from error

    def values(self) -> Iterator[Any]:
        """The value of every record. Raises ContainerError where the file is damaged."""
        for block in self.blocks():
            for value, _ in self.read(block):
                yield value

    def read(self, block: Block) -> Iterator[tuple[Any, int]]:
        """The value of every record in a block, and its size in bytes. Raises ContainerError for what is none."""
        at = 0
        for number in range(block.first, block.first + block.records):
            try:
                value, end = self.decode(block.raw, at)
            except Exception as error:  # as above
                raise self.damaged(number, error) from error
            yield value, end - at
            at = end
        if at != len(block.raw):
            raise self.damaged(block.first, ValueError("a block of another length"))

    def damaged(self, number: int, error: Exception) -> ContainerError:
        """What to raise for an error after so many records."""
        if isinstance(error, ContainerError):
            return error
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return ContainerError(f"{self.path}: damaged after {number:,} records ({why}); record it again")


def open_container(path: Path, kind: type[msgspec.Struct]) -> Container | Failure:
    """The file's records, or a Failure: no_file, not_avro (no container file), wrong_record (of another kind)."""
    record = RECORD_NAMES[kind]
    try:
        with path.open("rb") as file:
            schema: Any = fastavro.block_reader(file).writer_schema
            writer = parsed(schema)
    except OSError as error:
        return Failure("no_file", f"{path}: {error.strerror}; name a file that can be read")
    except Exception as error:  # fastavro has no closed list of what malformed bytes can raise
        return Failure("not_avro", f"{path}: no Avro container file ({type(error).__name__}); name one")
    name = schema.get("name") if isinstance(schema, dict) else None
    if name not in (f"{NAMESPACE}.{record}", record):
        return Failure(
            "wrong_record", f"{path}: holds {name or 'no records'}, not {record}; name another file"
        )
    newest = parsed(load_released()[record][-1].schema)
    current = to_parsing_canonical_form(writer) == to_parsing_canonical_form(newest)
    decode = make_decoder(newest, kind) if current else resolving_decoder(writer, newest, kind)
    return Container(path, decode, current)


def write_container(path: Path, kind: type[msgspec.Struct], values: Iterable[msgspec.Struct]) -> int:
    """Write the values to a file, which is there only when it is whole; how many there were.

    Raises OSError when it cannot be written.
    """
    written = 0

    def counted() -> Iterator[Any]:
        nonlocal written
        for value in values:
            yield msgspec.to_builtins(value)
            written += 1

    schema = load_released()[RECORD_NAMES[kind]][-1].schema
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            fastavro.writer(file, schema, counted(), codec=COMPRESSION)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return written
