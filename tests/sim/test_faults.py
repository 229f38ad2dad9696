"""What a board does when the firmware does not: watchdog, resets, power cuts, hardware that ends a pulse."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from consigne.sim.board.board import HARD
from consigne.sim.board.flash import TORN
from consigne.sim.ground import RESTART_US
from consigne.sim.grounds.process import MicroPythonGround
from consigne.sim.locker import SimLocker
from sim_kit import GROUNDS, IDENTITY, config, script

HANGS_ONCE = """
import machine, time
from machine import Pin, WDT
print("start", machine.reset_cause())
Pin(0, Pin.OUT, value=1)
if machine.reset_cause() != machine.WDT_RESET:
    WDT(timeout=2000)
    while True:
        time.sleep_ms(10)
print("recovered")
"""

RESETS_ITSELF = """
import machine
print("start", machine.reset_cause())
if machine.reset_cause() == machine.PWRON_RESET:
    machine.reset()
    print("not reached")
"""

WRITES = """
from esp32 import Partition
from machine import Pin
part = Partition.find(Partition.TYPE_DATA, label="journal")[0]
word = bytearray(8)
count = 0
while True:
    part.readblocks(0, word, 16 * count)
    if word[0] == 0xFF:
        break
    count += 1
print("found", count)
try:
    for index in range(count, count + 100):
        part.writeblocks(0, b"recorded", 16 * index)
        print("wrote", index)
finally:
    Pin(0, Pin.OUT, value=1)
"""

PULSES = """
import time
from esp32 import RMT
from machine import Pin, WDT
WDT(timeout=60000)
rmt = RMT(0, pin=Pin(3), clock_div=255)
rmt.write_pulses((31000,) * 4, (1,) * 4)
print("pulsing")
while True:
    time.sleep_ms(5)
"""


@pytest.fixture(params=GROUNDS)
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator:
    """Starts a locker with a firmware; stops it in the end, whatever happened."""
    lockers: list[SimLocker] = []

    def start(text: str) -> SimLocker:
        locker = SimLocker(
            config(), IDENTITY, tmp_path / "device", request.param, firmware=script(tmp_path / "fw", text)
        )
        lockers.append(locker)
        locker.start()
        return locker

    yield start
    for locker in lockers:
        locker.stop()
        assert not locker.failures


def test_a_hanging_firmware_is_restarted_by_the_watchdog_and_its_pins_let_go(started) -> None:
    locker = started(HANGS_ONCE)
    levels: list[int] = []
    locker.call(lambda: locker.board.pin(0).pull("resistor", 0))
    locker.call(lambda: locker.board.pin(0).on_change(levels.append))
    locker.wait_for(lambda: "recovered" in locker.output())
    assert locker.output()[:3] == ["start 1", "start 3", "recovered"]
    assert levels[-2:] == [0, 1]  # let go at the reset, driven again after it


def test_a_firmware_that_resets_the_board_comes_back_with_that_cause(started) -> None:
    locker = started(RESETS_ITSELF)
    locker.wait_for(lambda: "start 2" in locker.output())
    assert locker.output()[:2] == ["start 1", "start 2"]


def test_a_board_that_is_reset_again_before_it_has_started_starts_once(started) -> None:
    locker = started("print('start')\nimport time\nwhile True:\n    time.sleep_ms(10)\n")
    locker.wait_for(lambda: "start" in locker.output())
    for _ in range(3):
        locker.call(lambda: locker.board.reset(HARD))
    locker.wait_for(lambda: locker.output().count("start") == 2)
    passed: list[str] = []
    locker.call(lambda: locker.clock.call_in(4 * RESTART_US, passed.append, "passed"))
    locker.wait_for(lambda: passed)
    assert locker.output().count("start") == 2


def test_power_that_goes_between_a_reset_and_the_restart_leaves_nothing_to_start(started) -> None:
    locker = started(RESETS_ITSELF)
    locker.listeners.append(
        lambda line: locker.clock.call_in(1000, locker.cut_power) if line[1] == "reset" else None
    )
    locker.wait_for(lambda: not locker.powered)
    later: list[str] = []
    locker.call(lambda: locker.clock.call_in(4 * RESTART_US, later.append, "later"))
    locker.wait_for(lambda: later)
    assert locker.output() == ["start 1"]
    locker.restore_power()
    locker.wait_for(lambda: locker.output().count("start 1") == 2)


def test_a_power_cut_kills_the_firmware_and_keeps_the_flash(started) -> None:
    locker = started(HANGS_ONCE)
    locker.wait_for(lambda: "start 1" in locker.output())
    locker.flash.overwrite(100, b"kept")
    locker.cut_power()
    assert not locker.powered and locker.display() == [" " * 20] * 4
    locker.cut_power()
    locker.restore_power()
    locker.wait_for(lambda: locker.output().count("start 1") == 2)
    assert bytes(locker.flash.data[100:104]) == b"kept"


def test_power_that_goes_in_the_middle_of_a_write_leaves_a_torn_page_and_no_last_words(
    started, tmp_path: Path
) -> None:
    locker = started("print('idle')")
    locker.wait_for(lambda: "idle" in locker.output())
    locker.cut_power()
    script(tmp_path / "fw", WRITES)
    driven: list[int] = []
    locker.call(lambda: locker.board.pin(0).on_change(driven.append))
    locker.call(lambda: (locker.restore_power(), locker.flash.cut(3, TORN, 4)))
    locker.wait_for(lambda: not locker.powered)
    assert [line for line in locker.output() if line.startswith("wrote")] == ["wrote 0", "wrote 1", "wrote 2"]
    assert bytes(locker.flash.data[48:52]) == b"reco" and locker.flash.data[53:56] == b"\xff\xff\xff"
    assert driven == []
    locker.restore_power()
    locker.wait_for(lambda: "found 4" in locker.output())


def test_frozen_firmware_does_not_lengthen_a_pulse(tmp_path: Path) -> None:
    """The RMT ends it: 4 x 31,000 ticks of 255 / 80 MHz are 395.25 ms, with the interpreter stopped."""
    locker = SimLocker(
        config(), IDENTITY, tmp_path / "device", "micropython", firmware=script(tmp_path / "fw", PULSES)
    )
    assert isinstance(locker.ground, MicroPythonGround)
    edges: list[tuple[int, int]] = []
    locker.call(
        lambda: locker.board.pin(3).on_change(lambda level: edges.append((locker.clock.now_us(), level)))
    )
    try:
        locker.start()
        locker.wait_for(lambda: "pulsing" in locker.output())
        locker.call(locker.ground.freeze)
        locker.wait_for(lambda: len(edges) >= 2)
        assert [level for _, level in edges] == [1, 0]
        assert 395_000 <= edges[1][0] - edges[0][0] <= 450_000
        locker.call(locker.ground.thaw)
    finally:
        locker.stop()


def test_a_frozen_firmware_is_reset_when_its_watchdog_runs_out(tmp_path: Path) -> None:
    text = HANGS_ONCE.replace("sleep_ms(10)", "sleep_ms(10); wdt.feed()").replace(
        "    WDT(timeout=2000)\n", "    wdt = WDT(timeout=2000)\n    print('armed')\n"
    )
    locker = SimLocker(
        config(), IDENTITY, tmp_path / "d", "micropython", firmware=script(tmp_path / "fw", text)
    )
    assert isinstance(locker.ground, MicroPythonGround)
    try:
        locker.start()
        locker.wait_for(lambda: "armed" in locker.output())
        locker.call(locker.ground.freeze)
        locker.wait_for(lambda: "recovered" in locker.output())
        assert locker.output() == ["start 1", "armed", "start 3", "recovered"]
    finally:
        locker.stop()


def test_the_firmware_cannot_catch_the_loss_of_power(started) -> None:
    locker = started(
        """
import time
try:
    while True:
        try:
            time.sleep_ms(10)
        except Exception:
            print("caught")
finally:
    print("last words")
"""
    )
    if not isinstance(locker.ground, MicroPythonGround):
        locker.run_for(1)
    locker.cut_power()
    assert locker.output() == []
