"""An attacker guesses codes at the keypad for a day, and controls the mains and the clock.

The locker is the real core on the real journal on the flash model; only hardware and time are simulated here,
by a shell that carries out effects in order and stops where the flash loses power.  A guess counts as soon as
the comparison is made, whatever happens afterwards.  The attacker is stronger than a real one: starts and
guesses take no time, the battery clock can be set at will, and the power can fail at any flash operation with
any aftermath.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from consigne.protocol import codes
from consigne.sim.board import flash as nor
from locker import config, site
from locker.core import core, dialog, records, throttle, timekeeping
from locker.core import events as device_events
from locker.journal import log

_NorFlash: Any = nor.NorFlash  # plain Python for both interpreters, so untyped

KEY = bytes(range(32))
DAY_S = 86_400
START_S = 20_778 * DAY_S
DOORS = 48
GRANTS = 80
LIVE_CODES = 100  # the number used in ACCESS.md, "Odds"; the locker here always holds more
DIGITS = 8
FLASH_BYTES = 1 << 17
_TICKS_PERIOD = 1 << 30
_STANDING = "31415926"  # the insider's own code, valid any number of times


def _site() -> Any:
    """48 doors for parcels and one more, on eight expanders."""
    chips = [{"kind": "mcp23017", "i2c": 0, "address": 32 + chip} for chip in range(8)]
    doors = [
        {
            "name": str(i + 1),
            "size": 1,
            "lock": {"bank": f"mcp23017@0:{32 + i // 16}", "channel": i % 16},
            "reed": {"bank": f"mcp23017@0:{36 + i // 16}", "channel": i % 16},
        }
        for i in range(DOORS + 1)
    ]
    given = {
        "format": 1,
        "board": "esp32",
        "arm_pin": 25,
        "digits": DIGITS,
        "i2c": [{"id": 0, "scl": 22, "sda": 21}],
        "expanders": chips,
        "doors": doors,
        "keypad": {"kind": "matrix", "rows": [26, 27, 32, 33], "cols": [4, 13, 14], "keys": "123456789*0#"},
        "display": {"kind": "hd44780", "i2c": 0, "address": 39},
        "buzzer": {"pin": 2},
        "led": {"pin": 12},
        "holders": [
            [device_events.COURIER, device_events.DEPOSIT, 7],
            [device_events.TECHNICIAN, device_events.SERVICE, 1],
        ],
    }
    return site.Site(config.checked(given))


@dataclass
class Locker:
    """One locker since its provisioning; ``compared`` counts the guesses that reached a comparison."""

    flash: Any = field(default_factory=lambda: _NorFlash(FLASH_BYTES))
    uptime_ms: int = 0
    compared: int = 0
    cuts: int = 0
    accepted: int = 0
    pulses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._site = _site()
        self._guess = 0
        self._command = 0
        self._nonce = 0
        journal = log.Journal(self.flash)
        journal.open()
        for door in range(DOORS):
            parcel = f"P{door}"
            journal.append(records.DEPOSITED, records.pack(records.DEPOSITED, door, 7, 1, parcel), START_S)
        for id_ in range(1, GRANTS + 1):
            journal.append(records.GRANT, self._grant(id_, f"{99_000_000 + id_}", 0), START_S)
        standing = self._grant(GRANTS + 1, _STANDING, device_events.RESIDENT)
        journal.append(records.GRANT, standing, START_S)
        self.start()

    @staticmethod
    def _grant(id_: int, digits: str, role: int) -> bytes:
        tag = codes.listed_tag(KEY, digits)
        payload: bytes = records.pack(
            records.GRANT, id_, 0, 0xFFFF_FFFF, role, device_events.COLLECT, 0, DOORS, 0, tag, ""
        )
        return payload

    # --- the shell ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Power on: everything except the flash is lost."""
        self.flash.power_on()
        self._journal = log.Journal(self.flash)
        report = self._journal.open()
        if report.read_only:
            raise AssertionError(f"the journal did not survive: {report.text}")
        self.core = core.Core(self._site, KEY)
        self._journal.replay(self.core.apply)
        # The ticks of an ESP32 start at 0; here they are about to wrap.
        self._ticks = (self.uptime_ms - 5_000) % _TICKS_PERIOD
        self.clock = timekeeping.Clock(self._journal.time_floor, self._ticks)
        self.send((device_events.EV_BOOT, 1, 0, 0, "attack"))
        for door in range(DOORS + 1):
            self.send((device_events.EV_DOOR, door, False))

    def now(self) -> Any:
        return self.clock.now(self._ticks)

    def wait(self, seconds: int) -> None:
        """Time passes with the power on; the dialog's deadline fires."""
        self.uptime_ms += seconds * 1000
        self._ticks = (self._ticks + seconds * 1000) % _TICKS_PERIOD
        if seconds >= dialog.MESSAGE_MS // 1000:
            self.send((device_events.EV_TIMER, dialog.TIMER))

    def send(self, *events: Any) -> None:
        """Decide on events and carry out what follows; ``PowerCut`` when the flash dies under it."""
        inbox = list(events)
        while inbox:
            for effect in self.core.handle(inbox.pop(0), self.now()):
                if effect[0] == device_events.FX_RECORD:
                    self._record(effect[1], effect[2])
                elif effect[0] == device_events.FX_THEN:
                    self.compared += effect[1][0] == device_events.EV_CHECK
                    inbox.insert(0, effect[1])
                elif effect[0] == device_events.FX_PULSE:
                    door = effect[1]
                    self.pulses.append(door)
                    opened = (device_events.EV_DOOR, door, True), (device_events.EV_DOOR, door, False)
                    inbox.extend(((device_events.EV_PULSED, door), *opened))

    def _record(self, kind: int, payload: bytes) -> None:
        time_s = self.now()[1]
        if self._journal.snapshot_due():
            self._journal.snapshot(self.core.snapshot(), time_s)
        else:
            self._journal.append(kind, payload, time_s)
        self.accepted += kind == records.ACCEPTED
        # The host acknowledges events at once, so that the journal's room is reclaimed.
        self._journal.acknowledge(self._journal.next_seq - 1, time_s)

    # --- the attacker ---------------------------------------------------------------------------------

    def guess(self) -> bool:
        """Type the next digits of the attacker's list; whether they were compared."""
        before = self.compared
        self._guess += 1
        self._type(f"{self._guess:08d}")
        return self.compared > before

    def use_standing_code(self) -> None:
        """The attacker's own code, its door opened and shut; this never counts as a guess."""
        guesses = self.compared
        self._type(_STANDING)
        self.compared = guesses

    def _type(self, digits: str) -> None:
        for key in "*" + digits + "#":
            self.send((device_events.EV_KEY, key))

    def cut_power(self) -> None:
        """Off and on, between two operations."""
        self.cuts += 1
        self.start()

    def guess_and_cut(self, rng: random.Random) -> None:
        """One guess while the power goes at some operation of the flash, or just after."""
        aftermath = rng.choice((nor.NOT_DONE, nor.DONE, nor.TORN, nor.DROPPED, nor.HALF_ERASED))
        self.flash.cut(rng.randrange(6), aftermath, rng.randrange(64))
        while True:
            self.cuts += 1
            try:
                if self.flash.dead:
                    self.start()  # the cut may also strike during the start itself
                else:
                    self.guess()
            except nor.PowerCut:
                continue
            break
        self.start()

    def compact(self) -> None:
        """Write a snapshot, as the locker does by itself when the log has grown."""
        self._journal.snapshot(self.core.snapshot(), self.now()[1])

    def turn_clock(self, by_s: int) -> None:
        """A clock chip or a time server under the attacker's control gives another time."""
        ticks, before_s, trust = self.now()
        if self.clock.set(ticks, before_s + by_s) == 0 and trust == device_events.TRUST_FLOOR:
            self.send((device_events.EV_TIME, before_s, 1))

    # --- honest people --------------------------------------------------------------------------------

    def honest(self) -> int:
        """One scanned token and one signed remote open; how many of the two were refused."""
        self._nonce += 1
        door = self._nonce % DOORS
        now_s = self.now()[1]
        token = codes.make_token(
            KEY, device_events.COLLECT, 0, door, now_s - 60, min(now_s + DAY_S, 0xFFFF_FFFF), self._nonce
        )
        before = self.accepted
        self.send((device_events.EV_SCAN, token))
        refused = int(self.accepted != before + 1)
        self.wait(30)
        self._command += 1
        pulses = len(self.pulses)
        self.send((device_events.EV_OPEN_ORDER, DOORS, self._command, "order"))
        return refused + int(len(self.pulses) != pulses + 1)


def expectation(guesses: int) -> Fraction:
    """The average number of live codes hit by this many different guesses."""
    return Fraction(guesses * LIVE_CODES, 10**DIGITS)


# An insider has a code of his own that works any number of times, for example a resident.
STRATEGIES = ("patient", "cuts", "clock", "everything", "insider")


def day(strategy: str, seed: int) -> tuple[int, int]:
    """``(guesses compared, honest openings refused)`` in 24 hours; only ``seed`` varies."""
    rng = random.Random(f"{strategy} {seed}")
    locker = Locker()
    locker.use_standing_code()
    for _ in range(16):  # two quiet days: a full bucket, all pardons earned
        locker.wait(DAY_S // 8)
    locker.compared, began_ms, refused = 0, locker.uptime_ms, 0
    next_hour = began_ms
    while locker.uptime_ms - began_ms < DAY_S * 1000:
        if locker.uptime_ms >= next_hour:
            next_hour += 3_600_000
            refused += locker.honest()
        _strike(locker, strategy, rng)
        locker.wait(rng.choice((1, 7, 31, 60)))
    return locker.compared, refused


def _strike(locker: Locker, strategy: str, rng: random.Random) -> None:
    """One round of the attacker: guess while the keypad takes codes, then try something else."""
    trick = strategy
    if strategy == "everything":
        trick = rng.choice(("patient", "patient", "cuts", "clock"))
    if trick == "insider":
        locker.guess()
        locker.guess()
        locker.use_standing_code()
        return
    if trick == "clock":
        locker.turn_clock(rng.choice((-DAY_S, -500, 500, DAY_S, 30 * DAY_S)))
    elif trick == "cuts" and rng.random() < 0.02:
        # Rarely: a cut also loses uptime that was earned, so frequent cuts would harm the attacker.
        locker.guess_and_cut(rng)
    while locker.guess():
        pass


_CUTS_EACH = 40
"""Power cuts on one locker: the bucket is empty after half of them, and must stay empty for the rest."""


def cuts(count: int, seed: int) -> tuple[int, int]:
    """``(guesses gained, cuts made)`` over at least ``count`` power cuts while guessing.

    No time passes between the cuts, so every locker allows its full bucket of guesses and not one more.
    """
    rng = random.Random(f"cuts {seed}")
    free = made = 0
    while made < count:
        locker = Locker()
        while locker.cuts < _CUTS_EACH:
            locker.guess_and_cut(rng)
            trick = rng.random()
            if trick < 0.1:
                locker.compact()
            elif trick < 0.2:
                locker.turn_clock(rng.choice((-500, DAY_S)))
            elif trick < 0.4:
                locker.guess()
        while locker.guess():
            pass
        free += max(locker.compared - throttle.TRIES_MAX, 0)
        made += locker.cuts
    return free, made
