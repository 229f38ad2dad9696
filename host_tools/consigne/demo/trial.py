"""``consigne sim``: carry out a few steps at a cabinet and tell, line by line, what it did.

On the MicroPython ground time is real, and a real broker and host stand behind the cabinet; so it is on the
ground called board, where the firmware starts as on a board that was flashed, from the application's slot.
On the virtual ground time jumps, and the host is a small one in memory.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from locker import texts
from locker.core import cabinet, events

from consigne.protocol import codes, frames
from consigne.protocol.events import EventData, parse_events
from consigne.server.ingest.outcome import Outcome
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host

from . import steps
from .front import LockerFront
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
SILENT = ("key", "pin")  # what the person did is told as a step
STIRS = ("relay", "door")  # after such a line more is to come
QUIET_S = 0.5  # a step ends when none came for so long
TYPED_MAX = 3
KNOWN_S_MAX = 10.0  # and when the host knows what the doors did; if it hears of them
HAND_S = 1.5 * cabinet._TAKE_MS / 1000
"""To put a parcel in or take it out: more than the time below which the firmware counts a door as stuck."""


def _read(lines: Sequence[str]) -> str:
    """What a person reads, wherever it is broken into lines."""
    return " ".join(" ".join(lines).split())


ONE_KEY = tuple(_read(texts.render("one_key", (), language)) for language in texts.LANGUAGES)


class Trial:
    """One cabinet and whoever tries it.

    Parameters
    ----------
    locker
        Started by the caller.
    device_key
        Makes the codes that steps name.
    sleep
        Lets so many seconds of the locker's time pass.
    """

    def __init__(self, locker: SimLocker, device_key: bytes, sleep: Callable[[float], None]) -> None:
        self._locker, self._key, self._sleep = locker, device_key, sleep
        self._front = LockerFront(locker)
        self._glass: list[str] = []
        self._refused = False
        self._stirred_us = self._opened_us = 0
        self._untold: dict[str, bool] = {}
        locker.listeners.append(self._heard)

    def tell(self, what: str, detail: str) -> None:
        """Print one line with the locker's time."""
        print(log_line((self._locker.clock.now_us(), what, detail)), flush=True)

    def _heard(self, line: tuple[int, str, str]) -> None:
        if line[1] in STIRS:
            self._stirred_us = line[0]
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
        """Let time pass and tell what the display shows whenever it has come to rest."""
        looks = max(1, round(seconds / LOOK_EVERY_S))
        before = self._glass
        for _ in range(looks):
            self._sleep(seconds / looks)
            glass = self._locker.display()
            if glass == before and glass != self._glass:
                self.tell("display", " | ".join(line.rstrip() for line in glass))
                self._glass = glass
                self._refused = self._refused or any(words in _read(glass) for words in ONE_KEY)
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
        """Until the doors have come to rest and the host knows of it, which may be late on a busy machine."""
        self._until(self._is_quiet)
        self._untold.clear()
        rest_s = HAND_S - (self._locker.clock.now_us() - self._opened_us) / 1e6
        if self._opened_us and rest_s > 0:
            self.pass_time(rest_s)

    def _is_quiet(self) -> bool:
        rested = self._locker.clock.now_us() - self._stirred_us >= QUIET_S * 1e6
        return rested and not (self._untold and self._front.is_heard)

    def _until(self, condition: Callable[[], bool]) -> None:
        """Let time pass until a condition is true; not for ever."""
        for _ in range(round(KNOWN_S_MAX / LOOK_EVERY_S)):
            if condition():
                return
            self.pass_time(LOOK_EVERY_S)

    def _code_for(self, name: str) -> str:
        if name == steps.COURIER:
            return codes.window_code(
                self._key,
                events.COURIER,
                events.DEPOSIT,
                reference.COURIER_HOLDER,
                int(time.time()),
                reference.DIGITS,
            )
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
        """Press keys, and all of them again when the display asks for it, as a person would.

        A frame of a Wiegand keypad that begins while the chip stands still, in a sweep of the heap or an
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
            self.tell("-", "again")

    def _doors(self, name: str) -> list[int]:
        """The doors a step names.  Raises ``StepError`` when there is no such door."""
        doors = self._locker.doors
        if name == steps.OPEN_DOORS:
            return [index for index, door in enumerate(doors) if door.is_open]
        found = [index for index, door in enumerate(doors) if door.name == name]
        if not found:
            raise steps.StepError(f"there is no door {name}: they are 1 to {len(doors)}")
        return found


def event_words(seq: int, event: EventData) -> str:
    """An event as it came over MQTT."""
    fields = " ".join(f"{name}={value}" for name, value in event.items() if name != "kind" and value != "")
    return f"#{seq} {event.kind} {fields}"


# --- the MicroPython ground -------------------------------------------------------------------------


async def _on_micropython(wanted: Sequence[steps.Step], always_open: bool, flashed: bool) -> bool:
    async with Stage(always_open=always_open, flashed=flashed) as stage:
        trial = Trial(stage.locker, stage.device_key, time.sleep)

        def committed(outcome: Outcome) -> None:
            for one in outcome.stored:
                trial.heard_of(one.event.seq, one.event.data)

        stage.host.listen(committed)

        def ready() -> bool:
            known = stage.host.fleet.locker(reference.LOCKER)
            return known.connected and known.trust == events.TRUST_SET

        await asyncio.to_thread(trial.until_ready, ready)
        return await asyncio.to_thread(trial.run, wanted)


# --- the virtual ground -----------------------------------------------------------------------------


@contextmanager
def _virtual_locker(always_open: bool) -> Iterator[tuple[SimLocker, Host, bytes]]:
    identity = reference.identity()
    key = bytes.fromhex(identity["device_key"])
    clock = VirtualClock()
    host = Host(clock, key, locker=reference.LOCKER)
    with tempfile.TemporaryDirectory(prefix="consigne-sim-") as directory:
        config = reference.config(1883, always_open)
        locker = SimLocker(
            config, identity, Path(directory), "virtual",
            clock=clock, network=host.network, psram=reference.PSRAM,
        )  # fmt: skip
        try:
            yield locker, host, key
        finally:
            locker.stop()


def _on_virtual(wanted: Sequence[steps.Step], always_open: bool) -> bool:
    with _virtual_locker(always_open) as (locker, host, key):
        trial = Trial(locker, key, locker.run_for)
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
        host.know_time(int(time.time()))
        trial.until_ready(lambda: host.status.get("trust") == events.TRUST_SET)
        return trial.run(wanted)


def run(wanted: Sequence[steps.Step], ground: str, always_open: bool = False) -> int:
    """The body of ``consigne sim``; the exit status."""
    try:
        if ground == "virtual":
            fine = _on_virtual(wanted, always_open)
        else:
            fine = asyncio.run(_on_micropython(wanted, always_open, ground == "board"))
    except (steps.StepError, TimeoutError, ValueError, KeyError) as error:
        print(f"consigne sim: {error}", file=sys.stderr)
        return 2
    except FirmwareEnded as error:
        print(f"consigne sim: {error}", file=sys.stderr)
        return 1
    return 0 if fine else 1
