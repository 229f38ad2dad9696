"""After files have been pushed to it and it was reset, a virtual board is the locker."""

import json

import pytest
from consigne import firmware_dir
from consigne.firmware import layout, rom
from consigne.protocol import codes
from consigne.sim.virtualboard.board import install
from sim_kit import EPOCH_S, IDENTITY, KEY, config, connected_locker
from virtual_kit import Port, board_at, eventually, mpremote

PARCEL = "RR123456785FR"
WATCHDOG_MS = 3000
MAIN = "import sys\nsys.path.insert(0, '/rom')\nimport main\n"


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """The journal of a locker that a parcel was brought to, and its door."""
    locker, host = connected_locker(tmp_path_factory.mktemp("before"))
    expected = [[PARCEL, 1, EPOCH_S + 10**6]]
    host.command("grants", **{"from": 0, "to": 1, "more": 0, "add": [], "drop": [], "expect": expected})
    locker.run_for(2)
    locker.run_for(locker.type(codes.window_code(KEY, role=1, action=1, holder=7, epoch_s=EPOCH_S) + "#") + 1)
    assert locker.scan(PARCEL)
    locker.wait_for(lambda: any(door.is_open for door in locker.doors))
    door = next(index for index, door in enumerate(locker.doors) if door.is_open)
    locker.run_for(3)
    locker.push_shut(door)
    locker.run_for(2)
    locker.run_for(locker.type("#") + 30)
    content = bytes(locker.flash.data)
    locker.stop()
    return content, door


def push(board, folder):
    """The application and its files, by mpremote."""
    files = {
        "config.json": json.dumps(config(watchdog_ms=WATCHDOG_MS)),
        "identity.json": json.dumps(IDENTITY),
        "main.py": MAIN,
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    mpremote(
        board,
        *("romfs", "deploy", rom.image(firmware_dir()), "+"),
        *("fs", "cp", *(folder / name for name in files), ":"),
    )


def test_pushed_by_mpremote_and_reset_it_serves_a_customer_and_still_has_its_prompt(tmp_path, journal):
    content, door = journal
    install(tmp_path / "flash.bin", kind="romfs")
    with board_at(tmp_path, config()) as board:
        board.flash.overwrite(layout.partition("journal").offset, content)
        push(board, tmp_path)
        board.reset()
        board.wait_for(lambda: "Type your code" in "".join(board.display()))
        board.type(codes.derived_code(KEY, PARCEL) + "#")
        board.wait_for(lambda: board.doors[door].is_open, 15)
        with Port(board) as port:
            port.write(b"\x03")
            assert b"KeyboardInterrupt" in port.until(b">>> ")
            port.write(b"import machine; print(6 * 7)\r")
            port.until(b"42\r\n>>> ")
            # Nobody feeds the watchdog at the prompt: the locker comes back by itself.
            port.until(b"rst:0x8 (TG1WDT_SYS_RESET)")
        eventually(lambda: board.output().count("ready") == 2, "it serves again")
        board.cut_power()
        board.restore_power()
        eventually(lambda: board.output().count("ready") == 3, "it serves after the power was gone")
        assert "journal: fresh" not in board.output()
