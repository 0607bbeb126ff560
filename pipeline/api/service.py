"""The API as a part of the worker: it serves from before the tables are up until the worker has left its group."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mode import Service

from pipeline.agents.decisions import Decisions
from pipeline.agents.strategies import Strategies
from pipeline.api.access import address_of, listen, made_token
from pipeline.api.lookup import Lookup
from pipeline.api.routes import make_api
from pipeline.observe.logs import get_logger
from pipeline.runtime.app import App
from pipeline.runtime.tables import Table
from pipeline.runtime.workers import Workers
from pipeline.wire.codec import Codec
from pipeline.wire.workers import WorkerStatus

log = get_logger(__name__)

_HEAD_BYTES = 16 * 1024
_CONNECTIONS = 100
# How long answers that are under way may hold up the end of the worker.
_PARTING_S = 1


class _Server(uvicorn.Server):
    """Leaves signals to Faust."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Api(Service):
    """Serves the API in the worker's event loop, and tells the other workers where, and for which partitions."""

    def __init__(
        self, app: App, decisions: Decisions, identities: Table, strategies: Strategies, codec: Codec
    ) -> None:
        super().__init__(beacon=app.beacon)
        self._app = app
        self._decisions = decisions
        self._identities = identities
        self._strategies = strategies
        self._workers = Workers(app.settings, codec)
        self._started_at = self._owned_since = 0
        self._partitions: list[int] = []
        self._address = ""
        self._serving: asyncio.Task[None] | None = None
        app.on_partitions_assigned.connect(self._assigned)
        strategies.on_applied(self._announce)

    async def on_start(self) -> None:
        """Begin to serve. Raises Unavailable when the port or the state directory cannot be used."""
        settings = self._app.settings
        token = made_token(settings)
        listening = listen(settings)
        self._lookup = Lookup(settings, token, self._decisions, self._identities, self._workers)
        api = make_api(
            self._lookup,
            token,
            settings.partitions,
            lambda: self._workers.roster,
            self._app.tables.ready.is_set,
        )
        self._server = _Server(
            uvicorn.Config(
                api,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                h11_max_incomplete_event_size=_HEAD_BYTES,
                timeout_graceful_shutdown=_PARTING_S,
            )
        )
        self._address = address_of(settings, listening)
        self._started_at = self._owned_since = self._app.clock()
        self._workers.start()
        self._announce()
        log.debug("api_ready", address=self._address)
        self._serving = asyncio.create_task(self._serve(listening))

    async def _serve(self, listening: socket.socket) -> None:
        try:
            await self._server.serve([listening])
        except Exception as error:
            self._app.fail(error)

    async def _assigned(self, _: Any, assigned: set[Any], **__: Any) -> None:
        self._partitions = sorted({tp.partition for tp in assigned})
        self._owned_since = self._app.clock()
        self._announce()

    def _announce(self) -> None:
        settings, live = self._app.settings, self._strategies.live
        self._workers.announce(
            WorkerStatus(
                worker_id=settings.worker_id,
                address=self._address,
                partitions=self._partitions,
                started_at=self._started_at,
                updated_at=self._owned_since,
                strategies_offset=live.strategies.offset,
                strategies_refused=live.strategies.refusals(),
                circumstances_offset=live.circumstances.offset,
                circumstances_refused=live.circumstances.refusals(),
            )
        )

    async def on_stop(self) -> None:
        """Tell the others, and answer no more."""
        if self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        await asyncio.to_thread(self._workers.leave)
        await self._lookup.close()
