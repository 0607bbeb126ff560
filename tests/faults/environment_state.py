"""The state directory gone, damaged, or on a full disk. The changelog has all of it."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.campaign import Fault, Hit, Scene
from tests.faults.deployment import FaultError
from tests.faults.environment_moments import finish, gave_up, in_backlog, recovered

DISK = "256m"
_KINDS = ("*.sst", "*.log", "MANIFEST-*", "CURRENT")


def deleted(scene: Scene) -> Hit:
    """The worker is killed in a backlog, and its directory removed."""
    deployment = scene.deployment
    met = in_backlog(scene)
    deployment.kill()
    shutil.rmtree(deployment.settings.state_dir)
    deployment.start()
    return recovered(deployment, met, time.monotonic(), f"directory removed, {met.left} events left")


def damaged(scene: Scene, damage: Callable[[bytes, random.Random], bytes]) -> Hit:
    """The worker is killed in a backlog, and a file of every store damaged.

    What is damaged within a block shows when that is read: then the worker stops, and its next life rebuilds.
    """
    deployment = scene.deployment
    met = in_backlog(scene)
    deployment.kill()
    stores = [path.parent for path in deployment.settings.state_dir.rglob("CURRENT")]
    live = [store for store in stores if not store.name.endswith(".damaged")]
    spoilt = [_spoil(store, damage, scene.chance) for store in live]
    deployment.start()
    began = time.monotonic()
    starts = finish(deployment, "start the worker again")
    kinds = sorted({path.suffix or path.name.split("-")[0] for path in spoilt})
    note = f"{len(spoilt)} files ({', '.join(kinds)}), {met.left} events left, given up {starts} times"
    return Hit(met.done, met.left, time.monotonic() - began, note)


def _spoil(store: Path, damage: Callable[[bytes, random.Random], bytes], chance: random.Random) -> Path:
    files = [path for kind in _KINDS for path in sorted(store.glob(kind)) if path.stat().st_size]
    path = chance.choice(files)
    path.write_bytes(damage(path.read_bytes(), chance))
    return path


def truncated(raw: bytes, chance: random.Random) -> bytes:
    """Without its end."""
    return raw[: chance.randrange(len(raw))]


def flipped(raw: bytes, chance: random.Random) -> bytes:
    """With three bits that are not what was written."""
    changed = bytearray(raw)
    for _ in range(3):
        changed[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def full(scene: Scene) -> Hit:
    """The disk is full in the middle of a backlog: the worker stops in one line, each time until there is room."""
    deployment = scene.deployment
    with _small_disk(deployment.settings.state_dir) as disk:
        met = in_backlog(scene)
        process = deployment.workers["w1"].process
        process.signal("STOP")
        filler = disk / "filler"
        _fill(filler)
        process.signal("CONT")
        gave_up(deployment, "No space left on device")
        at_stop = deployment.progress().left
        deployment.start()
        gave_up(deployment, "No space left on device")
        filler.unlink()
        deployment.start()
        hit = recovered(deployment, met, time.monotonic(), f"tmpfs of {DISK} full, {at_stop} events left")
        deployment.settle()
        deployment.stop()
    return hit._replace(backlog=at_stop)


def _fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


@contextmanager
def _small_disk(directory: Path) -> Iterator[Path]:
    """A file system of its own at a directory, with what was in there; only root can mount one."""
    kept = directory.with_name("kept")
    directory.rename(kept)
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(directory)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        raise FaultError(f"a small disk can be mounted by root only: {mounted.stderr.strip()}")
    try:
        shutil.copytree(kept, directory, dirs_exist_ok=True)
        yield directory
        shutil.rmtree(kept)
        shutil.copytree(directory, kept)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=False)
    directory.rmdir()
    kept.rename(directory)


FAULTS = [
    Fault("state directory deleted", 3, deleted, together=3, customers=1_800),
    Fault("state files truncated", 5, lambda scene: damaged(scene, truncated), together=5, customers=3_500),
    Fault("state files bit-flipped", 5, lambda scene: damaged(scene, flipped), together=5, customers=3_500),
    Fault("state disk full", 1, full, customers=1_500),
]
