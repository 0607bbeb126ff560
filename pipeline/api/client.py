"""Asking a running worker, from another process."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from pipeline.domain.failures import Failure

MAX_HISTORY = 500
"""The most rows of a history that can be asked for at once."""

_TIMEOUT_S = 5.0


class Client:
    """Asks the worker at `url` (http://host:port) with a bearer token.

    Answers are trees of plain values, or a Failure: those of the worker, or `unreachable`.
    """

    def __init__(self, url: str, token: str) -> None:
        # Workers are near: no proxy of the environment lies between.
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=_TIMEOUT_S, trust_env=False
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, *path: str, **parameters: int | str) -> dict[str, Any] | Failure:
        """The answer to GET of this path, its parts given unquoted."""
        try:
            response = self._client.get("/".join(quote(part, safe="") for part in path), params=parameters)
            answer: Any = msgspec.json.decode(response.content)
        except (httpx.HTTPError, msgspec.DecodeError) as error:
            return Failure("unreachable", f"does not answer ({type(error).__name__})")
        if response.status_code == HTTPStatus.OK:
            return dict(answer)
        return msgspec.convert(answer["error"], Failure)
