"""What a Python peer does with one event: decode it, fold it, encode the action; the codecs are ours."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from benchmarks.started import Started
from benchmarks.workload import STAGE, State, fold
from pipeline.domain.failures import Failure
from pipeline.domain.interactions import Interaction
from pipeline.wire.codec import Codec
from pipeline.wire.headers import Headers, read_trace
from pipeline.wire.routes import headers_of, route


class Output(NamedTuple):
    """An action as it goes to its topic."""

    key: bytes
    value: bytes
    headers: Headers


class Step:
    """Call it with every event; the first call tells that the worker has started, by a file in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._started = Started(directory / "started")
        self._codec = Codec()

    def __call__(
        self, known: State | None, value: bytes, headers: Iterable[tuple[str, bytes | None]] | None
    ) -> tuple[State, Output | None]:
        """The customer's state after the event, and the action that it causes, if any.

        Raises ValueError for a value that is no Interaction.
        """
        self._started()
        event = self._codec.decode(value, Interaction)
        if isinstance(event, Failure):
            raise ValueError(event.message)
        state, action = fold(known, event)
        if action is None:
            return state, None
        where = route(action)
        named = headers_of(action, where, f"throughline/{STAGE}", read_trace(headers))
        return state, Output(where.key.encode(), self._codec.encode(None, action), named)
