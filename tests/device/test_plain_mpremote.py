"""A board made a locker with ``esptool`` and ``mpremote`` alone, and used so, as ``MPREMOTE.md`` says."""

import dataclasses
import json
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import device_kit as kit
import pytest
from consigne import firmware_dir
from consigne.broker.broker import free_port
from consigne.device import plain
from consigne.device.errors import DeviceError
from consigne.device.hostapi import Host
from consigne.firmware import layout
from consigne.protocol import codes
from consigne.sim.virtualboard import image as chip_image
from consigne.sim.virtualboard.psram import Psram
from littlefs import LittleFS
from virtual_kit import esptool, eventually, let_pass, mpremote, tool

WATCHDOG_MS = 2_000
PAGE = Path(kit.__file__).resolve().parents[2] / "host_tools/consigne/device/MPREMOTE.md"


def official(table: bytes = b"") -> bytes:
    """The flash after ``esptool`` wrote an official image to it, and then perhaps another table."""
    flash = bytearray(b"\xff" * layout.FLASH_BYTES)
    release = chip_image.release("v1.28.0")
    flash[layout.BOOTLOADER_OFFSET : layout.BOOTLOADER_OFFSET + len(release)] = release
    flash[layout.TABLE_OFFSET : layout.TABLE_OFFSET + len(table)] = table
    return bytes(flash)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A cabinet with a clock chip, its watchdog less patient than usual: the file, the simulator's."""
    file = kit.cabinet_file(tmp_path_factory.mktemp("site"))
    file.write_text(f"watchdog_ms = {WATCHDOG_MS}\n" + file.read_text())
    return file, kit.compiled(file)[1]


@pytest.fixture(scope="module")
def made(tmp_path_factory, site):
    """All that the page says, up to the reset: the flash, the files' folder, the locker's key at the host."""
    at, (file, sim) = tmp_path_factory.mktemp("made"), site
    folder = at / "L0001"
    with kit.running_host(at) as (url, host), kit.board_with(official(), at, sim) as board:
        words = ["files", "L0001", folder, "--cabinet", file, "--host", url, "--token", kit.TOKEN]
        status, told = kit.consigne(*words, env=kit.environment())
        assert status == 0 and "registered at the host" in told, told
        key = kit.key_of(host, "L0001")
        assert key.hex() not in told
        again = kit.consigne(*words, env=kit.environment())
        assert again[0] == 0 and "the host knows it" in again[1] and kit.key_of(host, "L0001") == key
        wrote = esptool(board, "write-flash", hex(layout.TABLE_OFFSET), folder / "partitions.bin")
        assert wrote.returncode == 0, wrote.stdout + wrote.stderr
        board.reset()
        port = free_port()
        server = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
        with subprocess.Popen(server, cwd=firmware_dir(), stderr=subprocess.DEVNULL) as serving:
            try:
                eventually(lambda: _answers(port), "the server listens")
                address = f"http://127.0.0.1:{port}/package.json"
                done = tool("mpremote", "connect", board.port, "mip", "install", address)
                assert done.returncode == 0, done.stdout + done.stderr
            finally:
                serving.kill()
        copied = told.partition("mpremote fs cp ")[2].split()
        mpremote(board, "fs", "cp", *copied)
        board.cut_power()
    return kit.flash_of(at), folder, key


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def files_on(flash, offset, size):
    lfs = LittleFS(block_size=4096, block_count=size // 4096, mount=False)
    lfs.context.buffer[:] = flash[offset : offset + size]
    lfs.mount()
    return lfs


def test_the_files_are_their_owners_alone_and_the_folder_is_one_lockers(made, site, tmp_path):
    _, folder, key = made
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(["config.json", "identity.json", "partitions.bin"], 0o600)
    assert json.loads((folder / "identity.json").read_text())["device_key"] == key.hex()
    words = ["--cabinet", site[0], "--host", "http://127.0.0.1:1", "--token", kit.TOKEN]
    with kit.running_host(tmp_path) as (url, _):
        words[3] = url
        status, told = kit.consigne("files", "L0002", folder, *words, env=kit.environment())
    assert status == 1 and "holds the files of L0001: take a folder for each locker" in told


def test_a_board_that_takes_the_place_of_another_gets_its_key_and_a_new_locker_does_not(tmp_path, site):
    config = kit.compiled(site[0])[0]
    with kit.running_host(tmp_path) as (url, host):
        with_host = Host(url, kit.TOKEN)
        first = kit.wanted("L0003", config)
        plain.write(tmp_path / "first", with_host, first)
        with pytest.raises(DeviceError, match="give --replace"):
            plain.write(tmp_path / "swapped", with_host, first)
        swapped = dataclasses.replace(first, replace=True)
        for _ in range(2):  # given again it asks for nothing
            assert plain.write(tmp_path / "swapped", with_host, swapped)[1] is False
        kept = json.loads((tmp_path / "swapped" / "identity.json").read_text())["device_key"]
        assert kept == kit.key_of(host, "L0003").hex()
        with pytest.raises(DeviceError, match="provisioned without --replace"):
            plain.write(tmp_path / "new", with_host, dataclasses.replace(swapped, locker="L0004"))
        assert not list((tmp_path / "new").iterdir())


def test_the_firmwares_sources_leave_room_on_the_board(made):
    place = layout.partition("vfs", layout.PLAIN)
    lfs = files_on(made[0], place.offset, place.size)
    assert {"main.py", "config.json", "identity.json", "lib"} <= set(lfs.listdir("/"))
    assert lfs.used_block_count * 4096 <= 0.95 * place.size


def test_it_serves_a_courier_and_whoever_interrupts_it_has_a_locker_again_after_its_watchdog(
    made, site, tmp_path
):
    flash, _, key = made
    with kit.board_with(flash, tmp_path, site[1]) as board:
        board.wait_for(kit.said(board, "ready"), 30)
        mpremote(board, "fs", "touch", ":service", "+", "reset")
        board.wait_for(kit.said(board, "started for service"), 20)
        mpremote(board, "run", clock_script(tmp_path))
        began = len(board.log)
        let_pass(board, 2 * WATCHDOG_MS / 1000)
        assert mpremote(board, "exec", "print(6 * 7)") == "42\n"
        assert not [line for line in list(board.log)[began:] if line[2] == "watchdog"], "nobody feeds it here"
        board.log.clear()
        mpremote(board, "reset")
        board.wait_for(kit.said(board, "ready"), 30)
        board.type(codes.window_code(key, 1, 1, 7, int(time.time())) + "#", keys_per_s=3)
        board.wait_for(lambda: "Scan the next" in " ".join(board.display()), 10)
        board.log.clear()
        assert "ESP32" in mpremote(board, "exec", "import os; print(os.uname().machine)").upper()
        board.wait_for(kit.said(board, "watchdog"), 20)
        board.wait_for(kit.said(board, "ready"), 30)


def test_our_own_commands_know_such_a_board_and_take_longer_than_its_watchdog(made, site, tmp_path):
    """A megabyte of journal is read for longer than the watchdog waits: the board is in service meanwhile."""
    with kit.board_with(made[0], tmp_path, site[1]) as board:
        board.wait_for(kit.said(board, "ready"), 30)
        board.log.clear()
        told = kit.consigne("doctor", "-p", board.port, env=kit.environment(COLUMNS="200"))[1]
        failed = [row.split("│")[1].strip() for row in told.splitlines() if "│ fail │" in row]
        assert "files in /lib, compiled at each start" in told and failed == ["clock"], told
        assert "bytes used while it served" in told and "none that is not ours" in told
        status, told = kit.consigne("journal", "dump", "-p", board.port)
        assert status == 0 and "clean" in told, told
        board.wait_for(kit.said(board, "ready"), 30)
        assert kit.said(board, "started for service")()


def clock_script(folder):
    """The page's program that sets the clock chip."""
    program = PAGE.read_text().partition("```python\n")[2].partition("```")[0]
    assert "Ds3231" in program
    file = folder / "setclock.py"
    file.write_text(program.replace("EPOCH_S", str(round(time.time()))))
    return file


def test_mpremote_does_in_service_what_a_technician_expects(made, site, tmp_path):
    with kit.board_with(made[0], tmp_path, site[1]) as board:
        board.wait_for(kit.said(board, "ready"), 30)
        mpremote(board, "fs", "touch", ":service", "+", "reset")
        board.wait_for(kit.said(board, "started for service"), 20)
        size = layout.partition("vfs", layout.PLAIN).size
        rows = [line.split()[:2] for line in mpremote(board, "df").splitlines()[1:]]
        assert rows == [["<VfsLfs2>", str(size)]]
        mpremote(board, "rtc", "--set")
        assert mpremote(board, "rtc").startswith(time.strftime("(%Y, ", time.localtime()))
        share = tmp_path / "share"
        share.mkdir()
        (share / "patch.py").write_text("WORD = 'from the laptop'\n")
        assert "from the laptop" in mpremote(board, "mount", share, "exec", "import patch; print(patch.WORD)")
        hello = tmp_path / "hello.py"
        hello.write_text("from locker import VERSION\nprint('firmware', VERSION)\n")
        assert "firmware 0." in mpremote(board, "run", hello)
        assert "service" not in mpremote(board, "fs", "ls"), "it counts once"
        assert not board.failures


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            "table",
            "no partition for the journal; write partitions.bin of `consigne device files`",
        ),
        ("identity", "cannot start: identity.json"),
        ("config", "cannot start: config.json"),
        ("psram", "too little memory for the application; take one with PSRAM"),
    ],
)
def test_what_is_missing_is_said_once_and_the_prompt_stays(made, site, tmp_path, spoil, told):
    flash = bytearray(made[0])
    place = layout.partition("vfs", layout.PLAIN)
    if spoil == "table":
        without = layout.binary(layout.PLAIN[:-1])
        flash[layout.TABLE_OFFSET : layout.TABLE_OFFSET + len(without)] = without
    elif spoil != "psram":
        lfs = files_on(flash, place.offset, place.size)
        lfs.remove(f"{spoil}.json")
        flash[place.offset : place.end] = lfs.context.buffer
    psram = Psram() if spoil == "psram" else None
    with kit.board_with(bytes(flash), tmp_path, site[1], psram=psram) as board:
        board.wait_for(kit.said(board, "not serving"), 30)
        lines = " ".join(line for _, what, line in board.log if what == "stdout")
        assert told in lines and "Traceback" not in lines
        let_pass(board, 2 * WATCHDOG_MS / 1000)
        assert sum("not serving" in line for _, _, line in board.log) == 1, "it does not start over and over"
        assert mpremote(board, "exec", "print(6 * 7)") == "42\n"
