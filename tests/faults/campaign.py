"""What a fault is, and playing one: prepare, strike under load, come to rest, compare with the oracle."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import NamedTuple

from pipeline.local.broker import Broker
from tests.faults.deployment import Deployment, Event, FaultError
from tests.faults.findings import expected, found
from tests.faults.oracle import Verdict, compare
from tests.faults.workload import Workload, workload

Tell = Callable[[str], None]
CUSTOMERS = 150
RATE = 250.0
_DUE_S = 10.0


class Hit(NamedTuple):
    """What a strike met, and how long the pipeline took to recover.

    `done` events were committed before it and `backlog` was left at that moment: without either the fault hit
    nothing. `recovery_s` runs from the restart (or the fault's end) to the first commit after it, and where
    nobody is restarted until the others have caught up; None where nothing was to recover. `note` is one line
    for people.
    """

    done: int
    backlog: int
    recovery_s: float | None = None
    note: str = ""


class Scene:
    """A prepared deployment, in which no worker runs yet, and traffic to publish.

    `strikes` is how many strikes it is to see in all; `struck` how many it has seen.
    """

    def __init__(
        self, broker: Broker, deployment: Deployment, traffic: Workload, chance: random.Random, strikes: int
    ) -> None:
        self.broker = broker
        self.deployment = deployment
        self.chance = chance
        self.strikes = strikes
        self.struck = 0
        self._traffic = list(traffic.traffic)
        self._share = -(-len(self._traffic) // strikes)

    @contextmanager
    def load(self, part: float = 1.0) -> Iterator[None]:
        """Publish this part of a strike's share beside the block, `RATE` events a second; ends when all is out."""
        with ThreadPoolExecutor(1, "load") as thread:
            share = self.take(int(part * self._share))
            loading = thread.submit(self.deployment.publish, _paced(share))
            yield
            loading.result()

    def publish_share(self) -> int:
        """Publish the traffic that is meant for one strike; returns how many events that was."""
        return self.publish(self._share)

    def publish(self, events: int) -> int:
        """Publish so many of the events that are left; returns how many there were."""
        share = self.take(events)
        self.deployment.publish(share)
        return len(share)

    def take(self, events: int) -> list[Event]:
        """The next of the traffic, for a fault that publishes it in a way of its own."""
        share, self._traffic = self._traffic[:events], self._traffic[events:]
        return share


def _paced(events: list[Event]) -> Iterator[Event]:
    for event in events:
        yield event
        time.sleep(1 / RATE)


class Fault(NamedTuple):
    """A fault and how often it is to strike.

    `play` makes one strike on the scene. `together` strikes hit one deployment, one after the other, with
    `customers` customers for all of them. `workers` run at the end to bring everything to rest.
    """

    name: str
    runs: int
    play: Callable[[Scene], Hit]
    together: int = 1
    customers: int = CUSTOMERS
    workers: tuple[str, ...] = ("w1",)


class Outcome(NamedTuple):
    """What came of one deployment's strikes."""

    fault: str
    hits: list[Hit]
    verdict: Verdict

    @property
    def problems(self) -> list[str]:
        """Why this is no proof: what the oracle found wrong, and strikes that hit nothing."""
        vacuous = [
            f"strike {number} hit nothing: {hit.done} events done before it, {hit.backlog} left ({hit.note})"
            for number, hit in enumerate(self.hits, 1)
            if not (hit.done and hit.backlog)
        ]
        return self.verdict.problems + vacuous


def play(fault: Fault, strikes: int, broker: Broker, seed: int, tell: Tell) -> Outcome:
    """`strikes` strikes of a fault on one new deployment, judged. Raises FaultError when one cannot be made."""
    name = f"fault-{uuid.uuid4().hex[:10]}"
    with Deployment(broker.bootstrap, name) as deployment:
        traffic = workload(seed, fault.customers)
        prepare(deployment, traffic)
        scene = Scene(broker, deployment, traffic, random.Random(seed), strikes)
        hits = []
        for scene.struck in range(strikes):
            hits.append(fault.play(scene))
            tell(f"{fault.name}: strike {scene.struck + 1} of {strikes}: {hits[-1].note}")
        scene.publish(len(traffic.traffic))
        verdict = rest_and_judge(deployment, fault.workers)
        for line in deployment.warnings() if verdict.problems else ():
            tell(line)
    return Outcome(fault.name, hits, verdict)


def prepare(deployment: Deployment, traffic: Workload) -> None:
    """Publish what must be known before the traffic and have it folded, undisturbed."""
    deployment.start()
    for stage in traffic.first:
        deployment.publish(stage)
        deployment.settle()
    deployment.stop()


def rest_and_judge(deployment: Deployment, workers: tuple[str, ...]) -> Verdict:
    """Start those workers that do not run, wait until all is folded and due, end them, and compare."""
    running = {worker.name for worker in deployment.running()}
    for name in workers:
        if name not in running:
            deployment.start(name)
    deployment.settle()
    oracle = expected(deployment)
    # What is due fires within a moment after the last event is folded; what is really lost never comes.
    with suppress(FaultError):
        deployment.until(lambda: not compare(oracle, found(deployment)).lost, "nothing is missing", _DUE_S)
    deployment.stop()
    return compare(oracle, found(deployment))
