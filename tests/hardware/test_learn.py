"""A cabinet that nobody knows is learned over its wire: every board, order, polarity and door."""

import os
import random
import threading
import tty
from pathlib import Path
from typing import Any

import pytest
from consigne.cabinet.compiler import compile_file
from consigne.cabinet.learn import FoundBoard, Learned, find_boards, learn_board
from consigne.cabinet.newfile import learned_file
from consigne.cabinet.profiles import profiles
from consigne.cli import app
from consigne.sim.board import Board
from consigne.sim.clock import VirtualClock
from consigne.sim.parts.cabinet import Cabinet
from typer.testing import CliRunner

QUIET_S = 0.02
# kind, address, doors, reversed, what a sensor reads behind a closed door
MIXED = (
    ("8a", 1, 24, False, 1), ("8a", 2, 24, True, 0), ("winnsen", 3, 24, False, 1),
    ("wkly", 4, 16, True, 0), ("modbus", 6, 8, False, 1),
)  # fmt: skip


class SimWire:
    """The UART of a simulated board, used by hand: nothing of the firmware runs but its codecs."""

    def __init__(self, board: Board, clock: VirtualClock) -> None:
        self._uart = board.uart(1)
        self._clock = clock
        self.requests = 0
        self._baud = 0

    def exchange(self, frame: bytes, baud: int) -> bytes:
        if baud != self._baud:
            self._uart.open(baud, 18, 19, 256, 10)
            self._baud = baud
        self.requests += 1
        self._uart.transmit(frame)
        self._clock.run_for(len(frame) * 10 / baud + QUIET_S)
        heard = b""
        while more := self._uart.take(256):
            heard += more
            self._clock.run_for(QUIET_S)
        return heard

    def rest(self, duration_ms: int) -> None:
        self._clock.run_for(duration_ms / 1000)


class Site:
    """A cabinet with these boards on one wire, and a person before it."""

    def __init__(self, boards: tuple[tuple[str, int, int, bool, int], ...], seed: int) -> None:
        count = sum(entry[2] for entry in boards)
        names = [str(n + 1) for n in range(count)]
        random.Random(seed).shuffle(names)
        self.truth: dict[str, tuple[str, int, int, int]] = {}
        doors: list[dict[str, Any]] = []
        for kind, address, many, _, closed in boards:
            for channel in range(many):
                name = names[len(doors)]
                place = {"bank": f"{kind}@1:{address}", "channel": channel}
                doors.append({"name": name, "lock": place, "reed": place, "closed_level": closed})
                self.truth[name] = (kind, address, channel, closed)
        wired = [{"kind": k, "uart": 1, "address": a, "reversed": r} for k, a, _, r, _ in boards]
        wires = [{"uart": 1, "tx": 18, "rx": 19, "de": -1, "baud": 9600}]
        clock = VirtualClock()
        board = Board(clock)
        self.cabinet = Cabinet(board, {"rs485": wires, "boards": wired, "doors": doors}, seed)
        board.power_on()
        clock.run_for(1)
        self.wire = SimWire(board, clock)
        self._told: set[str] = set()

    def which_opened(self, _board: FoundBoard, _channel: int) -> str:
        """The person looks for the door that stands open and was shut a moment ago."""
        (name,) = {door.name for door in self.cabinet.doors if door.is_open} - self._told
        self._told.add(name)
        return name

    def learn(self) -> list[Learned]:
        boards = list(find_boards(self.wire, addresses_max=8))
        return [learn_board(self.wire, board, self.which_opened) for board in boards]


@pytest.mark.parametrize("seed", [1, 2])
def test_ninety_six_doors_on_mixed_boards_end_with_the_true_mapping(seed: int, tmp_path: Path) -> None:
    site = Site(MIXED, seed)
    learned = site.learn()
    assert [(b.board.kind, b.board.address, b.is_reversed) for b in learned] == [
        (k, a, r) for k, a, _, r, _ in MIXED
    ]
    found = {
        door.number: (entry.board.kind, entry.board.address, door.lock, door.closed_level)
        for entry in learned
        for door in entry.doors
    }
    assert len(found) == 96 and found == site.truth
    assert site.wire.requests > 1000
    assert all(door.lock == door.reed for entry in learned for door in entry.doors)
    file = tmp_path / "cabinet.toml"
    file.write_text(learned_file(profiles()["esp32-devkitc"], learned))
    config, warnings = compile_file(file)
    assert warnings == [] and len(config["doors"]) == 96
    banks = ["gpio", *(f"{b['kind']}@{b['uart']}:{b['address']}" for b in config["boards"])]
    compiled = {
        door["name"]: (banks[door["lock"][0]], door["lock"][1], door.get("closed_level", 0))
        for door in config["doors"]
    }
    assert compiled == {
        name: (f"{k}@1:{a}", channel, closed) for name, (k, a, channel, closed) in site.truth.items()
    }
    assert [board["reversed"] for board in config["boards"]] == [r for _, _, _, r, _ in MIXED]


def test_a_lock_that_does_not_spring_is_no_door_and_an_empty_wire_has_no_board() -> None:
    site = Site((("8a", 1, 24, False, 1),), 3)
    site.cabinet.doors[5].strike.dead = True
    (learned,) = site.learn()
    assert len(learned.doors) == 23 and 5 not in {door.lock for door in learned.doors}
    next(iter(site.cabinet.boards.values())).silent = True
    assert list(find_boards(site.wire, addresses_max=2)) == []


def test_a_board_that_falls_silent_is_told() -> None:
    site = Site((("8a", 1, 24, False, 1),), 4)
    (board,) = find_boards(site.wire, addresses_max=2)
    next(iter(site.cabinet.boards.values())).silent = True
    with pytest.raises(OSError, match="8a at address 1 does not answer"):
        learn_board(site.wire, board, site.which_opened)


def _board_on_a_port(port: int, wired: tuple[int, ...]) -> None:
    """A board of the family 8A at address 1: a lock that is opened changes its sensor; ends with the port."""
    states = bytearray(b"\xff\xff\xff")
    while True:
        try:
            request = os.read(port, 32)
        except OSError:
            return
        if request == bytes.fromhex("80010033b2"):
            reply = b"\x80\x01" + bytes(states) + b"\x33"
        elif request[:2] == b"\x8a\x01" and len(request) == 5:
            if request[2] - 1 in wired:
                states[(request[2] - 1) // 8] &= ~(1 << (request[2] - 1) % 8)
            reply = request[:4]
        else:
            continue
        check = 0
        for value in reply:
            check ^= value
        os.write(port, reply + bytes([check]))


@pytest.mark.parametrize("wired", [(0, 9), ()], ids=["two doors", "no board"])
def test_the_command_learns_through_a_serial_port(
    wired: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("consigne.cabinet.learn.PULSE_MS", 1)  # no real lock has to spring
    master, slave = os.openpty()
    tty.setraw(slave)
    if wired:
        threading.Thread(target=_board_on_a_port, args=(master, wired), daemon=True).start()
    file = tmp_path / "cabinet.toml"
    arguments = ["cabinet", "learn", str(file), "--port", os.ttyname(slave), "--addresses", "1"]
    done = CliRunner().invoke(app, arguments, input="12\n7\n")
    os.close(slave)
    if not wired:
        os.close(master)
        assert done.exit_code == 1 and "no lock board answers" in done.output and not file.exists()
        return
    assert done.exit_code == 0, done.output
    doors = compile_file(file)[0]["doors"]
    found = [(door["name"], door["lock"], door["closed_level"]) for door in doors]
    assert found == [("12", [1, 0], 1), ("7", [1, 9], 1)]


def test_a_port_that_is_not_there_is_told(tmp_path: Path) -> None:
    port = str(tmp_path / "none")
    done = CliRunner().invoke(app, ["cabinet", "learn", str(tmp_path / "c.toml"), "--port", port])
    assert done.exit_code == 1 and "No such file" in done.output
