"""What happens to the locker when a part of it goes wrong: it degrades by parts, or restarts, and says so."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from consigne import firmware_dir
from consigne.protocol import codes
from consigne.sim import reference
from consigne.sim.board.flash import NorFlash
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from locker.core import records
from locker.journal.log import Journal
from sim_kit import EPOCH_S, GROUNDS, IDENTITY, KEY, config, connected_locker, play

TASKS = """
import asyncio
from locker.supervisor import Supervisor

class Watchdog:
    def feed(self):
        print("fed")

async def returns():
    await asyncio.sleep_ms(1500)

async def raises():
    await asyncio.sleep_ms(500)
    raise ValueError("broken")

async def forever():
    while True:
        await asyncio.sleep_ms(300)

async def main():
    s = Supervisor(Watchdog(), lambda name, text: print("fault", name, text), lambda why: print("stop", why))
    s.spare("spare", raises)
    s.critical("good", forever, lambda: None)
    s.critical("critical", returns, lambda: 0)
    print("ended by", await s.run())
    await asyncio.sleep_ms(8000)
    print("done")

asyncio.run(main())
"""


STANDS = """
import asyncio
from locker.supervisor import Supervisor

turns = [0]

class Watchdog:
    def feed(self):
        print("fed")

async def moves():
    while True:
        turns[0] += 1
        if turns[0] == 8:
            await asyncio.Event().wait()
        await asyncio.sleep_ms(500)

async def rests():
    await asyncio.Event().wait()

async def main():
    s = Supervisor(Watchdog(), lambda name, text: print("fault", name, text), lambda why: print("stop", why))
    s.critical("resting", rests, lambda: None)
    s.critical("moving", moves, lambda: turns[0])
    print("ended by", await s.run())
    print("done")

asyncio.run(main())
"""


UNTOLD = """
import asyncio
from locker.supervisor import Supervisor

class Watchdog:
    def feed(self):
        print("fed")

async def ends():
    await asyncio.sleep_ms(1500)

async def forever():
    await asyncio.Event().wait()

def report(name, text):
    raise OSError("the journal takes no records")

def stop(why):
    print("stop", why)
    raise OSError("an expander is silent")

async def main(kind):
    s = Supervisor(Watchdog(), report, stop)
    if kind == "spare":
        s.spare("spare", ends)
    elif kind == "critical":
        s.critical("critical", ends, lambda: None)
    else:
        s.critical("still", forever, lambda: 0)
    print("ended by", await asyncio.wait_for(s.run(), 20), s.faults)

for kind in ("spare", "critical", "still"):
    asyncio.run(main(kind))
print("done")
"""


def test_a_fault_that_cannot_be_recorded_restarts_the_locker_whoever_had_it(tmp_path: Path) -> None:
    (tmp_path / "fw").mkdir()
    (tmp_path / "fw" / "locker").symlink_to(firmware_dir() / "locker")
    said = play(tmp_path, "virtual", UNTOLD, timeout_s=60)
    assert [line for line in said if line.startswith(("stop", "ended"))] == [
        "stop spare ended",
        "ended by spare ['spare']",
        "stop critical ended",
        "ended by critical ['critical']",
        "stop still stands still",
        "ended by still ['still']",
    ]


def test_a_critical_task_that_stands_still_stops_the_locker_and_one_that_rests_does_not(
    tmp_path: Path,
) -> None:
    (tmp_path / "fw").mkdir()
    (tmp_path / "fw" / "locker").symlink_to(firmware_dir() / "locker")
    said = play(tmp_path, "virtual", STANDS, timeout_s=30)
    assert said[-3:] == ["fault moving stands still", "stop moving stands still", "ended by moving"]
    assert 8 <= said.count("fed") <= 10, "four seconds of turns, then five without"


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_spare_task_is_started_again_and_a_critical_one_stops_the_locker(
    tmp_path: Path, ground: str
) -> None:
    (tmp_path / "fw").mkdir()
    (tmp_path / "fw" / "locker").symlink_to(firmware_dir() / "locker")
    words = ("fault", "stop", "ended", "fed")
    said = [line for line in play(tmp_path, ground, TASKS, timeout_s=20) if line.split()[0] in words]
    assert [line for line in said if line != "fed"] == [
        "fault spare ValueError: broken",
        "fault critical ended",
        "stop critical ended",
        "ended by critical",
    ]
    assert said.count("fed") == 2, "fed while all went well, and not once more"


def test_a_wrong_configuration_is_one_sentence_and_no_line_has_moved(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    path = tmp_path / "device" / "config.json"
    given = json.loads(path.read_text())
    given["doors"][1]["lock"]["channel"] = given["arm_pin"]
    path.write_text(json.dumps(given))
    locker.start()
    locker.wait_for(lambda: locker.ends, 5)
    assert any(
        line.startswith("cannot start: config.json.doors[1].lock") and "arm_pin" in line
        for line in locker.output()
    ), locker.output()
    assert not [line for line in locker.log if line[1] in ("relay", "coil")]
    locker.stop()


def test_a_missing_identity_says_what_to_do(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    (tmp_path / "device" / "identity.json").unlink()
    locker.start()
    locker.wait_for(lambda: locker.ends, 5)
    assert any("consigne device provision" in line for line in locker.output())
    locker.stop()


def test_a_journal_that_holds_something_else_opens_nothing_and_is_not_touched(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    foreign = bytes(range(256)) * (len(locker.flash.data) // 256)
    locker.flash.data[:] = foreign
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    locker.type("12345678#")
    locker.run_for(5)
    assert "Out of service." in locker.display()[0]
    assert bytes(locker.flash.data) == foreign
    assert not [line for line in locker.log if line[1] == "coil"]
    locker.stop()


def test_the_locker_serves_when_display_and_scanner_are_dead(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    locker.board.i2c(0).detach(39)
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    locker.run_for(1)
    locker.type("12345678#")
    locker.run_for(3)
    beeps = [detail for _, what, detail in locker.log if what == "buzzer"]
    assert "700 Hz" in beeps, "the wrong code was answered, by sound at least"
    assert not locker.ends
    locker.stop()


def test_an_expander_that_falls_silent_takes_its_own_doors_out_and_no_others(tmp_path: Path) -> None:
    locker = SimLocker(config(holders=[[3, 4, 1]]), IDENTITY, tmp_path / "device", "virtual")
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    locker.board.i2c(0).detach(32)
    locker.run_for(5)
    kinds = facts(locker)
    assert [fact["door"] for fact in kinds if fact["kind"] == "door_fault"] == list(range(4, 12))
    locker.force_open(0)
    locker.run_for(2)
    assert facts(locker)[-1] == {"kind": "forced", "door": 0, "parcel": ""}, (
        "the others are watched as before"
    )
    assert not locker.ends and not [line for line in locker.log if line[1] == "reset"]
    locker.stop()


def test_without_its_ca_the_locker_serves_offline_and_never_speaks_in_clear_text(tmp_path: Path) -> None:
    network = {**reference.config(1883)["network"], "tls": True}
    host = Host(VirtualClock(), KEY)
    locker = SimLocker(
        config(network=network),
        IDENTITY,
        tmp_path / "device",
        "virtual",
        clock=host.network.clock,
        network=host.network,
    )
    locker.start()
    locker.run_for(120)
    assert not host.status, "nothing was sent to a broker that nobody can vouch for"
    assert {"kind": "fault", "code": 2, "what": "no network without a good ca.der"} in facts(locker)
    assert "Type your code" in locker.display()[1]
    locker.stop()


def test_a_locker_with_the_longest_name_has_a_network(tmp_path: Path) -> None:
    clock = VirtualClock()
    host = Host(clock, KEY)
    identity = {**IDENTITY, "locker": "station-north-east-locker-number"}
    assert len(identity["locker"]) == 32
    locker = SimLocker(
        reference.config(1883), identity, tmp_path / "device", "virtual", clock=clock, network=host.network
    )
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    assert not [line for line in locker.output() if "no network" in line]
    locker.stop()


def test_a_journal_with_every_third_sector_destroyed_says_so_and_opens_nothing_that_is_a_guess(
    tmp_path: Path,
) -> None:
    locker, host = connected_locker(tmp_path)
    code = codes.derived_code(KEY, "RR123456785FR")
    courier = codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S)
    locker.run_for(locker.type(courier + "#") + 2)
    locker.scan("RR123456785FR")
    locker.run_for(2)
    locker.run_for(locker.type("1") + 2)
    (door,) = [index for index, door in enumerate(locker.doors) if door.is_open]
    locker.push_shut(door)
    locker.run_for(5)
    locker.cut_power()
    for sector in range(0, 256, 3):
        locker.flash.data[sector * 4096 : (sector + 1) * 4096] = bytes(random.Random(sector).randbytes(4096))
    before = bytes(locker.flash.data)
    locker.restore_power()
    locker.wait_for(lambda: "not readable" in host.status.get("journal", ""), 120)
    locker.run_for(locker.type(code + "#") + 3)
    assert "Out of service." in locker.display()[0]
    assert not locker.doors[door].is_open
    saved = [
        s
        for s in range(0, 256, 3)
        if locker.flash.data[s * 4096 : s * 4096 + 4096] == before[s * 4096 : s * 4096 + 4096]
    ]
    assert len(saved) == len(range(0, 256, 3)), "what a technician could still save was erased"
    locker.stop()


def broken(tmp_path: Path, defect: str) -> Path:
    """The firmware with a defect in it: Python that changes a class before anything starts."""
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "locker").symlink_to(firmware_dir() / "locker")
    (folder / "main.py").write_text(defect + (firmware_dir() / "main.py").read_text())
    return folder


POISONED = """
from locker.core import core, events, orders

def fails(self, *_):
    raise KeyError("a case that nobody thought of")

core.Core._HANDLERS[events.EV_GRANTS] = orders.Orders._BY_NAME["identify"] = fails
"""


@pytest.mark.parametrize(
    ("cmd", "arguments"),
    [
        ("identify", {"seconds": 5}),
        ("grants", {"from": 0, "to": 1, "more": 0, "add": [], "drop": [], "expect": []}),
    ],
)
def test_a_command_that_the_locker_cannot_bear_restarts_it_once_and_the_host_hears_of_it(
    tmp_path: Path, cmd: str, arguments: dict[str, Any]
) -> None:
    locker, host = connected_locker(tmp_path, firmware=broken(tmp_path, POISONED))
    host.command(cmd, **arguments)
    poisoned = {"kind": "command", "counter": host.counter, "result": 9, "id": f"c{host.counter}"}
    locker.wait_for(lambda: poisoned in host.events.values(), 60)
    locker.wait_for(lambda: host.status.get("trust") == 1, 60)
    host.command(cmd, id=poisoned["id"], **arguments)  # as a host does that has not heard in time
    locker.run_for(120)
    resets = [line for line in locker.log if line[1] == "reset"]
    assert len(resets) == 1, "what the broker and the host send again is not tried again"
    host.command("block", door=2)
    locker.run_for(2)
    assert {"kind": "blocked", "door": 2, "why": 3} in host.events.values(), host.kinds()
    locker.stop()


DEAF = """
from locker.drivers import keypad

async def fails(self, sink):
    raise OSError(5)

keypad.MatrixKeypad.run = fails
"""


@pytest.mark.parametrize("production", [True, False])
def test_in_production_a_locker_that_ends_as_soon_as_it_starts_is_a_start_that_failed(
    tmp_path: Path, production: bool
) -> None:
    """``start.py`` then shows why and lets a technician in; else the console would be there for a second."""
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual", firmware=broken(tmp_path, DEAF))
    if production:
        (tmp_path / "device" / "production").touch()
    locker.start()
    locker.run_for(30)
    restarts = [line for line in locker.log if line[1:] == ("reset", "hard reset")]
    assert bool(locker.ends) == production and bool(restarts) != production
    assert not production or "RuntimeError: keypad: OSError: 5" in "".join(locker.output()), locker.output()
    locker.stop()


class WornFlash:
    """A chip that still answers and no longer programs."""

    def __init__(self, flash: NorFlash) -> None:
        self._flash = flash
        self.worn = False

    def writeblocks(self, block: int, buf: bytes, offset: int | None = None) -> None:
        if not self.worn:
            self._flash.writeblocks(block, buf, offset)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._flash, name)


def test_without_a_durable_record_nothing_is_compared_and_nothing_opens(tmp_path: Path) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    locker.board.flash["journal"] = worn = WornFlash(locker.flash)
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    locker.run_for(1)
    worn.worn = True
    locker.type("12345678#")
    locker.wait_for(lambda: [line for line in locker.log if line[1] == "reset"], 60)
    worn.worn = False
    locker.run_for(5)
    assert "Type your code" in locker.display()[1], "restarted, and serving again"
    assert not [line for line in locker.log if line[1] == "coil"]
    locker.stop()


class FullHeap(WornFlash):
    """One write comes when no room is left on the interpreter's heap."""

    def writeblocks(self, block: int, buf: bytes, offset: int | None = None) -> None:
        if self.worn:
            self.worn = False
            raise MemoryError
        self._flash.writeblocks(block, buf, offset)


@pytest.mark.parametrize("flash", [WornFlash, FullHeap])
def test_an_event_of_a_spare_part_that_was_not_carried_out_whole_restarts_the_locker(
    tmp_path: Path, flash: type[WornFlash]
) -> None:
    locker = SimLocker(config(), IDENTITY, tmp_path / "device", "virtual")
    locker.board.flash["journal"] = worn = flash(locker.flash)
    locker.start()
    locker.wait_for(lambda: "ready" in locker.output(), 5)
    locker.run_for(3)  # the journal's next sector is ready: no other task writes
    worn.worn = True
    assert locker.scan("12345678")
    locker.wait_for(lambda: [line for line in locker.log if line[1] == "reset"], 60)
    worn.worn = False
    locker.run_for(5)
    assert "Type your code" in locker.display()[1], "restarted, and serving again"
    assert "attempt" not in [fact["kind"] for fact in facts(locker)]
    locker.stop()


def facts(locker: SimLocker) -> list[dict[str, Any]]:
    """What the journal holds, oldest first."""
    journal = Journal(locker.flash)
    journal.open()
    out: list[dict[str, Any]] = []
    journal.replay(lambda kind, time_s, payload, seq: out.append(records.describe(kind, bytes(payload))))
    return out
