"""The app: Segment or RudderStack calls from a phone."""

from __future__ import annotations

from pipeline.channels import segment
from pipeline.channels.payload import Adapted


def adapt(payload: bytes, received_at: int) -> Adapted:
    """The interactions in a payload of a mobile SDK; `received_at` is epoch milliseconds."""
    return segment.adapt(payload, received_at, "mobile_app", _circumstances)


def _circumstances(call: segment.Call, context: segment.Context) -> dict[str, object]:
    return {
        "page": call.name,
        "app_version": (context.app or {}).get("version"),
        "os": (context.os or {}).get("name"),
    }
