"""The machine that measures: how quiet it was, since only then do times say much, and how to have it alone.

``bench.load_1m`` is how many processes wanted to run in the last minute, ``bench.cpus`` on how many cores;
``bench.wake_late_p99_ms`` is how much later than asked for a process comes to its turn, which every
measurement in real time has in it.  ``bench.commit_epoch_s`` is the time of the commit that was measured
(``git log -1 --format=%ct``) and ``bench.changed_files`` how many files differed from it; both are left out
where there is no git.
"""

import gc
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GOALS: dict[str, str] = {}

SLEEPS = 1_000
SLEEP_S = 0.001
_PRIORITY = 10


def run() -> dict[str, float]:
    """The numbers; takes little more than a second."""
    return {
        "bench.load_1m": round(os.getloadavg()[0], 2),
        "bench.cpus": float(len(os.sched_getaffinity(0))),
        "bench.wake_late_p99_ms": _wake_late_ms(),
        **_commit(),
    }


def _wake_late_ms() -> float:
    late_ms = []
    for _ in range(SLEEPS):
        started_s = time.perf_counter()
        time.sleep(SLEEP_S)
        late_ms.append((time.perf_counter() - started_s - SLEEP_S) * 1000)
    return sorted(late_ms)[math.ceil(0.99 * SLEEPS) - 1]


def _commit() -> dict[str, float]:
    when, changed = _git("log", "-1", "--format=%ct"), _git("status", "--porcelain")
    if not when or changed is None:
        return {}
    return {"bench.commit_epoch_s": float(when), "bench.changed_files": float(len(changed.splitlines()))}


def _git(*arguments: str) -> str | None:
    """What git says here; None where it is not there or this is no checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


@contextmanager
def undisturbed() -> Iterator[bool]:
    """For what must keep the time of hardware: run before everything else, without pauses to collect garbage.

    Yields whether the system allowed it (root may, and who has ``RLIMIT_RTPRIO``).  Threads and processes
    that are started within do so too.
    """
    gc.collect()
    gc.disable()
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(switch_s / 20)  # the board's thread waits no longer for one that only looks on
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
        allowed = True
    except (AttributeError, PermissionError):
        allowed = False
    try:
        yield allowed
    finally:
        if allowed:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        sys.setswitchinterval(switch_s)
        gc.enable()


def memory() -> str | None:
    """A directory that is no disk, for ``tempfile``: a simulated flash must not wait for a real one."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None
