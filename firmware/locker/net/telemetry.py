"""Health samples of the locker: taken at intervals, the newest few kept, sent with the status.

They do not concern custody, so they are not journaled: a sample that is not sent in time is replaced by a
newer one.  Samples are numbered, so the host sees how many it missed.
"""

import asyncio
from time import ticks_diff

from micropython import const

_EVERY_S = const(900)
_SAMPLES_MAX = const(8)  # two hours of them; with a network a status leaves every quarter of an hour
_LATCHES_MAX = const(64)  # so that a status fits its packet


class Telemetry:
    """``now()`` as in ``core/events.py``; ``rssi()`` in dBm, 0 without a link; ``supply_mv()`` in millivolts,
    0 or no function where nothing measures it; ``free_bytes()`` the free heap after the last garbage
    collection.

    ``latch(door)`` gives a tuple of numbers for each of ``doors`` doors, ``core/health.py`` has their
    meaning, and ``None`` for one that nothing is known of.
    """

    def __init__(self, now, rssi, latch, doors, supply_mv=None, free_bytes=None):
        self._now = now
        self._rssi = rssi
        self._latch = latch
        self._doors = doors
        self._supply_mv = supply_mv
        self._free_bytes = free_bytes
        self._samples = []
        self._taken = 0
        self._up_ms = 0
        self._last_ms = now()[0]

    def sample(self) -> None:
        """Take one: time, seconds since start, free heap in bytes, RSSI in dBm, supply in mV.

        Heap and supply are -1 where they are not known.
        """
        now_ms, epoch_s, _ = self._now()
        self._up_ms += ticks_diff(now_ms, self._last_ms)
        self._last_ms = now_ms
        free_bytes = self._free_bytes() if self._free_bytes else -1
        if len(self._samples) >= _SAMPLES_MAX:
            self._samples.pop(0)
        supply_mv = self._supply_mv() if self._supply_mv else 0
        self._samples.append((epoch_s, self._up_ms // 1000, free_bytes, self._rssi(), supply_mv or -1))
        self._taken += 1

    def body(self) -> dict:
        """For the status: ``taken`` is the number of the newest of ``samples``, counted from 1."""
        latches = []
        for door in range(self._doors):
            row = self._latch(door)
            if row and len(latches) < _LATCHES_MAX:
                latches.append(row)
        return {"taken": self._taken, "samples": self._samples, "latches": latches}

    async def run(self) -> None:
        """A sample every quarter of an hour; never returns."""
        while True:
            self.sample()
            await asyncio.sleep(_EVERY_S)
