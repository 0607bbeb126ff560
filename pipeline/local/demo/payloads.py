"""Payloads of synthetic customers, in the form in which the services really send them.

A `Draft` becomes the bytes of a payload when it is sent: with its id and the time (epoch milliseconds).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pipeline.local.scenarios.payloads import rfc3339

Draft = Callable[[str, int], bytes]
Document = dict[str, Any]

PAGE_ID = "108242517"


class Who(Protocol):
    """What a payload needs to know of a customer."""

    @property
    def customer_id(self) -> str: ...
    @property
    def sender(self) -> str: ...
    @property
    def device(self) -> str: ...
    @property
    def order(self) -> str: ...


def message(who: Who, text: str) -> Draft:
    """A private message on Facebook: a webhook call of Meta's."""

    def draft(event_id: str, now: int) -> bytes:
        messaging = {
            "sender": {"id": who.sender},
            "recipient": {"id": PAGE_ID},
            "timestamp": now,
            "message": {"mid": f"m_{event_id}", "text": text},
        }
        return _bytes({"object": "page", "entry": [{"id": PAGE_ID, "time": now, "messaging": [messaging]}]})

    return draft


def order(who: Who, what: str, sent: str) -> Draft:
    """An event of the order system, in CloudEvents' JSON; size M was ordered and `sent` was sent."""

    def draft(event_id: str, now: int) -> bytes:
        data = {
            "customer_id": who.customer_id,
            "order_id": who.order,
            "product": "Oxford shirt",
            "size_ordered": "M",
            "size_sent": sent,
            "delivery_charge": 4.95,
            "currency": "GBP",
        }
        return _bytes(
            {
                "specversion": "1.0",
                "id": event_id,
                "source": "https://orders.example.com/fulfilment",
                "type": f"com.example.order.{what}.v1",
                "time": rfc3339(now),
                "data": data,
            }
        )

    return draft


@dataclass(frozen=True)
class Site:
    """Calls of Segment's SDK on the website or in the app; with the user id from the login on (`known`)."""

    who: Who
    channel: str
    known: bool = True

    def page(self, path: str) -> Draft:
        """A page or a screen is looked at."""
        if self.channel == "mobile_app":
            return self._call({"type": "screen", "name": path.strip("/")})
        return self._call({"type": "page", "properties": {"path": path}}, path)

    def track(self, event: str, **properties: object) -> Draft:
        """Something else is done."""
        return self._call({"type": "track", "event": event, "properties": properties})

    def form(self, event: str, **properties: object) -> Draft:
        """Something is done in the return form."""
        return self.track(event, form="return", form_attempt=f"f-{self.who.device}", **properties)

    def login(self) -> Draft:
        """The customer logs in."""
        return self._call({"type": "identify"}, "/login")

    def _call(self, call: Document, path: str = "/returns") -> Draft:
        def draft(event_id: str, now: int) -> bytes:
            at = rfc3339(now)
            page = {"path": path, "url": f"https://shop.example.com{path}"}
            place = {"page": page} if self.channel == "web" else {"app": {"version": "3.1.0"}}
            user = {"userId": self.who.customer_id} if self.known else {}
            return _bytes(
                {
                    **call,
                    "messageId": f"ajs-{event_id}",
                    "anonymousId": self.who.device,
                    **user,
                    "timestamp": at,
                    "sentAt": at,
                    "context": {"locale": "en-GB", **place},
                }
            )

        return draft


def _bytes(document: Document) -> bytes:
    return json.dumps(document).encode()
