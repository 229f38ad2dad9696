"""A whole locker on a flash that loses power: real core, real journal, people, doors and a host.

``World`` has everything that survives a power cut: the flash, the doors, the true time, the host, the
witness.  ``Locker`` has everything that is lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from consigne.sim.board.flash import SECTOR_BYTES, NorFlash
from locker import config
from locker.core import codes, records
from locker.core import events as device_events
from locker.core.core import Core
from locker.journal.log import Journal
from locker.site import Site

from .invariants import Event, Violation, Witness

_ticks_add: Callable[[int, int], int] = time.ticks_add  # type: ignore[attr-defined]  # from the shim

KEY = bytes(range(32))
EPOCH_S = 1_795_200_000
SECTORS = 10
REOPEN_S = 120
_CHECKED = config.checked(
    {
        "format": 1,
        "board": "esp32",
        "arm_pin": 25,
        "reopen_s": REOPEN_S,
        "doors": [
            {
                "name": str(i + 1),
                "size": size,
                "lock": {"bank": "gpio", "channel": 13 + i},
                "reed": {"bank": "gpio", "channel": 32 + i},
            }
            for i, size in enumerate((1, 1, 2))
        ],
        "keypad": {"kind": "matrix", "rows": [26, 27, 4, 5], "cols": [21, 22, 23], "keys": "123456789*0#"},
        "i2c": [{"id": 0, "scl": 0, "sda": 12}],
        "display": {"kind": "hd44780", "i2c": 0, "address": 39},
        "buzzer": {"pin": 2},
        "led": {"pin": 1},
        "holders": [[device_events.COURIER, device_events.DEPOSIT, 7]],
    }
)
SITE = Site(_CHECKED)
_WINDOW_PADS = codes.pads(codes.derive(KEY, codes.LABEL_WINDOW))
_DERIVED_PADS = codes.pads(codes.derive(KEY, codes.LABEL_DERIVED))
_LISTED_PADS = codes.pads(codes.derive(KEY, codes.LABEL_LISTED))


def derived_code(parcel: str) -> str:
    """The code that the host told the customer of ``parcel``."""
    digits: str = codes.derived_digits(_DERIVED_PADS, parcel, SITE.digits)
    return digits


def grant(id_: int, digits: str, door: int) -> bytes:
    """A listed code that opens ``door`` once."""
    tag = codes.listed_tag(_LISTED_PADS, digits)
    values = (
        id_,
        EPOCH_S - 60,
        EPOCH_S + 86400 * 30,
        device_events.CUSTOMER,
        device_events.COLLECT,
        0,
        door,
        1,
        tag,
        "",
    )
    payload: bytes = records.pack(records.GRANT, *values)
    return payload


class World:
    """Everything that outlives a power cut."""

    def __init__(self, flash: NorFlash | None = None) -> None:
        self.flash = flash or NorFlash(SECTORS * SECTOR_BYTES)
        self.witness = Witness()
        self.is_open = [False] * len(SITE.names)
        self.ms = _ticks_add(0, -20_000)  # the ticks wrap in the middle of most stories
        self.epoch_s = EPOCH_S
        self.granted = False  # the host has sent its grants

    def push_shut(self) -> None:
        """Push every door shut while nothing has power to see it."""
        self.is_open = [False] * len(self.is_open)

    def copy(self) -> World:
        """A copy of the world, for another case."""
        other = World(NorFlash(SECTORS * SECTOR_BYTES))
        other.flash.data[:] = self.flash.data
        other.witness = self.witness.copy()
        other.is_open = list(self.is_open)
        other.ms, other.epoch_s, other.granted = self.ms, self.epoch_s, self.granted
        return other


class Locker:
    """From power-on to power-off.  ``PowerCut`` comes out of any method that journals something."""

    def __init__(self, world: World, trust: int = device_events.TRUST_SET) -> None:
        self.world = world
        self.trust = trust
        self.screen = -1
        self._timers: dict[int, int] = {}
        self.journal = Journal(world.flash, lambda: 0x5EED)
        self.report = self.journal.open()
        self.core = Core(SITE, KEY)
        self.journal.replay(self.core.apply)
        if trust == device_events.TRUST_FLOOR:
            self._floor_s = self.journal.time_floor
        world.witness.check_start(
            self.report, self.journal, self.log(), self.core.access.may_try(self.now())[0]
        )
        self.send(
            (device_events.EV_BOOT, 1, self.report.skipped_sectors, self.report.recovered_records, "test")
        )
        for door, is_open in enumerate(world.is_open):
            self.send((device_events.EV_DOOR, door, is_open))

    def now(self) -> tuple[int, int, int]:
        epoch_s = self.world.epoch_s if self.trust == device_events.TRUST_SET else self._floor_s
        return self.world.ms, epoch_s, self.trust

    def log(self) -> list[Event]:
        """All events that the journal can still read, oldest first, after the host's older ones."""
        read = self.journal.unacknowledged(0, 1 << 20, 1 << 30)
        there = {seq: (seq, kind, time_s, bytes(payload)) for seq, kind, time_s, payload in read}
        return [event for _, event in sorted({**self.world.witness.host, **there}.items())]

    # --- the shell ------------------------------------------------------------------------------------

    def send(self, *events: Any) -> None:
        inbox = list(events)
        while inbox:
            event = inbox.pop(0)
            if event[0] == device_events.EV_CHECK:
                self.world.witness.comparisons += 1
            for fx in self.core.handle(event, self.now()):
                if fx[0] == device_events.FX_RECORD:
                    self.append(fx[1], fx[2])
                elif fx[0] == device_events.FX_PULSE:
                    self.world.witness.pulses += 1
                    self.world.is_open[fx[1]] = True
                    inbox += [(device_events.EV_PULSED, fx[1]), (device_events.EV_DOOR, fx[1], True)]
                elif fx[0] == device_events.FX_SHOW:
                    self.screen = fx[1]
                elif fx[0] == device_events.FX_TIMER:
                    self._timers.pop(fx[1], None)
                    if fx[2] >= 0:
                        self._timers[fx[1]] = fx[2]
                elif fx[0] == device_events.FX_THEN:
                    inbox.insert(0, fx[1])

    def append(self, kind: int, payload: bytes) -> None:
        """Journal one record as the controller does, and tell the witness."""
        time_s = self.now()[1]
        seq = self.journal.append(kind, payload, time_s)
        self.world.witness.appended(seq, kind, time_s, payload)

    def pass_s(self, seconds: int) -> None:
        """Let time pass; timers fire when they are due."""
        world = self.world
        world.ms = _ticks_add(world.ms, seconds * 1000)
        world.epoch_s += seconds
        world.witness.uptime_ms += seconds * 1000
        if self.trust == device_events.TRUST_FLOOR:
            self._floor_s += seconds
        for which in list(self._timers):
            self._timers[which] -= seconds * 1000
            if self._timers[which] <= 0:
                self._timers.pop(which)
                self.send((device_events.EV_TIMER, which))

    # --- people -----------------------------------------------------------------------------------------

    def press(self, keys: str) -> None:
        for key in keys:
            self.send((device_events.EV_KEY, key))

    def shut(self) -> None:
        """The person at an open door waits a while and pushes it shut."""
        if any(self.world.is_open):
            self.pass_s(3)
        for door, is_open in enumerate(self.world.is_open):
            if is_open:
                self.world.is_open[door] = False
                self.send((device_events.EV_DOOR, door, False))

    def enter(self, digits: str) -> bool:
        """Type a code; True when a door sprang open."""
        before = self.world.witness.pulses
        self.press(digits + "#")
        return self.world.witness.pulses > before

    def deposit(self, parcel: str) -> None:
        """A courier with a window code leaves one parcel."""
        slot = self.now()[1] // 86400
        self.enter(
            codes.window_digits(
                _WINDOW_PADS, device_events.COURIER, device_events.DEPOSIT, 7, slot, SITE.digits
            )
        )
        self.send((device_events.EV_SCAN, parcel))
        self.press("1")
        self.shut()
        self.press("#")
        self.pass_s(10)

    def collect(self, parcel: str) -> bool:
        """Type the parcel's code and take it out; True when a door sprang open."""
        sprang = self.enter(derived_code(parcel))
        self.shut()
        self.pass_s(10)
        return sprang

    def give_grants(self, payloads: list[bytes]) -> None:
        """The host's first delta, unless the locker has it already."""
        self.world.granted = True
        if self.core.access.grants_version == 0:
            self.send((device_events.EV_GRANTS, 0, 1, payloads, [], False))

    def order(self, counter: int, door: int) -> None:
        """The operator's command, as often as the network delivers it; a used counter is ignored."""
        self.world.witness.orders |= {counter}
        if self.core.command_counter < counter:
            self.send((device_events.EV_OPEN_ORDER, door, counter, f"order {counter}"))

    def set_time(self) -> None:
        """The host says what time it is."""
        if self.trust != device_events.TRUST_SET:
            before_s = self.now()[1]
            self.trust = device_events.TRUST_SET
            self.send((device_events.EV_TIME, before_s, 1))

    def tell_host(self) -> None:
        """The host takes all events that it has not acknowledged, and acknowledges them."""
        witness = self.world.witness
        unsent = self.journal.unacknowledged(self.journal.acknowledged, 1 << 20, 1 << 30)
        for seq, kind, time_s, payload in unsent:
            witness.host_took([(seq, kind, time_s, bytes(payload))])
        newest = self.journal.next_seq - 1
        missing = [seq for seq in range(1, newest + 1) if seq not in witness.host]
        lost = [records.unpack(records.LOST, e[3]) for e in witness.host.values() if e[1] == records.LOST]
        for seq in missing:
            if not any(first <= seq <= last for first, last in lost):
                raise Violation("lost", f"the host waits for seq {seq} of {newest}")
        self.journal.acknowledge(newest, self.now()[1])

    def snapshot(self) -> None:
        self.journal.snapshot(self.core.snapshot(), self.now()[1])
