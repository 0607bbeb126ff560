"""What the system of record says about a customer."""

from __future__ import annotations

import msgspec

from pipeline.domain.interactions import Identifier


class Profile(msgspec.Struct, kw_only=True):
    """A customer as the system of record knows them.

    `value` is the lifetime value in the business's own currency; `timezone` an IANA name; `consent` maps
    `purpose/channel` (for example `service/sms`) to true or false; `preferences` are stated by the customer
    (`channel` is the preferred channel); `updated_at` is epoch milliseconds.
    """

    customer_id: str
    updated_at: int = 0
    name: str | None = None
    tier: str | None = None
    value: float = 0.0
    postcode: str | None = None
    timezone: str | None = None
    language: str | None = None
    consent: dict[str, bool] = msgspec.field(default_factory=dict)
    preferences: dict[str, str] = msgspec.field(default_factory=dict)
    identifiers: list[Identifier] = msgspec.field(default_factory=list)
