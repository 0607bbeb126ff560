"""The one way in: which adapter reads which channel's payloads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from pipeline.channels import mobile_app, native, order, social, web
from pipeline.channels.payload import Adapted
from pipeline.domain.failures import Failure

Adapter = Callable[[bytes, int], Adapted]
"""`(payload, received_at)` → what it holds, in its order; never raises, whatever the bytes."""

ADAPTERS: Mapping[str, Adapter] = {
    "web": web.adapt,
    "mobile_app": mobile_app.adapt,
    "social": social.adapt,
    "order": order.adapt,
    **{channel: partial(native.adapt, channel=channel) for channel in native.CHANNELS},
}


def adapt(channel: str, payload: bytes, received_at: int) -> Adapted:
    """Everything that `payload` holds, each an `Interaction` or a `Failure` that says why not.

    `received_at` is epoch milliseconds. The list is empty when the payload holds nothing that a customer did
    (receipts, echoes of our own posts). What a desk tells in our own terms (`native`) is taken on every channel. A
    channel without adapter is a failure `unknown_channel`.
    """
    adapter = ADAPTERS.get(channel)
    if adapter is None:
        return [Failure("unknown_channel", f"channel: expected one of {', '.join(ADAPTERS)}")]
    if channel not in native.CHANNELS and native.is_native(payload):
        return native.adapt(payload, received_at, channel)
    return adapter(payload, received_at)
