"""Workers killed while they fold: at each step of a commit, at random, and hardly started."""

from __future__ import annotations

import time
from functools import partial

from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.deployment import FaultError
from tests.faults.worker_killed_at import STEPS

LIVES = 20
STARTS = 30


def kill_at(step: str, scene: Scene) -> Hit:
    """One life over what earlier lives have left and some more, which ends at a step of one of its commits."""
    deployment = scene.deployment
    scene.publish_share()
    before = deployment.progress().done
    number = str(scene.chance.randint(2, 3))
    began = time.monotonic()
    worker = deployment.start(program=("-m", "tests.faults.worker_killed_at", step, number))
    recovery = deployment.seconds_to_commit(since=began)
    if not worker.process.wait(60.0) or f"killed at: {step}\n" not in worker.told():
        raise FaultError(f"the worker was not killed at '{step}': {worker.told()[-2000:]}")
    at_death = deployment.progress()
    note = f"{at_death.done - before} events committed in this life, {at_death.left} left"
    # The first life recovers from nothing.
    return Hit(at_death.done - before, at_death.left, recovery if scene.struck else None, note)


def kill_at_random(scene: Scene) -> Hit:
    """Two or three workers under load; some or all of them are killed at any moment, and start again at once."""
    deployment, chance = scene.deployment, scene.chance
    names = ["w1", "w2", "w3"][: chance.choice((2, 3))]
    for name in names:
        deployment.start(name)
    for name in names:
        deployment.ready(name)
    before = deployment.progress().done
    with scene.load():
        deployment.seconds_to_commit()
        time.sleep(chance.uniform(0, 0.5))
        victims = chance.sample(names, chance.randint(1, len(names)))
        deployment.kill(*victims)
        at_death, began = deployment.progress(), time.monotonic()
        for name in victims:
            deployment.start(name)
        for name in victims:
            deployment.ready(name)
        # The others may have done all that was left before these were ready.
        recovery = deployment.seconds_to_commit(since=began, done=at_death.done)
    note = f"{len(victims)} of {len(names)} killed, {at_death.left} events left"
    return Hit(at_death.done - before, at_death.left, recovery, note)


def kill_hardly_started(scene: Scene) -> Hit:
    """Over what is left and some more, a worker is killed within a second of getting its partitions.

    Every third is killed within a second of the start of its process, when it opens and recovers at most.
    """
    deployment = scene.deployment
    scene.publish_share()
    before = deployment.progress()
    began = time.monotonic()
    deployment.start()
    early = scene.struck % 3 == 2
    recovery = None
    if not early:
        deployment.ready()
        recovery = deployment.seconds_to_commit(since=began)
    time.sleep(scene.chance.uniform(0, 1.0 if early else 0.05))
    deployment.kill()
    at_death = deployment.progress()
    note = f"{at_death.done - before.done} events committed in this life, {at_death.left} left"
    # What was done before a life that ends in its start-up was done by the lives before it.
    done = at_death.done if early else at_death.done - before.done
    return Hit(done, at_death.left, recovery if scene.struck else None, note)


FAULTS = [
    *(
        Fault(f"kill -9, {step}", LIVES, partial(kill_at, step), together=LIVES, customers=800)
        for step in STEPS
    ),
    Fault("kill -9 of 2-3 workers at random", 20, kill_at_random, workers=("w1", "w2", "w3")),
    Fault("kill -9 within a second of start", STARTS, kill_hardly_started, together=STARTS, customers=6_000),
]
