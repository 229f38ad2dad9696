"""A locker that nobody uses for days: nothing may hang on the range of ``ticks_ms``, half of which is six."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from locker import controller

DAY_MS = 86_400_000
START_MS = 1_073_000_000  # shortly before the ticks wrap


def ticks_add(ms: int, later_ms: int) -> int:
    return (ms + later_ms) & 0x3FFF_FFFF


@pytest.mark.parametrize("days", [1, 6.5, 9, 12])
def test_a_door_that_rested_for_days_is_pulsed(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    clock = SimpleNamespace(ms=START_MS)
    monkeypatch.setattr(controller, "ticks_ms", lambda: clock.ms)
    started: list[int] = []
    locks: Any = SimpleNamespace(busy=lambda: False, start=lambda door, ms: started.append(door))
    journal = SimpleNamespace(maintain=lambda: False)
    core = SimpleNamespace(session=SimpleNamespace(proven=False))
    shell = controller.Controller(core, journal, None, locks, None, None, None, 1500)
    shell._rested[3] = ticks_add(clock.ms, 1500)
    assert not shell._may_pulse(3)
    clock.ms = ticks_add(clock.ms, 2_000)
    shell._keep_house()
    clock.ms = ticks_add(clock.ms, int(days * DAY_MS / 2))
    clock.ms = ticks_add(clock.ms, int(days * DAY_MS / 2))
    shell._fx_pulse((0, 3, 400))
    assert started == [3]


@pytest.mark.parametrize("days", [1, 6.5, 9, 12])
def test_a_board_that_rested_for_days_has_no_coil_on(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    for name in ("machine", "esp32"):  # nothing of them is used: the wire is taken out below
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(UART=None, Pin=None))
    from locker.drivers import rs485

    clock = SimpleNamespace(ms=START_MS)
    monkeypatch.setattr(rs485.time, "ticks_ms", lambda: clock.ms)
    wire = {"uart": 1, "tx": 19, "rx": 36, "de": -1, "baud": 9600}
    monkeypatch.setattr(rs485, "Wire", lambda *wired: None)
    bus = rs485.Bus(wire, (), 1, print)
    assert not bus.coil_is_on()
    bus._on_until_ms = ticks_add(clock.ms, 400)
    assert bus.coil_is_on()
    clock.ms = ticks_add(clock.ms, 500)
    assert not bus.coil_is_on()
    clock.ms = ticks_add(clock.ms, int(days * DAY_MS / 2))
    clock.ms = ticks_add(clock.ms, int(days * DAY_MS / 2))
    assert not bus.coil_is_on()
