"""Workers that come and go under load: restarted in turn, more and fewer of them, and one that was asleep."""

from __future__ import annotations

import time

from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.deployment import Deployment

CYCLES = 10
RESTARTS = 6
ZOMBIES = 3
# Workers are static members: the partitions of one that is gone go to others when its session of 10 s is over. A
# transaction that it left open ends after 15 s, and only then can others read what it may have written.
_TAKEN_OVER_S = 60.0
_SESSION_S = 12.0
_CROWD = 1_200


def restart_in_turn(scene: Scene) -> Hit:
    """Three workers under load, each stopped by SIGTERM and started again while the others go on."""
    deployment, names = scene.deployment, ("w1", "w2", "w3")
    _join(deployment, *names)
    before = deployment.progress().done
    name = names[scene.struck % len(names)]
    with scene.load():
        deployment.seconds_to_commit()
        deployment.stop(name)
        at_stop, began = deployment.progress(), time.monotonic()
        deployment.start(name)
        deployment.ready(name)
        recovery = deployment.seconds_to_commit(since=began, done=at_stop.done)
    note = f"{name} restarted, {at_stop.left} events left"
    return Hit(at_stop.done - before, at_stop.left, recovery, note)


def grow_and_shrink(scene: Scene) -> Hit:
    """One worker, then three, then one again, all under load."""
    deployment = scene.deployment
    _join(deployment, "w1")
    before = deployment.progress().done
    with scene.load(0.5):
        deployment.seconds_to_commit()
        _join(deployment, "w2", "w3")
    with scene.load(0.5):
        deployment.stop("w2", "w3")
        began = time.monotonic()
    # Those that stopped had three of the four partitions, or two: nothing of theirs moves until w1 has them.
    at_stop = deployment.progress()
    deployment.until(lambda: deployment.progress().left == 0, "one worker has caught up", _TAKEN_OVER_S)
    recovery = time.monotonic() - began
    note = f"{at_stop.left} events left when two had stopped"
    return Hit(at_stop.done - before, at_stop.left, recovery, note)


def sleep_and_wake(scene: Scene) -> Hit:
    """One of two workers is stopped by SIGSTOP in a backlog, loses its partitions to the other, and wakes."""
    deployment, chance = scene.deployment, scene.chance
    _join(deployment, "w1", "w2")
    sleeper = deployment.workers[chance.choice(("w1", "w2"))]
    before = deployment.progress().done
    scene.publish_share()
    deployment.until(lambda: deployment.progress().done > before, "the backlog is worked on")
    sleeper.process.signal("STOP")
    asleep, began = deployment.progress(), time.monotonic()
    # Its partitions may have had little left: it sleeps until they are the other's in any case.
    time.sleep(_SESSION_S)
    deployment.until(lambda: deployment.progress().left == 0, "the other has taken over", _TAKEN_OVER_S)
    recovery = time.monotonic() - began
    told = len(sleeper.told())
    sleeper.process.signal("CONT")
    deployment.until(lambda: _was_fenced(sleeper.told()[told:]), "the zombie notices that it was given up")
    if not sleeper.process.running:
        deployment.start(sleeper.name)
    note = f"{asleep.left} events left when {sleeper.name} fell asleep"
    return Hit(asleep.done - before, asleep.left, recovery, note)


def _was_fenced(told: str) -> bool:
    signs = ("partitions_lost", "transaction_aborted", "worker_failed")
    return any(sign in told for sign in signs)


def _join(deployment: Deployment, *names: str) -> None:
    running = {worker.name for worker in deployment.running()}
    for name in names:
        if name not in running:
            deployment.start(name)
    for name in names:
        deployment.ready(name)


FAULTS = [
    Fault("SIGTERM rolling restarts", RESTARTS, restart_in_turn, RESTARTS, _CROWD, ("w1", "w2", "w3")),
    Fault("1 -> 3 -> 1 workers", CYCLES, grow_and_shrink, CYCLES, 2_000),
    Fault("SIGSTOP past the session, then SIGCONT", ZOMBIES, sleep_and_wake, 1, _CROWD, ("w1", "w2")),
]
