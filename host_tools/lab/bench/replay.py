"""Commands that a thief has recorded: ten thousand of them against the whole firmware, under virtual time.

Frames are replayed, stale (overtaken by a later counter), expired, made for another locker or another topic,
and altered; in any order, before and after a power cut, with the limit of remote opens long free again.
Genuine orders must open their doors before and after, or the measurement is invalid.
"""

import random
import tempfile
from pathlib import Path
from typing import Any

from consigne.cabinet.deviceconfig import Identity
from consigne.protocol import frames
from consigne.protocol.untrusted import dump
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host

GOALS = {"sync.replayed_opens": "== 0", "sync.replayed_commands": ">= 10000"}

FRAMES = 10_000
_BATCH = 100
_CAP_FREE_S = 700  # ten remote opens in ten minutes: see core/compartments.py
_REPORTED_S = 2 * 3600  # by then the refused frames have been reported: see net/inbox.py
_START_S = 1_800_000_000
_KEY = bytes(range(32))
_OTHER_KEY = bytes(range(1, 33))
_GENUINE = 9
_COMMANDS = "consigne/1/L0001/commands"


def run() -> dict[str, float]:
    """The numbers, with their keys as in ``GOALS``; takes some 10 s."""
    with tempfile.TemporaryDirectory(prefix="consigne-bench-") as directory:
        thief = Thief(Path(directory), seed=1)
        opens = thief.opens(FRAMES)
        return {"sync.replayed_opens": opens, "sync.replayed_commands": thief.refused()}


def _frame(topic: str, key: bytes, **body: Any) -> bytes:
    return frames.frame(key, frames.LABEL_COMMAND, topic, dump(body))


class Thief:
    """A locker, its host, and a thief between them who can publish any frame he has recorded or made."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._random = random.Random(seed)
        self._clock = VirtualClock()
        self._host = Host(self._clock, _KEY)
        identity: Identity = {
            "locker": "L0001",
            "device_key": _KEY.hex(),
            "mqtt_user": "",
            "mqtt_password": "",
            "wifi_password": "",
        }
        self._locker = SimLocker(
            reference.config(1883),
            identity,
            directory,
            "virtual",
            clock=self._clock,
            network=self._host.network,
            seed=seed,
        )
        self._pulses_made = 0  # by genuine orders

    def opens(self, count: int) -> int:
        """How many pulses and open doors without an order ``count`` frames cause."""
        locker = self._locker
        try:
            locker.start()
            locker.wait_for(lambda: self._host.status.get("up"), 60)
            self._tell_time(1)
            heard = [self._genuine(door, 1000 * (door + 1)) for door in range(_GENUINE)]
            made = heard + self._made_up(1000 * _GENUINE)
            locker.run_for(_CAP_FREE_S)
            self._publish(made, count // 2)
            self._host.forget_time()
            locker.cut_power()
            locker.run_for(5)
            locker.restore_power()
            locker.wait_for(lambda: self._host.kinds().count("boot") == 2, 300)
            self._publish(made, count // 4)  # while the clock is not set
            self._tell_time(20_000)
            self._publish([*made, *heard], count - count // 2 - count // 4)
            found = len([door for door in locker.look()["doors"] if door["open"]])
            found += self._host.kinds().count("pulse") - self._pulses_made
            self._genuine(_GENUINE, 30_000)
            return found
        finally:
            locker.stop()

    def refused(self) -> int:
        """How many refused frames the locker has reported."""
        events = self._host.events.values()
        return sum(event.number("count") for event in events if event.kind == "rejected")

    def _publish(self, pool: list[bytes], count: int) -> None:
        for n in range(count):
            self._host.broker.publish(_COMMANDS, self._random.choice(pool))
            if n % _BATCH == _BATCH - 1:
                self._locker.run_for(1)
        self._locker.run_for(_REPORTED_S)

    def _tell_time(self, counter: int) -> None:
        self._host.counter = counter
        self._host.know_time(_START_S + self._clock.now_us() // 1_000_000)
        self._locker.wait_for(lambda: self._host.status.get("trust") == 1, 60)

    def _genuine(self, door: int, counter: int) -> bytes:
        """Have the host open a door, and push it shut; returns the frame, which a thief may record."""
        # It does not expire during this run: only its counter must stop a replay.
        body = {"id": f"g{door}", "n": counter, "exp": _START_S + 10**6, "cmd": "open", "door": door}
        frame = _frame(_COMMANDS, _KEY, **body)
        self._host.counter = counter  # later answers must come after this
        self._host.broker.publish(_COMMANDS, frame)
        self._locker.wait_for(lambda: self._locker.look()["doors"][door]["open"], 30)
        self._locker.run_for(2)  # while the coil is on, the door does not stay shut
        self._locker.push_shut(door)
        self._locker.run_for(5)
        self._pulses_made = self._host.kinds().count("pulse")
        return frame

    def _made_up(self, newest: int) -> list[bytes]:
        """Frames that were never delivered: overtaken, expired, for others, altered."""
        out = []
        other = "consigne/1/L0002/commands"
        for door in range(12):
            order = {"id": f"x{door}", "cmd": "open", "door": door}
            good = {**order, "n": newest + 1 + door, "exp": _START_S + 10**6}
            out.append(_frame(_COMMANDS, _KEY, **{**good, "n": newest - 1 - door}))
            out.append(_frame(_COMMANDS, _KEY, **{**good, "exp": _START_S - 1 - door}))
            out.append(_frame(other, _KEY, **good))
            out.append(_frame(other, _OTHER_KEY, **good))
            out.append(_frame(_COMMANDS, _OTHER_KEY, **good))
            out.append(_frame("consigne/1/L0001/ack", _KEY, **good))
            frame = bytearray(_frame(_COMMANDS, _KEY, **{**good, "exp": _START_S - 1}))
            frame[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(7)
            out.append(bytes(frame))
        return out
