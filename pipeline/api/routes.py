"""The HTTP API of a worker: read-only, JSON, every route but `/health` behind a bearer token.

What is refused is `{"error": {"code": …, "message": …}}`, in one line that says what to do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pipeline.api.client import MAX_HISTORY
from pipeline.api.lookup import FORWARDED, Lookup
from pipeline.domain.failures import Failure
from pipeline.domain.normalise import MAX_IDENTIFIER, identifier
from pipeline.domain.redaction import redacted
from pipeline.runtime.batch import Unavailable
from pipeline.runtime.workers import Roster

HISTORY = 50
# An identifier's type, a colon and its value.
MAX_KEY = MAX_IDENTIFIER + 64
# Of epoch milliseconds, for thousands of years.
MAX_DIGITS = 15
_STATUS = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "bad_identifier": HTTPStatus.BAD_REQUEST,
    "unauthorised": HTTPStatus.UNAUTHORIZED,
    "not_found": HTTPStatus.NOT_FOUND,
    "shared": HTTPStatus.CONFLICT,
    "recovering": HTTPStatus.SERVICE_UNAVAILABLE,
    "unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "refused": HTTPStatus.SERVICE_UNAVAILABLE,
    "unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
_PASSING = ("recovering", "unreachable")

Endpoint = Callable[[Request], Awaitable[Response]]
Answer = dict[str, Any] | Failure


def make_api(
    lookup: Lookup, token: str, partitions: int, roster: Callable[[], Roster], ready: Callable[[], bool]
) -> Starlette:
    """The API over a worker's `lookup` in so many partitions; `roster` tells of all workers, `ready` whether this
    one's tables are.
    """

    async def health(_: Request) -> Response:
        return _respond({"status": "ready"} if ready() else Failure("recovering", "the worker is starting"))

    async def workers(_: Request) -> Response:
        return _respond({"workers": msgspec.to_builtins(roster().workers())})

    async def customer(request: Request) -> Response:
        customer_id = _bounded(request, "customer_id")
        if FORWARDED in request.headers:
            return _respond(lookup.here("customers", customer_id))
        return _respond(await lookup.customer(customer_id), _redact(request))

    async def history(request: Request) -> Response:
        customer_id, limit = _bounded(request, "customer_id"), _limit(request)
        if FORWARDED in request.headers:
            return _respond(lookup.here("history", customer_id, limit))
        return _respond(await lookup.history(customer_id, limit), _redact(request))

    async def by_identifier(request: Request) -> Response:
        return _respond(await lookup.by_identifier(_identifier(request)), _redact(request))

    async def attempts(request: Request) -> Response:
        number, strategy_id = request.path_params["number"], _bounded(request, "strategy_id")
        if number >= partitions:
            raise HTTPException(HTTPStatus.NOT_FOUND, f"partitions are 0 to {partitions - 1}")
        after, begun_after = _after(request), _time(request, "begun_after")
        ask = lookup.attempts_here if FORWARDED in request.headers else lookup.attempts
        return _respond(await ask(number, strategy_id, after, begun_after))

    async def identity(request: Request) -> Response:
        return _respond(lookup.here("identities", _bounded(request, "key")))

    def guarded(path: str, endpoint: Endpoint) -> Route:
        async def ask(request: Request) -> Response:
            given = request.headers.get("authorization", "").encode()
            if not compare_digest(given, f"Bearer {token}".encode()):
                return _respond(
                    Failure("unauthorised", "the token is missing or wrong: Authorization: Bearer …")
                )
            return await endpoint(request)

        return Route(path, ask)

    return Starlette(
        routes=[
            Route("/health", health),
            guarded("/workers", workers),
            guarded("/customers/{customer_id:path}/history", history),
            guarded("/customers/{customer_id:path}", customer),
            guarded("/identifiers/{key:path}", by_identifier),
            guarded("/partitions/{number:int}/attempts/{strategy_id}", attempts),
            # What workers ask each other.
            guarded("/identities/{key:path}", identity),
        ],
        exception_handlers={HTTPException: _refused, Unavailable: _unavailable},
    )


def _bounded(request: Request, name: str) -> str:
    """A part of the path. Raises HTTPException (400) when it is longer than any id or identifier."""
    value: str = request.path_params[name]
    if not 0 < len(value) <= MAX_KEY:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"an id has 1 to {MAX_KEY} characters")
    return value


def _identifier(request: Request) -> str:
    kind, colon, value = _bounded(request, "key").partition(":")
    if not colon:
        raise HTTPException(
            HTTPStatus.BAD_REQUEST, "an identifier is written type:value, like email:a@example.com"
        )
    found = identifier(kind, value, "observed")
    if isinstance(found, Failure):
        raise HTTPException(HTTPStatus.BAD_REQUEST, found.message)
    return found.key


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(HISTORY))
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 6 and 0 < int(text) <= MAX_HISTORY):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"limit: expected a number from 1 to {MAX_HISTORY}")
    return int(text)


def _after(request: Request) -> str:
    text = request.query_params.get("after", "")
    if len(text) > MAX_KEY:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"after: an id has at most {MAX_KEY} characters")
    return text


def _time(request: Request, name: str) -> int:
    text = request.query_params.get(name, "0")
    if not (text.isascii() and text.isdigit() and 0 < len(text) <= MAX_DIGITS):
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{name}: expected epoch milliseconds")
    return int(text)


def _redact(request: Request) -> bool:
    text = request.query_params.get("redact", "0")
    if text not in ("0", "1"):
        raise HTTPException(HTTPStatus.BAD_REQUEST, "redact: expected 0 or 1")
    return text == "1"


def _respond(answer: Answer, redact: bool = False) -> Response:
    if not isinstance(answer, Failure):
        shown = redacted(answer) if redact else answer
        return Response(msgspec.json.encode(shown), media_type="application/json")
    status = _STATUS.get(answer.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    headers = {"WWW-Authenticate": "Bearer"} if status is HTTPStatus.UNAUTHORIZED else {}
    if answer.code in _PASSING:
        headers["Retry-After"] = "1"
    return _error(status, answer, headers)


def _error(status: int, failure: Failure, headers: dict[str, str]) -> Response:
    body = msgspec.json.encode({"error": failure})
    return Response(body, status, headers, media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    codes = {HTTPStatus.BAD_REQUEST: "bad_request", HTTPStatus.NOT_FOUND: "not_found"}
    code = codes.get(HTTPStatus(error.status_code), "not_allowed")
    return _error(error.status_code, Failure(code, str(error.detail)), dict(error.headers or {}))


async def _unavailable(_: Request, error: Exception) -> Response:
    return _respond(Failure("unavailable", str(error)))
