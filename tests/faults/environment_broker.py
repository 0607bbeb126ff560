"""The broker killed, away for long, and not there when a worker starts."""

from __future__ import annotations

import time

from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.environment_moments import gave_up, in_backlog, recovered

# Longer than a worker's patience with a single question (60 s), and than any session or transaction lasts.
AWAY_S = 70.0


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
    hit = recovered(scene.deployment, met, time.monotonic(), f"{what}, {met.left} events left")
    # A worker that waits for the answer to a commit which never comes is to end, and says so.
    if not scene.deployment.running():
        gave_up(scene.deployment, "librdkafka has not answered")
    return hit


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
    Fault("broker absent when a worker starts", 1, absent, customers=600),
]
