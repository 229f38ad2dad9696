"""The demo without a browser: two parcels in, two out, one of them while the network is down.

Real firmware on real MicroPython, a real broker, a database on disk.  Everything goes through keys
that close contacts and bytes that a scanner sends; the result is checked in the database.
"""

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from locker import texts
from locker.core import cabinet, events, screens
from sqlalchemy import select

from consigne.broker.broker import BrokerError
from consigne.commandline.tell import echo
from consigne.server.fleet.fleet import Locker
from consigne.server.storage import models
from consigne.sim import reference
from consigne.sim.grounds.process import interpreter

from . import reading
from .blackbox import Recorded, read_journal
from .front import LockerFront
from .stage import FirmwareEnded, Stage, check_running

DEADLINE_S = 90.0
LOOK_EVERY_S = 0.02
HAND_S = 2 * cabinet._TAKE_MS / 1000
"""Time to put a parcel in or take it out: twice the time below which the firmware counts a door as stuck."""
NOTICE_S = 2.0  # until a person notices that a key had no effect
PARCELS = (("RR123456785FR", 1), ("JJFR00012345678901234", 2))  # label, size


class Overdue(RuntimeError):
    """The deadline passed; the text says what was being awaited."""


Report = dict[str, int]
"""Counts by name, for the JSON line."""


class Proof:
    """One run on a stage; ``run`` returns the report that is printed.

    Attributes
    ----------
    keys_repeated
        Keys that had to be pressed a second time.
    wrong
        Failed checks, in sentences.
    """

    def __init__(self, stage: Stage) -> None:
        self._host = stage.host
        self._locker = stage.locker
        self._front = LockerFront(stage.locker)
        self._deadline_s = time.monotonic() + DEADLINE_S
        self.keys_repeated = 0
        self.wrong: list[str] = []

    async def until(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until ``condition()``; raises ``Overdue`` naming ``what``, or ``FirmwareEnded``."""
        while not condition():
            check_running(self._locker)
            if time.monotonic() > self._deadline_s:
                shown = " / ".join(line.strip() for line in self._locker.display())
                raise Overdue(f"gave up after {DEADLINE_S:.0f} s waiting for {what}; display: {shown}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def run(self) -> Report:
        """Deposit both parcels, collect one, cut the network, collect the other, bring it back."""
        await self.until("the locker to connect and have its clock set", self.is_ready)
        for parcel, size in PARCELS:
            self._host.parcels.announce(parcel, reference.LOCKER, size=size)
        self._host.kick()
        await self.until("the locker to hear of the parcels", self._has_grants)
        await self._deposit()
        await self._collect(PARCELS[0][0])
        await self.until("the host to hear of the first collection", lambda: self._states()[0] == "collected")
        self._front.set_network(False)
        await self.until("the host to miss the locker", lambda: not self._known().connected)
        await self._collect(PARCELS[1][0])
        if self._states()[1] != "in_locker":
            self.wrong.append("the host knew of a collection that happened while the network was down")
        self._front.set_network(True)
        await self.until("the events of the outage", lambda: self._states()[1] == "collected")
        await self.until("the journal and the database to agree", self._is_level)
        return self._report()

    # --- what a courier and a customer do ------------------------------------------------------------
    async def _type(self, code: str) -> None:
        """Type a code and watch the display, as a person who sees that a key was not taken."""
        pressed, key = 0, ""
        while key != "#" or reading.greets(self._locker.display()):
            await self.until("the display to be drawn", lambda: self._typed() is not None)
            shown = self._typed() or ""
            key = reading.next_key(code, shown)
            self._front.press(key)
            pressed += 1
            await self._until_answered(f"the display to answer key {key} of a code", shown, key)
        self.keys_repeated += pressed - len(code + "#")

    async def _until_answered(self, what: str, before: str, key: str) -> None:
        """Wait until the digits shown change, or until a person would notice that a digit had no effect.

        A key with a tone was taken, however late it is shown.  ``#`` and ``*`` have no tone, and pressed
        twice they mean something else: if one was not taken, the partial code disappears after a while, which
        the display shows too.
        """
        noticed_s = time.monotonic() + NOTICE_S

        def answered() -> bool:
            front = self._front
            is_lost = key.isdigit() and not front.is_typing and not front.is_told
            return self._typed() not in (before, None) or (is_lost and time.monotonic() > noticed_s)

        await self.until(what, answered)

    def _typed(self) -> str | None:
        return reading.typed(self._locker.display())

    async def _deposit(self) -> None:
        window = self._host.passes.window_code(
            reference.LOCKER, role=events.COURIER, action=events.DEPOSIT, holder=reference.COURIER_HOLDER
        )
        await self._type(window.code)
        for left, (parcel, _) in enumerate(PARCELS):
            await self.until("the courier's menu", partial(self._shows, screens.COURIER, left))
            self._front.scan(parcel)
            await self._use_door(f"a door for {parcel}", screens.FILL)
        await self.until("the courier's menu", partial(self._shows, screens.COURIER, len(PARCELS)))
        self._front.press("#")
        await self.until(
            "the deposits in the database", lambda: self._states() == ["in_locker"] * len(PARCELS)
        )

    async def _collect(self, parcel: str) -> None:
        await self._type(self._host.parcels.code(parcel))
        await self._use_door(f"the door of {parcel}", screens.TAKE)
        await self.until("the thanks", partial(self._shows, screens.THANKS))

    async def _use_door(self, what: str, screen: str) -> None:
        """Wait until the display names an open door, put the parcel in or take it out, push it shut."""
        await self.until(what, lambda: any(self._shows(screen, name) for name in self._open_doors().values()))
        opened = list(self._open_doors())
        if len(opened) != 1:
            self.wrong.append(f"{len(opened)} doors stand open at once")
        clock = self._locker.clock
        enough_us = clock.now_us() + HAND_S * 1e6  # by the locker's time: on a busy computer it is slower
        await self.until("a hand to put the parcel in or take it out", lambda: clock.now_us() >= enough_us)
        self._front.move_parcel(opened[0])
        self._front.push_shut(opened[0])

    # --- what can be seen, and what the host knows ---------------------------------------------------
    def _open_doors(self) -> dict[int, str]:
        return {index: door.name for index, door in enumerate(self._locker.doors) if door.is_open}

    def _shows(self, screen: str, *arguments: Any) -> bool:
        """Whether the display shows exactly this screen of the firmware's texts."""
        wanted = texts.render(screen, arguments, reference.LANGUAGE)
        return [line.rstrip() for line in self._locker.display()] == [line.rstrip() for line in wanted]

    def _known(self) -> Locker:
        return self._host.fleet.locker(reference.LOCKER)

    def is_ready(self) -> bool:
        """Whether the locker is connected and knows the time."""
        known = self._known()
        return known.connected and known.trust == events.TRUST_SET

    def _has_grants(self) -> bool:
        return self._known().grants.are_there

    def _states(self) -> list[str]:
        return [self._host.parcels.get(parcel).state for parcel, _ in PARCELS]

    def _recorded(self) -> Recorded:
        return self._locker.call(lambda: read_journal(self._locker.flash))

    def _is_level(self) -> bool:
        """Whether the locker has journaled the host's acknowledgement of all its events."""
        recorded = self._recorded()
        return recorded.acknowledged == max(recorded.events)

    def _report(self) -> Report:
        recorded = self._recorded()
        columns = models.events.c
        with self._host.database.read() as connection:
            rows = connection.execute(select(columns.epoch, columns.seq, columns.kind, columns.data)).all()
        stored = {row.seq: row.data for row in rows if row.epoch == recorded.epoch}
        kinds = Counter(row.kind for row in rows)
        report = {
            "parcels_deposited": kinds["deposited"],
            "parcels_collected": kinds["collected"],
            "keys_repeated": self.keys_repeated,
            "events_stored": len(rows),
            "events_lost": sum(stored.get(seq) != event for seq, event in recorded.events.items()),
            "events_duplicated": len(rows) - len(stored),
        }
        expected = {"parcels_deposited": len(PARCELS), "parcels_collected": len(PARCELS)}
        expected |= {"events_lost": 0, "events_duplicated": 0}
        self.wrong += [
            f"{name} is {report[name]}" for name, right in expected.items() if report[name] != right
        ]
        self.wrong += self._locker.failures + self._locker.ends
        return report


async def _prove() -> tuple[Report, list[str]]:
    async with Stage(always_open=True) as stage:
        proof = Proof(stage)
        return await proof.run(), proof.wrong


def interpreter_version() -> dict[str, str]:
    """Name and version of the interpreter that runs the firmware, as it reports them."""
    question = "import sys; i = sys.implementation; print(i.name, '.'.join(map(str, i.version)), sep='|')"
    command = [interpreter(), "-c", question]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    name, _, version = answer.stdout.strip().partition("|")
    return {"interpreter": name, "interpreter_version": version}


def run() -> int:
    """The body of ``consigne demo --headless``: one JSON line on stdout; the exit status."""
    began_s = time.monotonic()
    try:
        report, wrong = asyncio.run(_prove())
    except (Overdue, FirmwareEnded, BrokerError, TimeoutError, OSError) as error:
        echo(f"consigne: {error}", err=True)
        return 1
    seconds = {"seconds": round(time.monotonic() - began_s, 2)}
    print(json.dumps(interpreter_version() | report | seconds))
    for sentence in wrong:
        echo(f"consigne: {sentence}", err=True)
    return 1 if wrong else 0
