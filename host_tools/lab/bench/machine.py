"""The measuring machine: how quiet it was, which times depend on, and how to get it undisturbed.

``bench.load_1m`` is how many processes wanted to run in the last minute, ``bench.cpus`` on how many cores;
``bench.wake_late_p99_ms`` is how late a process wakes from a sleep, which is part of every measurement in
real time.  ``bench.commit_epoch_s`` is the time of the commit that was measured (``git log -1 --format=%ct``)
and ``bench.changed_files`` how many files differed from it; both are left out where there is no git.
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
    """git's output here; None without git or outside a checkout."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout


@contextmanager
def undisturbed() -> Iterator[bool]:
    """For code with the timing of hardware: run before all other processes, without garbage collection.

    Yields whether the system allowed it (to root, or with ``RLIMIT_RTPRIO``).  Threads and processes
    that are started within do so too.
    """
    gc.collect()
    gc.disable()
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(switch_s / 20)  # the board's thread waits at most this long for an observing thread
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
    """A directory in memory, for ``tempfile``: a simulated flash must not wait for a disk."""
    shared = Path("/dev/shm")
    return str(shared) if os.access(shared, os.W_OK) else None
