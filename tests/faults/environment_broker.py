"""The broker killed, away for long, and not there when a worker starts."""

from __future__ import annotations

import time

from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.environment_moments import gave_up, in_backlog, recovered

# Longer than a worker's patience with a single question (60 s), and than any session or transaction lasts.
AWAY_S = 70.0
# A worker to whose commit no answer ever comes, or whom Kafka takes for two, is to end and to say so.
_ENDS = "librdkafka has not answered|Kafka took this worker for two"


def killed(scene: Scene) -> Hit:
    """SIGKILL to the broker while a worker is in a backlog; it is back within seconds, the worker stays."""
    return _away(scene, 0.0, "broker killed")


def away(scene: Scene) -> Hit:
    """The same, but nobody starts the broker again for a while."""
    return _away(scene, AWAY_S, f"broker away for {AWAY_S:.0f} s")


def _away(scene: Scene, seconds: float, what: str) -> Hit:
    met = in_backlog(scene)
    scene.broker.kill()
    time.sleep(seconds)
    scene.broker.start()
    deployment, began = scene.deployment, time.monotonic()
    before = deployment.progress().done
    deployment.until(
        lambda: not deployment.running() or deployment.progress().done > before,
        "a commit or the worker's end",
    )
    if not deployment.running():
        gave_up(deployment, _ENDS)
        deployment.start()
    return recovered(deployment, met, began, f"{what}, {met.left} events left")


def absent(scene: Scene) -> Hit:
    """A worker is stopped in a backlog, and started while there is no broker: it says so and ends."""
    deployment = scene.deployment
    met = in_backlog(scene)
    deployment.stop()
    left = deployment.progress().left
    scene.broker.stop()
    deployment.start()
    gave_up(deployment, "no Kafka broker answers at")
    scene.broker.start()
    deployment.start()
    return recovered(deployment, met._replace(left=left), time.monotonic(), f"told so, {left} events left")


FAULTS = [
    Fault("broker killed -9 and restarted", 5, killed, together=5, customers=3_000),
    Fault("broker down for 70 s", 1, away, customers=600),
    Fault("broker absent when a worker starts", 1, absent, customers=3_000),
]
