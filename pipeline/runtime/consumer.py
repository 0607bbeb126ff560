"""The Faust consumer: it takes part in the group, and gives agents their batches."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from threading import Event as ThreadEvent
from typing import Any

from confluent_kafka import KafkaException, Message
from faust.events import Event
from faust.types.tuples import ConsumerMessage
from mode import Service

from pipeline.observe.logs import get_logger
from pipeline.observe.metrics import RUNTIME
from pipeline.runtime.batch import TP, Batch, by_partition
from pipeline.runtime.checkpoint import Checkpoint
from pipeline.runtime.committing import Committing
from pipeline.runtime.horizon import Horizon
from pipeline.runtime.poller import Fetched, Poller

log = get_logger(__name__)

# How long the last commit of a worker that stops may wait for a broker that does not answer.
_PARTING_S = 10.0
_LAG_EVERY_S = 1.0


class Consumer(Service):
    """Reads all input topics of the partitions that this worker owns.

    One task, the pump, does everything in turn: it hands out what was fetched, waits until the agents have
    folded it, and lets `Committing` begin a commit, which runs in a thread while the pump goes on. `_alone` is
    held while states change hands: by the pump for each step, by a rebalance while it moves partitions, by a
    timer while it fires.
    """

    def __init__(self, transport: Any, callback: Any = None, loop: Any = None, **kwargs: Any) -> None:
        kwargs.pop("on_partitions_assigned", None)
        kwargs.pop("on_partitions_revoked", None)
        super().__init__(loop=loop, **kwargs)
        self.transport = transport
        self.app = transport.app
        self._alone = asyncio.Lock()
        self._moving = asyncio.Lock()
        self._wake = asyncio.Event()
        self._fetched: deque[Fetched] = deque()
        self._poller: Poller | None = None
        self._owned: set[int] = set()
        self._coming: dict[int, ThreadEvent] = {}
        self.horizon = Horizon(self.app.clock, time.monotonic)
        self._commits = Committing(self.app, self.horizon, self._wake.set)
        self._finishing = False
        # The compiled stream iterator of Faust reads and writes these directly.
        self._unacked_messages: set[Any] = set()
        self._committed_offset: dict[Any, int | None] = defaultdict(lambda: None)
        self._acked_index: dict[Any, set[int]] = defaultdict(set)
        self._acked: dict[Any, list[int]] = defaultdict(list)
        self._n_acked = 0
        self._waiting_for_ack: asyncio.Future[None] | None = None

    async def on_start(self) -> None:
        """Begin to hand out what is fetched."""
        self.add_future(self._pump())
        self.add_future(self._watch_lag())

    # --- joining the group -------------------------------------------------------------------------------

    async def subscribe(self, topics: Any) -> None:
        """Start polling, as a member of the group, for all these topics (called by the conductor)."""
        if self._poller is not None:
            return
        settings = self.app.settings
        self._poller = Poller(
            settings.kafka(),
            settings.group,
            settings.worker_id,
            self.app.driver_topic,
            list(topics),
            asyncio.get_running_loop(),
            on_fetched=self._on_fetched,
            on_assigned=self._on_assigned,
            on_revoked=self._on_revoked,
            on_lost=self._on_lost,
            on_failure=self._on_failure,
        )
        self._commits.poller = self._poller
        self._poller.start()

    def assignment(self) -> set[Any]:
        """The topic partitions that this worker reads."""
        return {TP(topic, n) for n in self._owned for topic in self.app.input_topics}

    async def _on_assigned(self, numbers: set[int]) -> None:
        poller, tables = self._poller, self.app.tables
        assert poller is not None
        coming = {number: ThreadEvent() for number in numbers}
        self._coming |= coming
        try:
            async with self._moving:
                # First the positions, which wait for open transactions, then the tables: so the tables hold
                # at least what the positions cover.
                positions = await asyncio.to_thread(poller.committed, numbers, tables.stopping)
                began = time.monotonic()
                opened = await tables.open(coming)
                async with self._alone:
                    ready = tables.adopt(opened, coming)
                    self._owned |= ready
                    self._commits.start_at({tp: o for tp, o in positions.items() if tp.partition in ready})
                    await self._tell_app()
                if ready:
                    seconds = round(time.monotonic() - began, 2)
                    log.info("partitions_ready", partitions=sorted(ready), seconds=seconds)
                    poller.resume(ready)
                tables.ready.set()
        except Exception as error:
            self._on_failure(error)

    def _turn_away(self, numbers: set[int]) -> None:
        """Partitions that are leaving again before they are ready: nobody waits for their recovery."""
        for number in numbers & self._coming.keys():
            self._coming.pop(number).set()

    async def _on_revoked(self, numbers: set[int]) -> None:
        self._turn_away(numbers)
        async with self._alone:
            await self._commits.all()
            await self._give_up(numbers)

    async def _on_lost(self, numbers: set[int]) -> None:
        log.warning("partitions_lost", partitions=sorted(numbers))
        self._turn_away(numbers)
        async with self._alone:
            await self.undo()
            await self._give_up(numbers)

    async def _give_up(self, numbers: set[int]) -> None:
        self._owned -= numbers
        self._commits.keep(self._owned)
        self.app.tables.close(numbers)
        await self._tell_app()

    async def _tell_app(self) -> None:
        self.app.consumer_generation_id += 1
        await self.app._on_partitions_assigned(self.assignment(), self.app.consumer_generation_id)
        self.app.flow_control.resume()
        RUNTIME.partitions.set(len(self._owned))

    def _on_failure(self, error: BaseException) -> None:
        if not self._finishing:
            self.app.fail(error)

    # --- the pump ----------------------------------------------------------------------------------------

    def _on_fetched(self, fetched: Fetched) -> None:
        self._fetched.append(fetched)
        self._wake.set()

    async def _pump(self) -> None:
        try:
            while self._working:
                await self._wake.wait()
                self._wake.clear()
                while self._fetched and self._working:
                    async with self._alone:
                        await self._fold(self._fetched.popleft())
                        await self._commits.step(more=bool(self._fetched))
                async with self._alone:
                    if self._working:
                        await self._commits.step(more=bool(self._fetched))
        except Exception as error:
            self.app.fail(error)

    @property
    def _working(self) -> bool:
        return not self._finishing and self.app.failed is None

    async def _fold(self, fetched: Fetched) -> None:
        poller = self._poller
        assert poller is not None
        poller.taken()
        if not poller.current(fetched):
            return
        read = {
            tp: messages
            for tp, messages in by_partition(fetched.messages).items()
            if tp.partition in self._owned
        }
        # An agent reads many topics: it gets those of one partition number in one event of Faust's, which costs as
        # much as folding some records.
        together: dict[tuple[int, frozenset[Any]], list[Message]] = defaultdict(list)
        for tp, messages in read.items():
            together[tp.partition, frozenset(self.app.topics._tp_index[tp])] += messages
        batches = [self._deliver(n, channels, messages) for (n, channels), messages in together.items()]
        while self._unacked_messages and self.app.failed is None:
            self._waiting_for_ack = self.loop.create_future()
            await self._waiting_for_ack
        self._waiting_for_ack = None
        self._unacked_messages.clear()
        self._acked_index.clear()
        self._acked.clear()
        poisoned = [batch.poisoned for batch in batches if batch.poisoned]
        if self.app.failed or poisoned:
            for record in poisoned:
                self._commits.set_aside(record)
            await self.undo()
            return
        for tp, messages in read.items():
            last = messages[-1]
            size = sum(map(len, messages))
            self._commits.folded(tp, int(last.offset() or 0) + 1, len(messages), size)
            self.horizon.folded(tp, last.timestamp()[1])
        for tp, end in fetched.ends.items():
            self.horizon.at_end(tp)
            self._commits.at_end(tp, end)

    def _deliver(self, number: int, channels: frozenset[Any], messages: list[Message]) -> Batch:
        batch = Batch(number, messages, self.checkpoint, self._commits.aside)
        last = messages[-1]
        message = ConsumerMessage(
            last.topic(),
            number,
            last.offset(),
            0.0,
            0,
            None,
            None,
            None,
            None,
            generation_id=self.app.consumer_generation_id,
        )
        message.tracked = True
        message.incref(len(channels))
        self._unacked_messages.add(message)
        for channel in channels:
            channel.queue.put_nowait(Event(self.app, None, batch, None, message))
        return batch

    def interrupt(self) -> None:
        """The worker has failed: do not wait for agents any longer."""
        if self._waiting_for_ack is not None and not self._waiting_for_ack.done():
            self._waiting_for_ack.set_result(None)

    # --- asked by agents and timers ----------------------------------------------------------------------

    @property
    def checkpoint(self) -> Checkpoint:
        """The open checkpoint: what is folded, emitted and fired now commits with it."""
        return self._commits.checkpoint

    @property
    def alone(self) -> asyncio.Lock:
        """Hold it while changing states outside a batch."""
        return self._alone

    def touched(self) -> None:
        """Something other than a batch (a timer) changed states or outputs: commit them."""
        self._wake.set()

    async def undo(self) -> None:
        """Forget what is not committed and read it again; the caller holds `alone`."""
        await self._commits.undo()

    @property
    def busy(self) -> bool:
        """Whether something fetched or folded is not committed yet."""
        return bool(self._fetched) or self._commits.busy

    async def _watch_lag(self) -> None:
        # Asked of the broker: what the consumer knows of the ends is as old as its last fetch, and it fetches
        # nothing while the worker stands still.
        while not self.should_stop:
            await self.sleep(_LAG_EVERY_S)
            if self._poller is None or not self._owned:
                continue
            try:
                high = await asyncio.to_thread(self._poller.high_watermarks, set(self._owned))
            except KafkaException as error:
                log.debug("lag_unknown", error=str(error.args[0]))
                continue
            self._commits.show_lag(high)
            if (folded_to := self.horizon.now()) > 0:  # else nothing is known yet of some input
                RUNTIME.behind_seconds.set((self.app.clock() - folded_to) / 1_000)

    # --- stopping ----------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Commit what was folded, leave the group, take nothing more. Idempotent."""
        if self._finishing:
            return
        self._finishing = True
        self._wake.set()
        self.app.tables.stopping.set()
        self._turn_away(set(self._coming))
        poller = self._poller
        if poller is None:
            return
        patience = self.loop.call_later(_PARTING_S, self.app.producer.transactions.give_up)
        try:
            async with self._alone:
                await self._commits.all()
                self._commits.close()
        except Exception as error:
            self.app.fail(error)
        finally:
            patience.cancel()
            poller.stop()
            await asyncio.to_thread(poller.join)
            self._owned = set()
            self._commits.keep(self._owned)

    async def on_stop(self) -> None:
        """Called by Faust; the app has called `finish` before the agents stopped."""
        await self.finish()

    # What else the stock App and Conductor ask of a consumer.

    @property
    def unacked(self) -> set[Any]:
        """Messages that agents are working on."""
        return self._unacked_messages

    def stop_flow(self) -> None:
        """Nothing: `finish` has stopped the pump."""

    def resume_flow(self) -> None:
        """Nothing: partitions are resumed when their tables are ready."""

    def pause_partitions(self, tps: Any) -> None:
        """Nothing: a partition is paused from its assignment until its tables are ready."""

    async def wait_empty(self) -> None:
        """Nothing is under way after `finish`."""

    def close(self) -> None:
        """The poller closes the Kafka consumer."""
