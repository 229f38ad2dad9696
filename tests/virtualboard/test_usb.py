"""A board whose port is the chip's own USB: a reset takes it away, and it comes back under another name."""

import math
import os
import threading
import time
from types import SimpleNamespace

import device_kit as kit
import pytest
import virtual_kit
from consigne.device import push, serialline
from consigne.device.board import Board
from consigne.device.errors import CableError, DeviceError
from consigne.device.esptooljob import Outcome
from consigne.device.image import Part
from consigne.device.rombootloader import RomBootLoader
from consigne.device.serialline import SerialLine, await_port
from consigne.firmware import application, layout
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.board import install
from consigne.sim.virtualboard.chips import CHIPS
from consigne.sim.virtualboard.flash import open_flash
from consigne.sim.virtualboard.psram import Psram

ADDRESS = "24:0A:C4:00:00:01"


@pytest.fixture
def board(tmp_path):
    install(tmp_path / "flash.bin", chip="esp32s3")
    with kit.board_with(None, tmp_path, chip="esp32s3") as made:
        yield made
        assert not made.failures, made.failures


def target(board):
    """Where the link leads, empty while the port is away."""
    return os.readlink(board.port) if os.path.lexists(board.port) else ""


def booted(board):
    """How often the chip has come to its program."""
    return sum(what == "boot" for _, what, _ in board.log)


def settled(board):
    """The port of MicroPython, not of the ROM."""
    board.wait_for(lambda: board.serial.pid, 10)
    return virtual_kit.eventually(lambda: target(board), "the port is there")


def test_who_starts_a_board_is_given_the_port_that_stays(tmp_path):
    """The ROM's device is there while the program is checked, which takes the longer the larger it is."""
    flash = open_flash(tmp_path / "flash.bin")
    flash.overwrite(0, chip_image.release("v1.28.0", CHIPS["esp32s3"].image_id, size=0x1E_0000))
    flash.overwrite(layout.TABLE_OFFSET, layout.binary())
    flash.close()
    for _ in range(3):
        with kit.board_with(None, tmp_path, chip="esp32s3") as made:
            assert made.serial.pid and target(made)


def test_a_reset_takes_the_port_and_another_one_comes(board):
    first = settled(board)
    with open(first, "rb+", buffering=0) as held:  # who holds it keeps its name taken
        board.reset()
        virtual_kit.eventually(lambda: target(board) not in ("", first), "a port of another name")
        with pytest.raises(OSError):
            held.write(b"x")
            held.read(1)
    settled(board)


def test_the_real_mpremote_finds_it_again_by_a_path_that_stays(board):
    settled(board)
    starts = booted(board)
    assert virtual_kit.mpremote(board, "exec", "print(6 * 7)").strip() == "42"
    assert virtual_kit.tool("mpremote", "connect", board.port, "reset").returncode == 0
    board.wait_for(lambda: booted(board) > starts, 10)
    settled(board)
    assert "boot.py" in virtual_kit.mpremote(board, "fs", "ls")


def test_a_soft_reset_keeps_the_port(board):
    first = settled(board)
    virtual_kit.mpremote(board, "soft-reset")
    assert virtual_kit.mpremote(board, "eval", "1 + 1").strip() == "2" and target(board) == first


def test_a_board_is_started_for_service_and_pushed_to_across_the_gap(tmp_path):
    flash = kit.ready_flash(tmp_path, chip_id=9)
    with kit.board_with(flash, tmp_path, chip="esp32s3") as board:
        settled(board)
        with Board(board.port) as line:
            assert line.enter_service()["machine"].endswith("ESP32S3")
            done = push.push(line, application.build())
            line.restart(service=True)
            assert line.survey()["ours"]
        assert done.generation == 1


@pytest.mark.parametrize("resets", [True, False], ids=["by this command", "by the one before"])
def test_a_port_that_is_away_just_after_a_reset_is_waited_for(board, monkeypatch, resets):
    settled(board)
    board.pull_cable()
    later = threading.Timer(0.5, board.plug_cable)
    later.start()
    with Board(board.port, resets=resets) as line:
        line.enter()
    later.join()
    board.pull_cable()
    monkeypatch.setattr(serialline, "RETURN_S", 0.1)
    with pytest.raises(DeviceError, match="no such port"), Board(board.port):
        raise AssertionError("it was opened")


def test_the_way_into_the_loader_takes_the_port_along_and_is_gone_twice(board):
    settled(board)
    once = virtual_kit.esptool(board, "flash-id")
    assert once.returncode and "serial exception" in (once.stdout + once.stderr).lower()
    board.wait_for(lambda: board.in_loader, 10)
    assert RomBootLoader(board.port).look().name == "esp32s3"


def test_one_look_at_a_board_that_runs_micropython_finds_the_chip(board):
    settled(board)
    assert RomBootLoader(board.port).look().psram_bytes == 8 << 20


def test_flash_finds_the_board_again_after_each_of_esptools_resets(tmp_path):
    file = kit.micropython_file(tmp_path, chip_id=9, kind=chip_image.OFFICIAL_PSRAM)
    with kit.board_with(None, tmp_path, chip="esp32s3", psram=Psram(8 << 20, packaged=True)) as board:
        done = virtual_kit.tool("consigne.cli", "device", "flash", file, "-p", board.port)
    assert done.returncode == 0 and "with PSRAM it serves everything" in done.stdout + done.stderr, done


def listing(board, monkeypatch, known=True):
    """What a computer lists: the device's number, as the ROM tells it, at the name of now."""

    def comports():
        number = ADDRESS if known else "0001"
        return [SimpleNamespace(device=board.port, serial_number=number)] if board.plugged else []

    monkeypatch.setattr(serialline.list_ports, "comports", comports)


def unlinked(tmp_path, monkeypatch, **more):
    install(tmp_path / "flash.bin", chip="esp32s3")
    board = virtual_kit.VirtualBoard(tmp_path / "flash.bin", chip="esp32s3")
    listing(board, monkeypatch, **more)
    return board


def test_a_port_under_another_name_is_found_by_the_number_of_its_device(tmp_path, monkeypatch):
    with unlinked(tmp_path, monkeypatch) as board:
        board.wait_for(lambda: board.serial.pid, 10)
        with Board(board.port) as line:
            line.enter()
            first, taken = line.port, os.open(line.port, os.O_RDWR | os.O_NOCTTY)
            line.restart(service=True)
            os.close(taken)
            assert line.port == board.port != first
            assert line.run("print(1)").strip() == "1"


def test_a_port_that_does_not_come_back_is_told_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(serialline, "RETURN_S", 0.5)
    with unlinked(tmp_path, monkeypatch, known=False) as board:
        board.wait_for(lambda: board.serial.pid, 10)
        with Board(board.port) as line:
            line.enter()
            taken = os.open(line.port, os.O_RDWR | os.O_NOCTTY)
            with pytest.raises(
                CableError, match="its port did not come back; check cable and supply, see"
            ) as told:
                line.restart(service=True)
            os.close(taken)
        assert "\n" not in str(told.value)


def test_the_roms_and_micropythons_way_to_tell_the_chips_address_are_one_owner(monkeypatch):
    listed = [SimpleNamespace(device="/dev/ttyACM1", serial_number="240ac4000001")]
    monkeypatch.setattr(serialline.list_ports, "comports", lambda: listed)
    assert serialline.port_of(serialline._plain(ADDRESS)) == "/dev/ttyACM1"
    listed[0].serial_number = ADDRESS
    assert serialline.owner("/dev/ttyACM1") == "240ac4000001" and serialline.owner("/dev/ttyUSB0") == ""
    listed[0].serial_number = "0001"  # of an adapter
    assert serialline.owner("/dev/ttyACM1") == ""


def test_a_name_that_another_board_has_now_is_left_alone(tmp_path, monkeypatch):
    """Two boards that were reset at once: what was meant for one must not reach the other."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir(), other.mkdir()
    install(one / "flash.bin"), install(other / "flash.bin")
    with (
        virtual_kit.VirtualBoard(one / "flash.bin") as ours,
        virtual_kit.VirtualBoard(other / "flash.bin") as theirs,
    ):
        names = {ADDRESS: ours.port, "24:0A:C4:00:00:02": theirs.port}
        monkeypatch.setattr(
            serialline.list_ports,
            "comports",
            lambda: [SimpleNamespace(device=port, serial_number=who) for who, port in names.items()],
        )
        with Board(theirs.port, who=serialline.owner(ours.port)) as line:
            assert line.port == ours.port
        del names[ADDRESS]
        with (
            pytest.raises(DeviceError, match="its port did not come back"),
            Board(theirs.port, who="240ac4000001"),
        ):
            raise AssertionError("it was opened")


def test_what_esptool_writes_reaches_no_board_that_has_the_name_of_another_since_a_reset(monkeypatch):
    """Two boards flashed at once: esptool opens its port anew for each command, by its name."""
    ours, theirs = "240ac4000001", "240ac4000002"
    names = {ours: "/dev/ttyACM0", theirs: "/dev/ttyACM1"}
    monkeypatch.setattr(
        serialline.list_ports,
        "comports",
        lambda: [SimpleNamespace(device=port, serial_number=who) for who, port in names.items()],
    )
    opened = []

    def carry_out(job, progress):
        opened.append(job.port)
        return Outcome()

    loader = RomBootLoader("/dev/ttyACM0", esptool=carry_out, return_s=0.1)
    loader.write([Part("first", 0, b"x")], lambda done, total: None)
    names.update({ours: "/dev/ttyACM1", theirs: "/dev/ttyACM0"})
    loader.write([Part("second", 0, b"x")], lambda done, total: None)
    assert opened == ["/dev/ttyACM0", "/dev/ttyACM1"]
    del names[ours]
    with pytest.raises(CableError, match="its port did not come back"):
        loader.write([Part("third", 0, b"x")], lambda done, total: None)
    assert len(opened) == 2


def test_a_name_that_is_no_file_is_not_waited_for():
    for name in ("COM7", "rfc2217://127.0.0.1:4000"):
        waiting = threading.Thread(target=await_port, args=(name, math.inf), daemon=True)
        waiting.start()
        waiting.join(virtual_kit.PATIENCE_S)
        assert not waiting.is_alive()
    with pytest.raises(DeviceError, match="no such port"):
        SerialLine("/dev/ttyUSB_none").open(time.monotonic() + 0.2)
