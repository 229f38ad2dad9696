"""Whether this host may tell lockers the time: only while it believes its own clock.

Three witnesses.  The lockers that have kept the time themselves, by their own uptime or a clock chip; the
kernel, which knows whether the clock is synchronised; and what this host has written before, which cannot lie
ahead.  Lockers and kernel may differ from a database that was written while the clock was wrong: then they
are believed.  One locker alone is never enough against the host.
"""

import ctypes
import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from locker.core.events import TRUST_SET
from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from consigne.protocol.messages import Status

from ..storage.models import host_clock

log = logging.getLogger(__name__)

OFF_S = 900
"""More than this apart are two times; a locker's clock waits up to 10 minutes for a time that is earlier."""
VOICE_S = 7_200.0
"""How long what a locker said counts; it speaks every quarter of an hour."""
BEHIND_S = 120
WRITE_EVERY_S = 60
_MEND = "start chrony or systemd-timesyncd"
_ERROR = 5  # TIME_ERROR of adjtimex(2)


class _Timex(ctypes.Structure):
    """The beginning of ``struct timex``, and room for the rest of it."""

    _fields_ = [("modes", ctypes.c_uint), ("rest", ctypes.c_long * 64)]


def kernel_synchronised() -> bool | None:
    """Whether the kernel holds the clock for synchronised; None where it cannot be asked."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else state != _ERROR


class _Voice(NamedTuple):
    """What one locker said: its time less this machine's uptime, whether it is provisional, and when."""

    less_uptime_s: float
    is_provisional: bool
    heard_s: float


class HostClock:
    """``doubt`` says why the clock is not believed, in words for operators; "" while it is.  Thread-safe."""

    def __init__(
        self,
        kernel: Callable[[], bool | None] = kernel_synchronised,
        uptime_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.doubt = ""
        self._kernel, self._uptime_s = kernel, uptime_s
        self._voices: dict[str, _Voice] = {}
        self._lock = threading.Lock()

    def hear(self, locker: str, status: Status) -> None:
        """A locker says its time, just now; of a provisional one only what it had believed before counts."""
        at_s = self._uptime_s()
        with self._lock:
            if status.trust != TRUST_SET or status.time_s is None:
                self._voices.pop(locker, None)
                return
            said_s = status.time_s - status.ahead_s
            self._voices[locker] = _Voice(said_s - at_s, status.ahead_s > 0, at_s)

    def is_believed(self, connection: Connection, now_s: int) -> bool:
        """Whether ``now_s`` may be told; keeps the newest believed time in the caller's transaction."""
        doubt = self._doubt(connection, now_s)
        if doubt != self.doubt:
            if doubt:
                log.error("lockers are not told the time: %s", doubt)
            else:
                log.warning("lockers are told the time again")
            self.doubt = doubt
        return not doubt

    def _doubt(self, connection: Connection, now_s: int) -> str:
        agree, off = self._count(now_s)
        if off >= 2 and off > agree:
            return (
                f"{off} of {agree + off} lockers that have kept the time themselves say another one than "
                "this machine: see consigne clock, and set right whichever is wrong"
            )
        newest_s, was_synchronised = self._kept(connection)
        is_synchronised = self._kernel()
        if not agree and not is_synchronised:
            if now_s < newest_s - BEHIND_S:
                return (
                    f"this machine's clock is {newest_s - now_s} seconds behind what this host has written: "
                    "set it right, or, if it is right, give one locker its time with consigne clock set"
                )
            if is_synchronised is False and was_synchronised:
                return f"this machine's clock was synchronised and is not any more: {_MEND}"
        self._keep(connection, now_s, newest_s, bool(is_synchronised) or was_synchronised, was_synchronised)
        return ""

    def _count(self, now_s: int) -> tuple[int, int]:
        """How many lockers agree with this time, and how many are sure that it is another."""
        agree = off = 0
        at_s = self._uptime_s()
        with self._lock:
            for locker, voice in list(self._voices.items()):
                if at_s - voice.heard_s > VOICE_S:
                    del self._voices[locker]
                elif abs(voice.less_uptime_s + at_s - now_s) <= OFF_S:
                    agree += 1
                elif not voice.is_provisional:
                    off += 1
        return agree, off

    @staticmethod
    def _kept(connection: Connection) -> tuple[int, bool]:
        row = connection.execute(select(host_clock.c.newest_s, host_clock.c.synchronised)).first()
        return (0, False) if row is None else (row.newest_s, row.synchronised)

    @staticmethod
    def _keep(connection: Connection, now_s: int, newest_s: int, synchronised: bool, was: bool) -> None:
        if newest_s <= now_s < newest_s + WRITE_EVERY_S and synchronised == was:
            return
        values = {"newest_s": now_s, "synchronised": synchronised}
        if newest_s:
            connection.execute(update(host_clock).values(**values))
        else:
            connection.execute(insert(host_clock).values(id=1, **values))
