"""The shell round the core when carrying out breaks off in the middle: nothing more is decided."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from consigne.sim import reference
from consigne.sim.board.flash import NorFlash
from locker import config, controller
from locker.core import events, records
from locker.core.core import Core
from locker.core.timekeeping import Clock
from locker.journal.log import Journal
from locker.site import Site
from sim_kit import KEY

NOW_S = 1_790_000_000
EV_KEY, EV_DOOR, EV_BOOT = events.EV_KEY, events.EV_DOOR, events.EV_BOOT


class Part:
    """Locks, display, buzzer and lamp, that remember what they were told; ``show`` fails once if asked to."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.failing: Exception | None = None
        self.state = 0
        self.is_off = False

    def off(self) -> None:
        self.is_off = True

    def busy(self) -> bool:
        return False

    def show(self, lines: Any) -> None:
        failing, self.failing = self.failing, None
        if failing:
            raise failing
        self.shown.append(lines)

    def set(self, state: int) -> None:
        self.state = state

    def play(self, pattern: int) -> None:
        pass


class Supervisor:
    """Hears that the locker is to be restarted; the restart itself is up to a second away."""

    def __init__(self) -> None:
        self.why: list[str] = []

    def end(self, why: str) -> None:
        self.why.append(why)


class Flash(NorFlash):
    """Raises what it is given once, at the next write: a heap that is full just then, say."""

    def __init__(self) -> None:
        super().__init__(64 * 1024)
        self.failing: Exception | None = None

    def writeblocks(self, *arguments: Any) -> None:
        failing, self.failing = self.failing, None
        if failing:
            raise failing
        super().writeblocks(*arguments)


class Rig:
    """A controller over a real core and a real journal."""

    def __init__(self) -> None:
        self.flash = Flash()
        self.journal = Journal(self.flash)
        self.journal.open()
        self._site = site = Site(config.checked({**reference.config(1), "network": {}}))
        self.core = Core(site, KEY)
        clock = Clock(NOW_S, 0)
        self.locks, self.display, self.lamp = Part(), Part(), Part()
        parts = self.locks, self.display, Part(), self.lamp
        self.controller = controller.Controller(self.core, self.journal, clock, *parts, 1500)
        self.supervisor = Supervisor()
        self.controller.attach_supervisor(self.supervisor)
        self.controller.sink((EV_BOOT, 1, 0, 0, "test"))

    def kinds(self) -> list[str]:
        """What the journal holds, oldest first."""
        return [records.describe(kind, payload)["kind"] for kind, payload in self._replayed(self.journal)]

    def restarted(self) -> Core:
        """The core that the next start would make of what lies on the flash."""
        journal = Journal(self.flash)
        journal.open()
        core = Core(self._site, KEY)
        journal.replay(core.apply)
        return core

    @staticmethod
    def _replayed(journal: Journal) -> list[tuple[int, bytes]]:
        out: list[tuple[int, bytes]] = []
        journal.replay(lambda kind, at, payload, seq: out.append((kind, bytes(payload))))
        return out


@pytest.fixture
def bench() -> Rig:
    return Rig()


def test_after_an_event_that_broke_off_the_next_one_before_the_restart_changes_nothing(bench: Rig) -> None:
    """The core has folded what the journal does not hold: whatever it decided now could be a guess."""
    bench.display.failing = ValueError("a case that nobody thought of")
    with pytest.raises(ValueError):
        bench.controller.sink((EV_KEY, "1"))
    assert bench.supervisor.why == ["an event carried out in part"]
    held, typed, shown = bench.kinds(), bench.core.session.typed, len(bench.display.shown)
    bench.controller.sink((EV_KEY, "2"))
    bench.controller.sink((EV_DOOR, 3, True))
    assert (bench.kinds(), bench.core.session.typed, len(bench.display.shown)) == (held, typed, shown)
    assert "forced" not in held


def test_what_was_folded_and_not_journaled_is_unknown_to_the_next_start(bench: Rig) -> None:
    """Whatever comes between the failure and the restart, nothing of it becomes lasting either."""
    bench.controller.sink((EV_DOOR, 2, True))
    bench.flash.failing = MemoryError()
    with pytest.raises(MemoryError):
        bench.controller.sink((EV_DOOR, 3, True))
    assert bench.core.cabinet.doors[3].seen_open, "folded before the journal had it"
    held = bench.kinds()
    for _ in range(2_000):  # more than lie between two snapshots
        bench.controller.sink((EV_DOOR, 4, True))
        bench.controller.sink((EV_DOOR, 4, False))
    assert bench.kinds() == held
    known = bench.restarted().cabinet.doors
    assert [known[door].seen_open for door in (2, 3, 4)] == [True, False, False]


class Sweeper:
    """A card is arriving, for as long as nobody says ``over``: what stops the chip has to wait."""

    def __init__(self) -> None:
        self._waiting: Callable[[], None] | None = None
        self.asked = asyncio.Event()

    def beside(self, work: Callable[[], None]) -> None:
        self._waiting = work
        self.asked.set()

    def turn(self) -> None:
        pass

    def over(self) -> None:
        assert self._waiting
        self._waiting()


def test_flash_is_erased_ahead_of_need_beside_what_arrives_not_in_its_midst(
    bench: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper knows whether a card is arriving, and tells the keypad what an erase may have cost."""
    # MicroPython's asyncio has it, CPython's has not.
    monkeypatch.setattr(asyncio, "sleep_ms", lambda ms: asyncio.sleep(ms / 1000), raising=False)
    erased = sum(bench.flash.erases)

    async def a_card_arrives_while_there_is_housekeeping() -> None:
        bench.controller.sweeper = sweeper = Sweeper()
        timers = asyncio.create_task(bench.controller.run_timers())
        asked = asyncio.create_task(sweeper.asked.wait())
        await asyncio.wait({timers, asked}, return_when=asyncio.FIRST_COMPLETED)
        assert asked.done(), timers.result()
        timers.cancel()
        assert sum(bench.flash.erases) == erased
        sweeper.over()

    asyncio.run(a_card_arrives_while_there_is_housekeeping())
    assert sum(bench.flash.erases) == erased + 1
