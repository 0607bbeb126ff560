"""Payload files → the bytes that a service would send, with their placeholders filled.

`{{t}}` is when it happened (RFC 3339), `{{t_s}}` and `{{t_ms}}` the same in seconds and milliseconds,
`{{sent}}` when it was sent, `{{id}}` an id of its own; others come from the scenario's `with`. A text that
is nothing but a placeholder takes the value as it is, number or text.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from pipeline.local.scenarios.form import PAYLOADS, Delivery, Scenario

_PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def payload(scenario: Scenario, delivery: Delivery, event_id: str, at_ms: int) -> bytes:
    """The bytes of one delivery of what happened at `at_ms` (epoch milliseconds).

    Raises ValueError when the file is not there, is no JSON, or names a placeholder that nothing fills.
    """
    path = scenario.directory / PAYLOADS / delivery.payload
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: cannot be read as JSON ({error}); correct the name or the file") from error
    values = {
        "id": event_id,
        "t": rfc3339(at_ms),
        "t_s": at_ms // 1_000,
        "t_ms": at_ms,
        "sent": rfc3339(at_ms + delivery.late),
        **delivery.with_,
    }
    try:
        return json.dumps(_filled(document, values)).encode()
    except KeyError as error:
        raise ValueError(f"{path}: {{{{{error.args[0]}}}}} is not filled; give it under with") from error


def rfc3339(ms: int) -> str:
    """The time in text, with milliseconds."""
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _filled(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, values) for one in value]
    if not isinstance(value, str):
        return value
    whole = _PLACEHOLDER.fullmatch(value)
    if whole:
        return values[whole[1]]
    return _PLACEHOLDER.sub(lambda match: str(values[match[1]]), value)
