"""The time that board and interpreter share: a computer with something else to do makes nothing late.

SIGSTOP, behind the simulation's back, is a computer that has no processor for the interpreter.
"""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from consigne.sim.grounds import pace, process
from consigne.sim.grounds.pacedclock import LATE_US, PacedClock
from consigne.sim.grounds.process import MicroPythonGround
from consigne.sim.locker import SimLocker
from sim_kit import BENCH, IDENTITY, script

STOPPED_S = 0.3

# Tells how many microseconds lay between the edges at a pin, by the clock of whoever counts them.
EDGES = """
import asyncio
from time import ticks_diff, ticks_us
from machine import Pin

seen = []
pin = Pin(4, Pin.IN, Pin.PULL_UP)
pin.irq(lambda pin: seen.append(ticks_us()))


async def main():
    print("ready")
    while len(seen) < 21:
        await asyncio.sleep_ms(1000)
    print("gaps", [ticks_diff(b, a) for a, b in zip(seen, seen[1:])])
    await asyncio.sleep(1000)


asyncio.run(main())
"""

PULSES = """
import time
from machine import Pin

pin = Pin(4, Pin.OUT, value=0)
print("ready")
while Pin(5, Pin.IN, Pin.PULL_UP).value():
    time.sleep_ms(1)
for _ in range(20):
    pin.value(1)
    time.sleep_ms(5)
    pin.value(0)
    time.sleep_ms(5)
print("done")
time.sleep(1000)
"""

COMPUTES = """
import time
from machine import Pin

pin = Pin(4, Pin.OUT, value=0)
print("ready")
while Pin(5, Pin.IN, Pin.PULL_UP).value():
    time.sleep_ms(1)
pin.value(1)
began = time.ticks_ms()
while time.ticks_diff(time.ticks_ms(), began) < 1000:
    pass
pin.value(0)
time.sleep(1000)
"""


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Callable[[str], SimLocker]]:
    """Starts a program on a board on a bench, and waits until it is ready."""
    lockers: list[SimLocker] = []

    def start(text: str) -> SimLocker:
        locker = SimLocker(BENCH, IDENTITY, tmp_path / "device", firmware=script(tmp_path / "fw", text))
        lockers.append(locker)
        locker.start()
        locker.wait_for(lambda: "ready" in locker.output())
        return locker

    yield start
    for locker in lockers:
        locker.stop()
        assert not locker.failures, locker.failures


def _starve(locker: SimLocker) -> None:
    """For a moment the computer has no processor for the interpreter."""
    assert isinstance(locker.ground, MicroPythonGround) and locker.ground.pid is not None
    os.kill(locker.ground.pid, signal.SIGSTOP)
    time.sleep(STOPPED_S)
    os.kill(locker.ground.pid, signal.SIGCONT)


def _delay_board(locker: SimLocker) -> None:
    """For a moment the computer has no processor for the board."""
    locker.call(lambda: time.sleep(STOPPED_S))


@pytest.mark.parametrize("disturb", [_starve, _delay_board])
def test_edges_are_as_far_apart_as_they_were_made(running, disturb: Callable[[SimLocker], None]) -> None:
    locker = running(EDGES)
    pin, clock = locker.board.pin(4), locker.clock
    first_us = clock.now_us() + 50_000

    def make() -> None:
        for n in range(21):
            clock.call_at(first_us + 2000 * n, pin.drive, "test", n & 1)

    locker.call(make)
    locker.wait_for(lambda: clock.now_us() > first_us + 10_000)
    disturb(locker)
    locker.wait_for(lambda: locker.output()[-1].startswith("gaps"))
    gaps_us = [int(gap) for gap in locker.output()[-1][6:-1].split(",")]
    assert len(gaps_us) == 20 and max(gaps_us) < 20_000, gaps_us
    assert 1_900 < statistics.median(gaps_us) < 2_100


@pytest.mark.parametrize("disturb", [_starve, _delay_board])
def test_pulses_are_as_long_as_the_program_made_them(running, disturb: Callable[[SimLocker], None]) -> None:
    edges_us: list[int] = []
    locker = running(PULSES)
    locker.call(lambda: locker.board.pin(4).on_change(lambda level: edges_us.append(locker.clock.now_us())))
    locker.call(lambda: locker.board.pin(5).drive("test", 0))
    locker.wait_for(lambda: len(edges_us) > 2)
    disturb(locker)
    locker.wait_for(lambda: "done" in locker.output())
    lengths_us = [b - a for a, b in pairwise(edges_us)]
    assert len(lengths_us) == 39
    assert all(5_000 - LATE_US <= length < 20_000 for length in lengths_us), lengths_us


def test_a_program_that_computes_is_charged_for_its_own_time_alone(running) -> None:
    locker = running(COMPUTES)
    edges_us: list[int] = []
    locker.call(lambda: locker.board.pin(4).on_change(lambda level: edges_us.append(locker.clock.now_us())))
    locker.call(lambda: locker.board.pin(5).drive("test", 0))
    locker.wait_for(lambda: edges_us)
    _starve(locker)
    locker.wait_for(lambda: len(edges_us) == 2)
    assert 900_000 < edges_us[1] - edges_us[0] < 1_020_000


def test_time_goes_on_while_the_program_sleeps(running) -> None:
    """As the wall's, that is: a board's network is real."""
    locker = running("import time\nprint('ready')\ntime.sleep(1000)\n")
    began_us, began_s = locker.clock.now_us(), time.monotonic()
    locker.wait_for(lambda: locker.clock.now_us() - began_us > 500_000)
    assert time.monotonic() - began_s > 0.45


TALKS = """
import time
from machine import I2C, Pin

i2c = I2C(0, scl=Pin(22), sda=Pin(21), freq=100_000)
print("ready")
for n in range(100):
    i2c.writeto_mem(32, 0x14, bytes((n,)))
print("done")
time.sleep(1000)
"""


def test_a_question_that_comes_in_pieces_is_answered_once_and_time_goes_on(
    running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head alone is no question: what the one before it took is over."""
    monkeypatch.setattr(process, "READ_BYTES", 4)
    locker = running(TALKS)
    locker.wait_for(lambda: "done" in locker.output())


@pytest.mark.parametrize("turn", [1, 3])
def test_nothing_is_concluded_while_the_interpreter_changes_what_it_says(turn: int) -> None:
    """What was read in the middle of a change may be of two moments: a wait, and a processor's time."""
    clock = PacedClock()
    page = pace.mapped(clock.descriptor)
    page.state, page.ref_ns, page.turn, page.sent_bytes = pace.WAITING, 0, turn, 8
    clock.received(8)
    assert (page.lost_us, page.received_bytes) == (0, 8)
    clock.close()


def test_an_interpreter_that_does_not_say_what_it_does_has_the_machines_time() -> None:
    """Such as one whose calls of the C library nobody replaces: its keys came once in a thousand seconds."""
    clock = PacedClock()
    clock.starts()
    clock.started(os.getpid(), keeps_page=False)
    clock.paced()  # an answer that takes its time was sent
    start_us, end_s = clock.now_us(), time.monotonic() + 10
    while clock.now_us() == start_us and time.monotonic() < end_s:
        pass
    assert clock.now_us() > start_us
    clock.close()


def test_time_does_not_go_back_while_the_interpreter_changes_what_it_says() -> None:
    """A key was let go before it went down: the board looked between, and saw a time long past."""
    clock = PacedClock()
    clock.run_due()  # this thread is the board's
    first_us = clock.now_us()
    while (now_us := clock.now_us()) == first_us:
        pass
    pace.mapped(clock.descriptor).turn += 1  # odd: it changes
    assert clock.now_us() >= now_us
    clock.close()
