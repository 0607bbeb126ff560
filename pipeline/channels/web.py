"""The website: Segment or RudderStack calls from the browser."""

from __future__ import annotations

from pipeline.channels import segment
from pipeline.channels.payload import Adapted


def adapt(payload: bytes, received_at: int) -> Adapted:
    """The interactions in a payload of the browser SDK; `received_at` is epoch milliseconds."""
    return segment.adapt(payload, received_at, "web", _circumstances)


def _circumstances(call: segment.Call, context: segment.Context) -> dict[str, object]:
    page = context.page or {}
    if call.type == "page":
        page = page | (call.properties or {})
    return {
        "page": page.get("path"),
        "page_name": call.name,
        "title": page.get("title"),
        "url": page.get("url"),
        "referrer": page.get("referrer"),
    }
