"""A locker that nobody uses for days: nothing may hang on the range of ``ticks_ms``, half of which is six."""

from pathlib import Path

import pytest
from consigne import firmware_dir
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from sim_kit import IDENTITY, script
from test_door_truth import config

DAY_S = 86_400
AWAKE_S = 20
RESTS_DAYS = (0, 1, 6.5, 9, 12)
# The locker's own controller, core, journal and drivers.  Its tasks stand still for most of a rest, and run
# for a while in the middle of it, as they would all the time: days of keypad and sensors take minutes.
PROGRAM = """
import asyncio
import time

from locker import config
from locker.controller import Controller
from locker.core import events
from locker.core.core import Core
from locker.core.timekeeping import Clock
from locker.drivers.banks import Banks
from locker.drivers.board import buses
from locker.drivers.boardbanks import BoardBanks
from locker.drivers.flash import journal_partition
from locker.drivers.reeds import Reeds
from locker.drivers.relays import RelayLocks
from locker.journal.log import Journal
from locker.site import Site

NOW_S = 1_790_000_000


class Panel:
    def show(self, lines):
        pass

    def set(self, state):
        pass

    def play(self, pattern):
        pass


async def main():
    raw = config.checked(config.load("config.json"))
    banks = Banks(raw["doors"], raw["expanders"], buses(raw["i2c"]), raw["board"], raw["shifts"])
    relays = RelayLocks(banks.relays, banks.chips, raw["arm_pin"])
    made = BoardBanks(raw["doors"], raw["rs485"], raw["boards"], relays, print)
    journal = Journal(journal_partition())
    journal.open()
    clock = Clock(NOW_S, time.ticks_ms())
    clock.set(time.ticks_ms(), NOW_S)
    panel = Panel()
    shell = Controller(Core(Site(raw), bytes(32)), journal, clock, made.locks, panel, panel, panel, 1500)
    reeds = Reeds(len(raw["doors"]), banks.pin_reeds + banks.chip_reeds + made.reeds)
    for task in (shell.run_pulses(), shell.run_timers(), reeds.run(shell.sink)):
        asyncio.create_task(task)
    for bus in made.buses:
        asyncio.create_task(bus.run())
    await asyncio.sleep_ms(AWAKE_MS)
    for number, days in enumerate(RESTS_DAYS):
        for _ in range(2):
            time.sleep(days * 43_200)
            await asyncio.sleep_ms(AWAKE_MS)
        print("order", number)
        shell.sink((events.EV_OPEN_ORDER, 0, number + 1, "c" + str(number)))
        await asyncio.sleep_ms(AWAKE_MS)


asyncio.run(main())
"""


@pytest.mark.parametrize("wiring", ["gpio", "8a"])
def test_a_door_that_rested_for_days_opens(tmp_path: Path, wiring: str) -> None:
    firmware = script(
        tmp_path / "firmware", f"AWAKE_MS = {AWAKE_S * 1000}\nRESTS_DAYS = {RESTS_DAYS}\n{PROGRAM}"
    )
    (firmware / "locker").symlink_to(firmware_dir() / "locker")
    locker = SimLocker(
        config(wiring), IDENTITY, tmp_path / "device", "virtual", clock=VirtualClock(), firmware=firmware
    )
    try:
        locker.start()
        locker.run_for(AWAKE_S)
        for number, days in enumerate(RESTS_DAYS):
            locker.run_for(days * DAY_S + 2 * AWAKE_S + 3)
            assert f"order {number}" in locker.output(), (locker.output(), locker.failures, locker.ends)
            assert locker.doors[0].is_open, f"not after {days} days"
            locker.push_shut(0)
            locker.run_for(AWAKE_S - 3)
    finally:
        locker.stop()
