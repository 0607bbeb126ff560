"""Strategies as they change: rules are swapped between two batches, and what fails too often is paused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mode import Service
from mode.utils.locks import Event

from pipeline.agents.decisions import Decisions
from pipeline.domain.messages import Decision
from pipeline.observe.logs import get_logger
from pipeline.runtime.app import App
from pipeline.runtime.releases import Live, Releases
from pipeline.wire.codec import Codec

log = get_logger(__name__)


class Strategies(Service):
    """Gives decisions the rules that the topics tell, the first ones before anything is folded."""

    def __init__(self, app: App, decisions: Decisions, codec: Codec) -> None:
        """`codec` is for a thread of its own; the rules of `decisions` are those of the files."""
        super().__init__(beacon=app.beacon)
        self.live = Live(decisions.rules)
        self._app = app
        self._decisions = decisions
        self._releases = Releases(
            app.settings, codec, decisions.rules, app.clock, on_live=self._hear, on_failure=self._fail
        )
        self._heard = self.live
        self._changed = Event()
        self._on_applied: list[Callable[[], None]] = []
        decisions.on_failing(self._pause)

    def on_applied(self, call: Callable[[], None]) -> None:
        """Have `call` made whenever what is live has changed on this worker."""
        self._on_applied.append(call)

    async def on_start(self) -> None:
        """Wait until the topics have been read to their ends, then follow them."""
        self._loop = asyncio.get_running_loop()
        self._releases.start()
        if not await self.wait_for_stopped(self._changed):
            self._apply()
            self.add_future(self._follow())

    async def on_stop(self) -> None:
        """Follow them no longer."""
        if self._releases.is_alive():
            await asyncio.to_thread(self._releases.leave)

    async def _follow(self) -> None:
        while not await self.wait_for_stopped(self._changed):
            async with self._app.consumer.alone:
                self._apply()
            live = self.live
            log.info(
                "rules_applied",
                strategies=len(live.rules.strategies),
                strategies_offset=live.strategies.offset,
                circumstances=len(live.rules.circumstances),
                circumstances_offset=live.circumstances.offset,
                refused=len(live.strategies.refused) + len(live.circumstances.refused),
            )

    def _apply(self) -> None:
        self._changed.clear()
        self.live = self._heard
        self._decisions.rules = self.live.rules
        for call in self._on_applied:
            call()

    def _pause(self, failing: Decision) -> None:
        reason = failing.reasons[-1]
        why = (
            f"fails too often, last in version {failing.strategy_version}, step {failing.step}: {reason.rule}"
        )
        self._releases.pause(failing.strategy_id, why)

    # Called in the thread of `Releases`.

    def _hear(self, live: Live) -> None:
        self._call(self._take, live)

    def _fail(self, error: BaseException) -> None:
        self._call(self._app.fail, error)

    def _call(self, call: Callable[..., None], argument: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call, argument)

    def _take(self, live: Live) -> None:
        self._heard = live
        self._changed.set()
