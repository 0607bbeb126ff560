"""The moments at which the environment fails: a worker amid a backlog, and what it says when it gives up."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from tests.faults.campaign import Hit, Scene
from tests.faults.deployment import Deployment, Event, FaultError, Progress


def in_backlog(scene: Scene, events: Sequence[Event] | None = None) -> Progress:
    """Let a running worker meet the share of one strike, or these events, at once.

    Returns when it has committed some of them: how many it has, and how many are left.
    """
    deployment = scene.deployment
    if not deployment.running():
        deployment.start()
        deployment.ready()
    process = deployment.workers["w1"].process
    process.signal("STOP")
    if events is None:
        scene.publish_share()
    else:
        deployment.publish(events)
    before = deployment.progress().done
    process.signal("CONT")
    deployment.until(lambda: deployment.progress().done > before, "some of the backlog is committed")
    done, left = deployment.progress()
    return Progress(done - before, left)


def recovered(deployment: Deployment, met: Progress, began: float, note: str) -> Hit:
    """What a strike met, once the pipeline has committed again; `began` is when the fault was over (monotonic)."""
    before = deployment.progress()
    if before.left:
        deployment.until(lambda: deployment.progress().done > before.done, "a commit comes after the fault")
    return Hit(met.done, met.left, time.monotonic() - began, note)


def gave_up(deployment: Deployment, words: str) -> None:
    """Wait until the worker has ended; it must have said so in one line, with `words` (an expression) in it."""
    worker = deployment.workers["w1"]
    if not worker.process.wait(60.0):
        raise FaultError(f"the worker goes on, and was to say '{words}'")
    plain = [line for line in worker.told().splitlines() if line and not line.startswith("{")]
    if len(plain) != 1 or not re.search(words, plain[0]):
        raise FaultError(f"the worker was to say '{words}' in one line, and said {plain}")


def finish(deployment: Deployment, words: str, lives: int = 20) -> int:
    """Bring everything to rest, starting the worker again whenever it gives up with `words`; returns how often."""
    for starts in range(lives):
        try:
            deployment.settle()
        except FaultError:
            if deployment.running():
                raise
            gave_up(deployment, words)
            deployment.start()
        else:
            return starts
    raise FaultError(f"no rest after {lives} lives of the worker")
