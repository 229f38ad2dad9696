"""``consigne sim``: carry out a few steps at a cabinet and print, line by line, what it did.

On the MicroPython ground time is shared with the interpreter, and a real broker and host stand behind the
cabinet; the same holds for the ground called board, where the firmware starts from the application's slot, as
on a flashed board.  On the virtual ground time jumps, and the host is a small one in memory.
"""

import asyncio
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from locker.core import cabinet, events
from locker.core.timekeeping import DAY_S

from consigne.commandline import output
from consigne.commandline.tell import echo
from consigne.device.journalwords import in_words
from consigne.protocol import codes, frames
from consigne.protocol.events import EventData, parse_events
from consigne.server import clock
from consigne.server.ingest.outcome import Outcome
from consigne.server.people.audit import HOST
from consigne.server.service import HostService
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host

from . import steps
from .front import LockerFront
from .reading import ONE_KEY, read
from .stage import FirmwareEnded, Stage, check_running, log_line

READY_S = 20.0  # until the locker is connected and knows the time
LOOK_EVERY_S = 0.05  # at the display
SETTLE_S = {
    steps.KEYS: 1.0,
    steps.SCAN: 1.5,
    steps.SHUT: 1.0,
    steps.PRY: 1.0,
    steps.NETWORK: 1.0,
    steps.POWER: 3.0,
}
SILENT = ("key", "pin")  # printed already, as a step
STIRS = ("relay", "door")  # after such a line more will follow
QUIET_S = 0.5  # a step ends when no line came for this long
REFUSED_TONE = "700 Hz"  # of ``BEEP_ERROR`` in firmware/locker/drivers/buzzer.py
REFUSED_TONE_S = 0.5  # that tone sounds twice; the second one is no answer to what is typed after it
TYPED_MAX = 3
KNOWN_S_MAX = 10.0  # and when the host knows the doors' events, if it gets them
HOME = 1  # the home of the standing code ``{resident}``
_WINDOWS = {
    steps.COURIER: (events.COURIER, events.DEPOSIT, ("courier", "deposit")),
    steps.PARTNER: (events.PARTNER, events.HANDOVER, ("partner", "handover")),
}
"""The people with codes of the day: role, action, and the names of both in a cabinet's file."""

HAND_S = 1.5 * cabinet._TAKE_MS / 1000
"""Time to move a parcel: longer than the time below which the firmware counts a door as stuck."""


class Left(RuntimeError):
    """The caller has gone, so the steps stop."""


class Trial:
    """One cabinet and whoever tries it.

    Parameters
    ----------
    locker
        Started by the caller.
    device_key
        Makes the codes that steps name.
    sleep
        Lets this many seconds of the locker's time pass.
    resident
        The standing code of ``HOME``, "" where steps name none.
    """

    def __init__(
        self, locker: SimLocker, device_key: bytes, sleep: Callable[[float], None], resident: str = ""
    ) -> None:
        self._locker, self._key, self._sleep = locker, device_key, sleep
        self._resident = resident
        self._front = LockerFront(locker)
        self._glass: list[str] = []
        self._refused = False
        self._stirred_us = self._opened_us = self._refused_us = 0
        self._untold: dict[str, bool] = {}
        locker.listeners.append(self._heard)

    def tell(self, what: str, detail: str) -> None:
        """Print one line with the locker's time."""
        print(log_line((self._locker.clock.now_us(), what, detail)), flush=True)

    def _heard(self, line: tuple[int, str, str]) -> None:
        if line[1] in STIRS:
            self._stirred_us = line[0]
        if line[1:] == ("buzzer", REFUSED_TONE):
            self._refused_us = line[0]
            self._refused = self._refused or self._front.has_keys
        if line[1] == "door":
            name, _, moved = line[2].partition(" ")
            self._untold[name] = moved != "pushed shut"
        if line[1] not in SILENT:
            print(log_line(line), flush=True)

    def heard_of(self, seq: int, event: EventData) -> None:
        """The host has heard of an event: print it."""
        self.tell("mqtt", event_words(seq, event))
        if event.kind in ("opened", "forced", "closed"):
            is_open = event.kind != "closed"
            name = self._locker.doors[event.number("door")].name
            if self._untold.get(name) == is_open:
                del self._untold[name]
            if is_open:
                self._opened_us = self._locker.clock.now_us()

    def pass_time(self, seconds: float) -> None:
        """Let time pass and print the display whenever it has settled."""
        looks = max(1, round(seconds / LOOK_EVERY_S))
        before = self._glass
        for _ in range(looks):
            self._sleep(seconds / looks)
            if output.is_gone():
                raise Left("nobody reads the lines any more")
            glass = self._locker.display()
            if glass == before and glass != self._glass:
                self.tell("display", " | ".join(line.rstrip() for line in glass))
                self._glass = glass
                self._refused = self._refused or any(words in read(glass) for words in ONE_KEY)
            before = glass

    def until_ready(self, ready: Callable[[], bool]) -> None:
        """Wait until the locker is connected and its clock set; ``TimeoutError`` or ``FirmwareEnded``."""
        for _ in range(round(READY_S / LOOK_EVERY_S)):
            check_running(self._locker)
            if ready():
                return
            self.pass_time(LOOK_EVERY_S)
        said = self._locker.output()[-1:] or ["nothing"]
        raise TimeoutError(
            f"the locker did not connect within {READY_S:.0f} s; its console said last: {said[0]}"
        )

    def run(self, wanted: Sequence[steps.Step]) -> bool:
        """Carry out the steps; False when the firmware ended meanwhile and was started again.

        Raises ``FirmwareEnded`` when it is not running any more.
        """
        for what, value in wanted:
            check_running(self._locker)
            text = steps.fill_in(value, self._code_for)
            self.tell("-", f"--{what} {text}")
            self._do(what, text)
            self.pass_time(float(text) if what == steps.WAIT else SETTLE_S[what])
            self._until_quiet()
        check_running(self._locker)
        for trouble in self._locker.failures + self._locker.ends:
            self.tell("trouble", trouble)
        return not (self._locker.failures or self._locker.ends)

    def _until_quiet(self) -> None:
        """Wait until the doors have settled and the host knows it, which may be late on a busy machine."""
        self._until(self._is_quiet)
        self._untold.clear()
        rest_s = HAND_S - (self._locker.clock.now_us() - self._opened_us) / 1e6
        if self._opened_us and rest_s > 0:
            self.pass_time(rest_s)

    def _is_quiet(self) -> bool:
        rested = self._locker.clock.now_us() - self._stirred_us >= QUIET_S * 1e6
        return rested and not (self._untold and self._front.is_heard)

    def _until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until a condition is true, within a limit."""
        for _ in range(round(KNOWN_S_MAX / LOOK_EVERY_S)):
            if condition():
                return
            self.pass_time(LOOK_EVERY_S)

    def _code_for(self, name: str) -> str:
        if name == steps.RESIDENT:
            return self._resident
        if name in _WINDOWS:
            role, action, holder = _WINDOWS[name]
            number = reference.holder(*holder) or 0
            return codes.window_code(self._key, role, action, number, int(time.time()), reference.DIGITS)
        return codes.derived_code(self._key, name, reference.DIGITS)

    def _do(self, what: str, text: str) -> None:
        if what == steps.KEYS:
            self._type(text)
        elif what == steps.SCAN:
            self._front.scan(text)
        elif what == steps.SHUT:
            for door in self._doors(text):
                self._front.push_shut(door)
        elif what == steps.PRY:
            for door in self._doors(text):
                self._front.pry(door)
        elif what == steps.NETWORK:
            self._front.set_network(text == "on")
        elif what == steps.POWER:
            self._front.set_power(text == "on")

    def _type(self, keys: str) -> None:
        """Press keys, and all of them again when one was refused, aloud or on the display, as a person would.

        A frame of a Wiegand keypad that begins while the chip is blocked, by a garbage collection or an
        erase, is refused (``firmware/locker/drivers/wiegand.py``).
        """
        for _ in range(TYPED_MAX):
            self._refused = False
            for key in keys:
                self._front.press(key)
            self.pass_time(len(keys) * self._front.key_period_s)
            self._until(lambda: not self._front.is_typing)
            if not self._refused:
                return
            self._until(lambda: self._locker.clock.now_us() - self._refused_us >= REFUSED_TONE_S * 1e6)
            self.tell("-", "again")

    def _doors(self, name: str) -> list[int]:
        """The doors a step names; ``look_at`` has checked that they exist."""
        doors = self._locker.doors
        if name == steps.OPEN_DOORS:
            return [index for index, door in enumerate(doors) if door.is_open]
        return [reference.DOOR_NAMES.index(name)]


def event_words(seq: int, event: EventData) -> str:
    """An event from MQTT in words, its fields in an order that does not depend on the interpreter."""
    return (
        f"#{seq} {event.kind} {in_words(EventData(sorted(event.items())), reference.DOOR_NAMES)[1]}".rstrip()
    )


def look_at(wanted: Sequence[steps.Step]) -> None:
    """Raises ``StepError`` if this cabinet lacks a door, or a person whose code is named."""
    names = reference.DOOR_NAMES
    for what, value in wanted:
        if what in (steps.SHUT, steps.PRY) and value not in (*names, steps.OPEN_DOORS):
            raise steps.StepError(f"there is no door {value}: they are {names[0]} to {names[-1]}")
    people = steps.people(wanted)
    for person in people & _WINDOWS.keys():
        role, action = _WINDOWS[person][2]
        if reference.holder(role, action) is None:
            raise steps.StepError(
                f"{{{person}}}: this cabinet's file has no [[holder]] with role {role} and action {action}"
            )
    if steps.RESIDENT in people and reference.SERVICE != "residence":
        raise steps.StepError(
            f'{{resident}}: this cabinet serves no residence; its file says service = "{reference.SERVICE}"'
        )


# --- the MicroPython ground -------------------------------------------------------------------------


def _standing_code(host: HostService) -> str:
    return host.passes.standing(
        reference.LOCKER, role=events.RESIDENT, action=events.COLLECT, holder=0, door=codes.ANY_DOOR,
        uses=0, days=1, by=HOST, home=HOME,
    ).code  # fmt: skip


async def _on_micropython(wanted: Sequence[steps.Step], always_open: bool, flashed: bool) -> bool:
    async with Stage(always_open=always_open, flashed=flashed) as stage:
        left = threading.Event()

        def sleep(seconds: float) -> None:
            if left.wait(seconds):
                raise Left("interrupted")

        resident = ""
        if steps.RESIDENT in steps.people(wanted):
            resident = await asyncio.to_thread(_standing_code, stage.host)
            stage.host.kick()
        trial = Trial(stage.locker, stage.device_key, sleep, resident)

        def committed(outcome: Outcome) -> None:
            for one in outcome.stored:
                trial.heard_of(one.event.seq, one.event.data)

        stage.host.listen(committed)

        def ready() -> bool:
            known = stage.host.fleet.locker(reference.LOCKER)
            return known.connected and known.trust == events.TRUST_SET and known.grants.are_there

        def carry_out() -> bool:
            trial.until_ready(ready)
            return trial.run(wanted)

        work = asyncio.ensure_future(asyncio.to_thread(carry_out))
        try:
            return await asyncio.shield(work)
        finally:  # also for Ctrl+C: the key is released before the stage ends
            left.set()
            await asyncio.gather(work, return_exceptions=True)


# --- the virtual ground -----------------------------------------------------------------------------


@contextmanager
def _virtual_locker(always_open: bool) -> Iterator[tuple[SimLocker, Host, bytes]]:
    identity = reference.identity()
    key = bytes.fromhex(identity["device_key"])
    time_there = VirtualClock()
    host = Host(time_there, key, locker=reference.LOCKER)
    with tempfile.TemporaryDirectory(prefix="consigne-sim-") as directory:
        config = reference.config(1883, always_open)
        locker = SimLocker(
            config, identity, Path(directory), "virtual",
            clock=time_there, network=host.network, psram=reference.PSRAM,
        )  # fmt: skip
        try:
            yield locker, host, key
        finally:
            locker.stop()


def _on_virtual(wanted: Sequence[steps.Step], always_open: bool) -> bool:
    with _virtual_locker(always_open) as (locker, host, key):
        resident = codes.new_digits(reference.DIGITS) if steps.RESIDENT in steps.people(wanted) else ""
        trial = Trial(locker, key, locker.run_for, resident)
        told_seqs: set[int] = set()

        def event(topic: str, payload: bytes, _retained: bool) -> None:
            body = frames.open_frame(key, "consigne/1/event", topic, payload)
            for one in parse_events(body).events if body is not None else ():
                if one.seq not in told_seqs:
                    told_seqs.add(one.seq)
                    trial.heard_of(one.seq, one.data)

        host.broker.subscribe(f"consigne/1/{reference.LOCKER}/events", event)
        locker.start()
        trial.until_ready(lambda: bool(host.status))
        at_s, zone = int(time.time()), ZoneInfo(reference.TIMEZONE)
        host.know_time(at_s, clock.offset_s(zone, at_s), *clock.next_change(zone, at_s))
        trial.until_ready(lambda: host.status.get("trust") == events.TRUST_SET)
        if resident:
            grant = (
                1, at_s - DAY_S, at_s + DAY_S, events.RESIDENT, events.COLLECT, 0, codes.ANY_DOOR, 0,
                codes.listed_tag(key, resident).hex(), f"@{HOME}",
            )  # fmt: skip
            delta: dict[str, Any] = {"from": 0, "to": 1, "more": 0, "add": [grant], "drop": [], "expect": []}
            host.command("grants", **delta)
            trial.until_ready(lambda: host.status.get("grants") == 1)
        return trial.run(wanted)


def run(wanted: Sequence[steps.Step], ground: str, always_open: bool = False) -> int:
    """The body of ``consigne sim``; the exit status."""
    try:
        look_at(wanted)
        if ground == "virtual":
            fine = _on_virtual(wanted, always_open)
        else:
            fine = asyncio.run(_on_micropython(wanted, always_open, ground == "board"))
    except (steps.StepError, TimeoutError, ValueError, KeyError) as error:
        echo(f"consigne sim: {error}", err=True)
        return 2
    except FirmwareEnded as error:
        echo(f"consigne sim: {error}", err=True)
        return 1
    return 0 if fine else 1
