"""Where the firmware once relied on what no board does: causes of a start, lost links, stopped pulses."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import consigne.learn
import pytest
from consigne import firmware_dir
from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
from consigne.device import doctor
from consigne.learn.ground import SimConsole
from consigne.sim.board.board import Board
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from sim_kit import BENCH, IDENTITY

Start = Callable[..., SimLocker]
ESP32_FILE = firmware_dir().parent / "hardware" / "cabinets" / "offline-4.toml"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a locker of the application's own modules on an ESP32, with another ``main.py``."""
    started: list[SimLocker] = []

    def begin(text: str, config: dict[str, Any] = BENCH, out_of_memory: bool = False) -> SimLocker:
        firmware = tmp_path / "firmware"
        firmware.mkdir()
        (firmware / "locker").symlink_to(firmware_dir() / "locker")
        (firmware / "application.py").symlink_to(firmware_dir() / "main.py")
        (firmware / "doctor.py").symlink_to(Path(doctor.__file__).with_name("onboard") / "doctor.py")
        (firmware / "main.py").write_text(text)
        locker = SimLocker(config, IDENTITY, tmp_path / "device", "virtual", firmware=firmware)
        started.append(locker)
        locker.board.radio.without_memory = out_of_memory
        locker.start()
        return locker

    yield begin
    for locker in started:
        assert not locker.failures
        locker.stop()


CAUSES = """
from locker.core import events
from locker.drivers import board
from locker.drivers.watchdog import Watchdog
names = {events.CAUSE_POWER: "power", events.CAUSE_WATCHDOG: "watchdog", events.CAUSE_SOFTWARE: "software"}
print("cause", names.get(board.boot_cause()))
"""


@pytest.mark.parametrize(
    ("ending", "act", "expected"),
    [
        ("board.restart()", lambda board: None, "software"),
        ("", lambda board: board.panic(), "software"),
        ("Watchdog(1000)", lambda board: None, "watchdog"),
        ("", lambda board: board.press_reset(), "power"),
    ],
    ids=["a restart", "a panic", "a watchdog", "the button"],
)
def test_the_journal_says_why_the_board_started_as_the_port_tells_it(
    start: Start, ending: str, act: Callable[..., None], expected: str
) -> None:
    once = f"if board.boot_cause() == events.CAUSE_POWER:\n    {ending}\n" if ending else ""
    locker = start(CAUSES + once)
    locker.run_for(1)
    act(locker.board)
    locker.run_for(5)
    told = [line for line in locker.output() if line.startswith("cause")]
    assert told[:2] == ["cause power", f"cause {expected}"]


def test_a_time_beyond_what_every_release_can_reckon_with_is_its_last_one(start: Start) -> None:
    """Up to v1.26 ``gmtime`` takes no more seconds; a host may still say any time up to 2106."""
    text = "import machine\nfrom locker.drivers import board\n"
    text += "for epoch_s in (1795914123, 4294967295):\n    board.set_calendar(epoch_s)\n"
    locker = start(text + "    print('date', machine.RTC().datetime()[:3])\n")
    locker.run_for(1)
    told = [line for line in locker.output() if line.startswith("date")]
    assert told == ["date (2026, 11, 29)", "date (2068, 1, 19)"]


RSSI = """
import asyncio
from locker.net.link import WifiLink
async def main():
    link = WifiLink("net", "secret", "consigne")
    asyncio.create_task(link.run())
    for _ in range(8):
        await asyncio.sleep(1)
        print("rssi", link.is_up(), link.rssi())
asyncio.run(main())
"""


def test_an_access_point_that_lets_go_between_two_looks_costs_nobody_his_task(start: Start) -> None:
    locker = start(RSSI)
    locker.run_for(2.5)
    locker.board.radio.let_go = True
    locker.run_for(2)
    locker.board.radio.let_go = False
    locker.run_for(2)
    told = [line for line in locker.output() if line.startswith("rssi")]
    assert {"rssi True -60", "rssi True 0"} == set(told[1:6])
    assert told[-1] == "rssi True -60"


def test_a_radio_that_finds_no_memory_is_told_once_and_the_board_serves_on(start: Start) -> None:
    locker = start(RSSI, out_of_memory=True)
    locker.run_for(10)
    assert "wi-fi: the driver did not start" in locker.output()
    assert [line for line in locker.output() if line.startswith("rssi")] == ["rssi False 0"] * 8
    assert not any(what in ("panic", "reset") for _, what, _ in locker.log)


TWICE = """
import network
for _ in range(2):
    try:
        network.WLAN()
    except OSError as error:
        print("refused:", error)
"""


def test_the_port_sets_its_driver_up_once_and_aborts_at_a_second_try(start: Start) -> None:
    """Why the link never tries again: the stand-in must do as the port does, or nobody would notice."""
    locker = start(TWICE, out_of_memory=True)
    locker.run_for(0.5)
    assert "refused: WiFi Out of Memory" in locker.output()
    assert any(what == "panic" for _, what, _ in locker.log)


LATE_MEMORY = """
import asyncio
from locker.net.link import WifiLink
async def main():
    link = WifiLink("net", "secret", "consigne")
    print("made")
    await asyncio.sleep(1)
    asyncio.create_task(link.run())
    for _ in range(8):
        await asyncio.sleep(1)
    print("up", link.is_up())
asyncio.run(main())
"""


def test_a_radio_that_finds_memory_later_is_started_then(start: Start) -> None:
    locker = start(LATE_MEMORY)
    locker.board.radio.set_up()
    locker.board.radio.without_memory = True
    locker.wait_for(lambda: "made" in locker.output())
    locker.run_for(3)
    locker.board.radio.without_memory = False
    locker.run_for(8)
    assert "up True" in locker.output()


NAMES = """
import asyncio, socket
from locker.net import names

class Server(socket.socket):
    error = 0
    def send(self, data):
        if Server.error:
            raise OSError(Server.error)
        self.asked = data
        return len(data)
    def recv(self, count):
        head = self.asked[:2] + bytes((0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0))
        return head + self.asked[12:] + bytes((0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 9))

socket.socket = Server

async def main():
    resolver = names.Resolver(lambda: "192.168.4.1")
    print("found", await resolver.address("broker.example"))
    for Server.error in (12, 23, 118):
        print("found", await resolver.address("broker.example"))
    try:
        await resolver.address("other.example")
    except OSError as error:
        print("found nothing:", error)
    print("done")
asyncio.run(main())
"""


def test_a_network_that_takes_no_question_keeps_no_locker_from_the_broker_it_knows(start: Start) -> None:
    """lwIP may be out of buffers (ENOMEM) or sockets (ENFILE), or know no way (EHOSTUNREACH)."""
    locker = start(NAMES)
    locker.wait_for(lambda: "done" in locker.output() or locker.ends, 30)
    told = [line for line in locker.output() if line.startswith("found")]
    assert told == ["found 10.0.0.9"] * 4 + ["found nothing: no address for other.example"]


PULSE = """
import sys
from time import ticks_diff, ticks_ms
from locker import serving

presses = [1, 1]

def sleep_ms(ms, real=serving.sleep_ms):
    if presses:
        presses.pop()
        raise KeyboardInterrupt
    real(ms)

async def run(self):
    self._locks.start(0, 1000)
    raise KeyboardInterrupt

serving.sleep_ms = sleep_ms
serving.Locker.run = run
began = ticks_ms()
try:
    import application
except KeyboardInterrupt:
    print("prompt", presses, ticks_diff(ticks_ms(), began) >= 990)
"""


def test_whoever_presses_ctrl_c_during_a_pulse_gets_the_prompt_when_it_is_over(start: Start) -> None:
    """And Ctrl-D then starts the interpreter anew; stopping the pulse would panic the chip."""
    cabinet = open_cabinet(ESP32_FILE)
    spelled = spelled_out(cabinet, compile_cabinet(cabinet)[0])
    assert spelled["board"] == "esp32"
    locker = start(PULSE, spelled)
    locker.wait_for(lambda: any(line.startswith("prompt") for line in locker.output()), 10)
    assert "prompt [] True" in locker.output()
    assert locker.board.soft_reset()
    assert not any(what == "panic" for _, what, _ in locker.log)


DOCTOR = """
import doctor
doctor.settings()
doctor.wiring()

class Interrupted:
    def run(coroutine):
        doctor.patient.parts.locks.start(0, 1000)
        raise KeyboardInterrupt

doctor.asyncio = Interrupted
try:
    doctor.pulse(0)
except KeyboardInterrupt:
    print("pulse over:", not doctor.patient.parts.locks.busy())
"""


def test_a_technician_who_breaks_off_the_doctor_finds_no_pulse_under_way(start: Start) -> None:
    cabinet = open_cabinet(ESP32_FILE)
    locker = start(DOCTOR, spelled_out(cabinet, compile_cabinet(cabinet)[0]))
    locker.wait_for(lambda: any(line.startswith("pulse over") for line in locker.output()), 10)
    assert "pulse over: True" in locker.output()


def test_the_wizard_sent_anew_during_a_pulse_waits_for_its_end() -> None:
    clock = VirtualClock()
    board = Board(clock)
    log: list[str] = []
    board.log = lambda at_us, what, detail: log.append(what)
    board.power_on()
    console = SimConsole(board, clock)
    program = Path(consigne.learn.__file__).with_name("onboard.py").read_text()
    console.exec(program)
    console.exec("begin(25)\narm[0].write_pulses((31000,) * 10, (True,) * 10)")
    began_us = clock.now_us()
    assert board.pin(25).level == 1
    console.exec(program)
    assert (board.pin(25).level, clock.now_us() - began_us > 950_000) == (0, True)
    assert "panic" not in log


BROKEN_OFF = """
class Bank:
    def drive(self, channel):
        pass

    def release(self, channel):
        print("released while sending:", not arm[0].wait_done())

presses = [1]

def sleep_ms(ms, real=time.sleep_ms):
    if presses:
        presses.pop()
        raise KeyboardInterrupt
    real(ms)

banks["spare"] = Bank()
time.sleep_ms = sleep_ms
begin(25)
try:
    pulse("spare", 0, 1000)
except KeyboardInterrupt:
    print("broken off")
"""


def test_the_wizard_broken_off_waits_for_the_end_of_the_pulse_and_releases_the_relay_then() -> None:
    clock = VirtualClock()
    board = Board(clock)
    board.power_on()
    console = SimConsole(board, clock)
    console.exec(Path(consigne.learn.__file__).with_name("onboard.py").read_text())
    assert console.exec(BROKEN_OFF).splitlines() == ["released while sending: False", "broken off"]
    assert board.pin(25).level == 0


@pytest.mark.parametrize(("ms", "panics"), [(250, False), (1000, True)])
def test_a_soft_reset_in_the_middle_of_a_long_pulse_panics_an_esp32(
    start: Start, ms: int, panics: bool
) -> None:
    locker = start(
        "from esp32 import RMT\nfrom machine import Pin\n"
        "arm = RMT(0, pin=Pin(25, Pin.OUT, value=0), clock_div=255)\n"
        f"arm.write_pulses(({ms * 31},) * 10, (True,) * 10)\nprint('playing')\n"
        "import time\ntime.sleep(60)\n"
    )
    locker.wait_for(lambda: "playing" in locker.output(), 5)
    assert locker.board.soft_reset() is not panics
    assert any(what == "panic" for _, what, _ in locker.log) is panics
