"""What is true of a door, whatever it hangs on: faults of latch, sensor, wire and hand on each wiring."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from board_kit import ADDRESS, POLARITY, board
from consigne.protocol import codes
from consigne.sim import reference
from consigne.sim.clock import VirtualClock
from consigne.sim.locker import SimLocker
from consigne.sim.network.host import Host
from consigne.sim.parts.hc595 import Hc595
from driver_rig import CONFIG as RIG
from sim_kit import EPOCH_S, IDENTITY, KEY
from test_relay_chips import config as on_relay_chip

BOARDS = tuple(sorted(POLARITY))
WIRINGS = ("gpio", "mcp23017", "pcf8574", "tca9554", "74hc595", *BOARDS)
BAUD = {"cu48": 19200, "cu16": 19200}
FULL = {"winnsen": 24}  # what is asked lock by lock is slow when it is full
STUCK_S = 42  # three pulses, and half a minute in which somebody may pull at the door
PARCEL = "RR123456785FR"
COURIER = codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S)
CODE = codes.derived_code(KEY, PARCEL)


def config(wiring: str) -> dict[str, Any]:
    """The demo's panel, and doors of one wiring."""
    given: dict[str, Any] = {**reference.config(1883), "expanders": []}
    if wiring in BOARDS:
        bank = f"{wiring}@1:{ADDRESS[wiring]}"
        given["rs485"] = [{"uart": 1, "tx": 4, "rx": 15, "de": 5, "baud": BAUD.get(wiring, 9600)}]
        given["boards"] = [board(wiring)]
        lines = [(bank, n, bank, n) for n in range(FULL.get(wiring, 8))]
    elif wiring == "gpio":
        lines = [("gpio", lock, "gpio", reed) for lock, reed in zip((4, 5, 6), (15, 16, 17), strict=True)]
    elif wiring == "mcp23017":
        given["expanders"] = RIG["expanders"]
        lines = [("mcp23017@0:32", n, "mcp23017@0:32", n + 8) for n in range(4)]
    else:
        chip = on_relay_chip(wiring)
        shifts = [{**chain, "data": 4, "clock": 5, "enable": 6} for chain in chip["shifts"]]
        given.update(expanders=[{**e, "int_pin": -1} for e in chip["expanders"]], shifts=shifts)
        doors = [(door["lock"], door["reed"]) for door in chip["doors"][1:]]
        pins = dict(zip((34, 35, 36, 39), (15, 16, 17, 7), strict=True))
        lines = [
            (lock["bank"], lock["channel"], reed["bank"], pins.get(reed["channel"], reed["channel"]))
            for lock, reed in doors
        ]
    given["doors"] = [
        {
            "name": str(n + 1),
            "size": 1,
            "lock": {"bank": lock, "channel": channel},
            "reed": {"bank": reed, "channel": place},
            "closed_level": POLARITY.get(wiring, 0),
        }
        for n, (lock, channel, reed, place) in enumerate(lines)
    ]
    return given


class Scene:
    """A locker of one wiring with its host, and a person before it."""

    def __init__(self, wiring: str, directory: Path) -> None:
        clock = VirtualClock()
        self.wiring = wiring
        self.host = Host(clock, KEY)
        self.locker = SimLocker(
            config(wiring), IDENTITY, directory, "virtual", clock=clock, network=self.host.network
        )
        self.doors = self.locker.doors
        self.locker.start()
        self.locker.wait_for(lambda: self.host.status.get("up"), 60)
        self.host.know_time(EPOCH_S, offset_s=3600)
        self.locker.wait_for(lambda: self.host.status.get("trust") == 1, 60)
        self.locker.run_for(3)

    def told(self, *kinds: str) -> list[str]:
        """The kinds of the events so far, of these kinds only."""
        self.locker.run_for(3)
        return [kind for kind in self.host.kinds() if kind in kinds]

    def pulses(self) -> list[int]:
        return [event["number"] for _, event in sorted(self.host.events.items()) if event["kind"] == "pulse"]

    def order(self, door: int, wait_s: float = 8) -> None:
        self.host.command("open", door=door)
        self.locker.run_for(wait_s)

    def type(self, keys: str) -> None:
        self.locker.run_for(self.locker.type(keys) + 0.3)

    def deposit(self) -> int:
        """A courier puts a parcel in; returns the door."""
        self.host.command(
            "grants",
            **{
                "from": 0,
                "to": 1,
                "more": 0,
                "add": [],
                "drop": [],
                "expect": [[PARCEL, 1, EPOCH_S + 10**6]],
            },
        )
        self.locker.run_for(2)
        self.type(COURIER + "#")
        self.locker.run_for(1)
        assert self.locker.scan(PARCEL)
        self.locker.wait_for(lambda: any(door.is_open for door in self.doors))
        door = next(n for n, made in enumerate(self.doors) if made.is_open)
        self.locker.run_for(3)
        self.locker.push_shut(door)
        self.locker.run_for(2)
        self.type("#")
        self.locker.run_for(10)
        return door


@pytest.fixture(params=WIRINGS)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(request.param, tmp_path)
    yield made
    made.locker.stop()
    assert not made.locker.failures and not made.locker.ends
    assert made.locker.cabinet.supply.coils_on_max <= 1
    assert made.locker.cabinet.supply.coil_on_max_us <= 1_000_000
    assert made.locker.cabinet.supply.edges_before_armed == 0


def test_a_latch_that_jams_is_pulsed_again_three_times_at_most_and_then_said(scene: Scene) -> None:
    scene.doors[1].strike.jams = 1
    scene.order(1)
    assert scene.doors[1].is_open and scene.pulses() == [1, 2]
    scene.locker.push_shut(1)
    scene.locker.run_for(3)
    scene.doors[2].strike.jams = 9
    scene.order(2, STUCK_S)
    assert scene.pulses() == [1, 2, 1, 2, 3]
    assert scene.told("opened", "closed", "not_opened", "forced") == ["opened", "closed", "not_opened"]
    scene.doors[2].strike.jams = 0
    scene.doors[2].held_shut = True  # somebody leans on it
    scene.order(2, STUCK_S)
    assert scene.doors[2].springs == 3
    assert scene.told("opened", "not_opened") == ["opened", "not_opened", "not_opened"]


def test_a_parcel_is_collected_only_by_a_door_that_was_seen_open_for_long_enough(scene: Scene) -> None:
    number = scene.deposit()
    door = scene.doors[number]
    for open_ms in (60, 250):
        scene.type(CODE + "#")
        scene.locker.wait_for(lambda: door.is_open, 15)
        scene.locker.run_for(open_ms / 1000)
        scene.locker.push_shut(number)  # before a hand was in it
        scene.locker.run_for(1)
        door.strike.jams = 2  # and the pulses that follow find it jammed
        scene.locker.run_for(STUCK_S)
        door.strike.jams = 0
        if door.is_open:  # a pulse more than it jammed
            scene.locker.push_shut(number)
            scene.locker.run_for(STUCK_S)
    assert scene.told("collected") == []
    door.reed.stuck = "closed"  # its wire is broken: it opens, and nobody sees
    scene.type(CODE + "#")
    scene.locker.run_for(STUCK_S)
    door.push_shut()
    assert scene.told("collected") == []
    door.reed.stuck = None
    scene.type(CODE + "#")
    scene.locker.wait_for(lambda: door.is_open, 15)
    scene.locker.run_for(4)
    scene.locker.push_shut(number)
    assert scene.told("collected", "forced") == ["collected"]


def test_a_door_that_nobody_ordered_or_nobody_shuts_is_an_alarm_and_a_restart_is_none(scene: Scene) -> None:
    assert scene.locker.cabinet.buzzer
    heard = scene.locker.cabinet.buzzer.heard
    scene.locker.force_open(0)
    scene.locker.run_for(8)
    assert scene.told("forced") == ["forced"] and len([tone for tone in heard if tone[1] == 1900]) == 12
    scene.locker.push_shut(0)
    scene.order(1, 3)
    scene.locker.run_for(35)
    assert scene.told("left_open") == []
    assert len([tone for tone in heard if tone[1] == 2000]) >= 3
    scene.locker.cut_power()  # while it stands open
    scene.locker.run_for(5)
    scene.locker.restore_power()
    patient = scene.wiring in ("gpio", "8a")  # how long is too long is not the wiring's business
    scene.locker.run_for(135 if patient else 8)
    assert scene.told("forced", "left_open") == ["forced", "left_open"][: 1 + patient]
    scene.locker.push_shut(1)
    scene.locker.run_for(5)
    assert scene.told("closed") == ["closed", "closed"]


def test_a_sensor_that_chatters_is_told_and_believed_again_when_it_rests(scene: Scene) -> None:
    flutters_s = 90 if scene.wiring == "winnsen" else 15  # asked twice a second, it takes its time to tell
    scene.doors[2].reed.chatter(1_000 * flutters_s)
    scene.locker.run_for(flutters_s + 5)
    assert "door_fault" in scene.told("door_fault")
    scene.doors[2].reed.stuck = None
    scene.order(2)
    assert scene.doors[2].is_open
    scene.locker.push_shut(2)
    scene.locker.run_for(2)
    assert scene.told("opened", "closed")[-2:] == ["opened", "closed"]


def test_a_part_that_falls_silent_takes_its_doors_out_of_order_until_it_is_back(scene: Scene) -> None:
    """Pins cannot fall silent, nor a chain of which nobody reads the end: those go on."""
    parts = [*scene.locker.cabinet.boards.values(), *scene.locker.cabinet.expanders.values()]
    mutes = [part for part in parts if not isinstance(part, Hc595)]
    for part in mutes:
        part.silent = True
    scene.locker.run_for(8)
    scene.order(1, 10)
    assert scene.doors[1].is_open == (not mutes)
    assert bool(scene.told("door_fault")) == bool(mutes)
    for part in mutes:
        part.silent = False
    scene.locker.push_shut(1)
    scene.locker.run_for(8)
    scene.order(1)
    assert scene.doors[1].is_open and scene.told("forced") == []
