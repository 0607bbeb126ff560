"""Records that could not be processed, kept whole with their source, so that they can be sent again."""

from __future__ import annotations

import msgspec

from pipeline.domain.failures import Failure
from pipeline.wire.framing import schema_id_of

MAX_RAW_BYTES = 1024 * 1024


class Source(msgspec.Struct, frozen=True):
    """Where a record came from: a topic with partition and offset, or a file with -1 and the row."""

    name: str
    partition: int = -1
    offset: int = -1
    key: bytes | None = None


class DeadLetter(msgspec.Struct, kw_only=True):
    """The Avro record of the same name: a failure, its source and the raw bytes (at most 1 MiB of them).

    `failed_at` is epoch milliseconds; `attempts` counts from 1; `event_id` is there when it could be read.
    """

    stage: str
    code: str
    message: str
    source: str
    partition: int = -1
    offset: int = -1
    schema_id: int | None = None
    key: bytes | None = None
    raw: bytes
    attempts: int = 1
    failed_at: int
    event_id: str | None = None


def dead_letter(
    stage: str,
    failure: Failure,
    source: Source,
    raw: bytes,
    *,
    failed_at: int,
    attempts: int = 1,
    event_id: str | None = None,
) -> DeadLetter:
    """The dead letter of one record that `stage` could not process; its Kafka key is `source.key`.

    Bytes beyond 1 MiB are cut off, and the message says so: such a letter cannot be sent again.
    """
    message = failure.message
    if len(raw) > MAX_RAW_BYTES:
        message = f"{message} (only the first {MAX_RAW_BYTES} of {len(raw)} bytes are kept)"
    return DeadLetter(
        stage=stage,
        code=failure.code,
        message=message,
        source=source.name,
        partition=source.partition,
        offset=source.offset,
        schema_id=schema_id_of(raw),
        key=source.key,
        raw=raw[:MAX_RAW_BYTES],
        attempts=attempts,
        failed_at=failed_at,
        event_id=event_id,
    )
