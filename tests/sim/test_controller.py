"""The shell round the core when carrying out breaks off in the middle: nothing more is decided."""

import types
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from consigne.sim import reference
from consigne.sim.board.flash import NorFlash
from locker import config, controller
from locker.core import records
from locker.core.core import Core
from locker.core.timekeeping import Clock
from locker.journal.log import Journal
from locker.site import Site
from sim_kit import KEY

NOW_S = 1_790_000_000
EV_KEY, EV_DOOR, EV_BOOT = 1, 5, 16
LED_FAULT = 4


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


class Bench:
    """A controller over a real core and a real journal."""

    def __init__(self) -> None:
        self.flash = NorFlash(64 * 1024)
        self.journal = Journal(self.flash)
        self.journal.open()
        site = Site(config.checked({**reference.config(1), "network": {}}))
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
        out: list[str] = []
        self.journal.replay(
            lambda kind, at, payload, seq: out.append(records.describe(kind, payload)["kind"])
        )
        return out


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_after_an_event_that_broke_off_the_next_one_before_the_restart_changes_nothing(bench: Bench) -> None:
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


def test_a_state_that_is_ahead_of_the_journal_gets_into_no_snapshot(bench: Bench) -> None:
    append: Callable[..., Any] = bench.journal.append

    def full(*_: Any) -> None:
        raise MemoryError

    bench.journal.append = full
    with pytest.raises(MemoryError):
        bench.controller.sink((EV_DOOR, 3, True))
    bench.journal.append = append
    assert bench.core.cabinet.doors[3].seen_open, "folded before the journal had it"
    bench.journal.snapshot_due = lambda: True
    bench.controller._keep_house()
    bench.controller.sink((EV_DOOR, 4, True))
    assert bench.kinds() == ["boot"]


def test_flash_is_erased_ahead_of_need_beside_what_arrives_not_in_its_midst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sweeper knows whether a card is arriving, and tells the keypad what an erase may have cost."""
    bench, asked = Bench(), list[Callable[[], None]]()
    maintained: list[bool] = []
    bench.journal.maintain = lambda: maintained.append(True)
    bench.controller.sweeper = SimpleNamespace(beside=asked.append, turn=lambda: None)
    times_ms = iter((0, 1_000))
    monkeypatch.setattr(controller, "ticks_ms", lambda: next(times_ms, 1_000))
    monkeypatch.setattr(controller, "asyncio", SimpleNamespace(sleep_ms=suspended))
    bench.controller.run_timers().send(None)
    assert len(asked) == 1 and not maintained
    asked[0]()
    assert maintained


@types.coroutine
def suspended(_ms: int) -> Any:
    yield
