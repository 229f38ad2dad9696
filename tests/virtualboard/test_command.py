"""``consigne device virtual``: a board to practise on, from the command line."""

import io
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from consigne.cabinet.compiler import compile_cabinet, open_cabinet, spelled_out
from consigne.cabinet.profiles import hardware_dir
from consigne.sim.virtualboard.board import VirtualBoard
from consigne.sim.virtualboard.cli import by_hand
from rich.console import Console
from virtual_kit import board_at, tool

DEMO = str(hardware_dir() / "cabinets" / "demo.toml")
COMMAND = [sys.executable, "-u", "-m", "consigne.cli", "device", "virtual"]


def test_it_prints_the_port_presses_keys_and_ends_with_ctrl_c(tmp_path):
    options = ["--micropython", "v1.28.0", "--link", "port", "--cabinet", DEMO]
    command = [*COMMAND, "flash.bin", *options]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "port"
        done = tool("mpremote", "connect", tmp_path / "port", "eval", "6*7")
        assert done.stdout.strip() == "42", done
        assert process.stdin is not None
        process.stdin.write("4x\n5\n")
        process.stdin.flush()
        said = ""
        while "key 5 up" not in said:
            said += process.stdout.readline()
        assert "soft reset" in said and "there is no key 'x'" in said and "key 4" not in said
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        assert process.wait(600) == 0 and not (tmp_path / "port").is_symlink()
    finally:
        process.kill()


def test_doors_are_pushed_shut_and_labels_shown_from_the_terminal(tmp_path):
    cabinet = open_cabinet(Path(DEMO))
    config = spelled_out(cabinet, compile_cabinet(cabinet)[0])
    shown = io.StringIO()
    with board_at(tmp_path, config, chip="esp32s3") as board:
        for door in (2, 5):
            board.force_open(door)
        by_hand(board, "0123456789*#", Console(file=shown), ["shut", "scan RR123456785FR"])
        assert not [door for door in board.look()["doors"] if door["open"]]
    assert not shown.getvalue(), "a scanner that nobody has configured looks all the time"


def test_a_cabinet_without_a_scanner_says_so(tmp_path):
    shown = io.StringIO()
    with board_at(tmp_path) as board:
        by_hand(board, "1", Console(file=shown), ["scan RR123456785FR", "1"])
    assert shown.getvalue() == "this cabinet has no scanner\nthis cabinet has no keypad\n"


def test_a_build_with_romfs_is_there_for_the_asking(tmp_path):
    options = ["--micropython", "v1.28.0", "--link", "port", "--image", "romfs"]
    process = subprocess.Popen(
        [*COMMAND, "flash.bin", *options], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "port"
        done = tool("mpremote", "connect", tmp_path / "port", "exec", "import vfs; print(vfs.rom_ioctl(1))")
        assert done.stdout.strip() == "1", done
    finally:
        process.kill()
        process.wait()


def test_an_unknown_image_is_refused_with_those_there_are(tmp_path):
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--image", "nightly"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "official-psram" in done.stderr and "romfs" in done.stderr


def test_an_unknown_chip_is_refused_with_those_there_are(tmp_path):
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--chip", "rp2040"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "esp32s3" in done.stderr


@pytest.mark.parametrize("options", [(), ("--micropython", "v1.28.0")])
def test_a_file_that_is_no_flash_image_stays_as_it_is(tmp_path, options):
    mine = tmp_path / "mine.toml"
    shutil.copy(DEMO, mine)
    done = subprocess.run(
        [*COMMAND, str(mine), *options], check=False, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 2 and "is not a flash image" in " ".join(done.stderr.split())
    assert mine.read_bytes() == Path(DEMO).read_bytes()


def test_a_version_of_micropython_that_there_is_not_is_refused_and_nothing_is_made(tmp_path):
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--micropython", "v9.9.9"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "v1.28.0" in done.stderr
    assert not (tmp_path / "flash.bin").exists()


def test_the_terminal_shows_what_programs_print_and_nothing_of_what_a_tool_asks(tmp_path):
    """A tool reads keys off a board; they must not stand on somebody's screen."""
    command = [*COMMAND, "flash.bin", "--micropython", "v1.28.0", "--link", "port"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "port"
        port = tmp_path / "port"
        for words in (
            ("exec", "f = open('main.py', 'w'); f.write('print(1000 + 234)'); f.close()"),
            ("exec", "print('device_' + 'key'); print('part', end='')"),
            ("reset",),
        ):
            assert tool("mpremote", "connect", port, *words).returncode == 0
        said = ""
        while "1234" not in said:
            said += process.stdout.readline()
        assert "device_key" not in said and "part" not in said
    finally:
        process.kill()
        process.wait()


def test_an_empty_flash_is_told_once_with_what_to_do(tmp_path):
    with VirtualBoard(tmp_path / "flash.bin") as board:
        board.reset()
        told = [line for _, what, line in board.log if what == "boot"]
    assert len(told) == 1 and "there is no program" in told[0] and "consigne device flash" in told[0]


def test_the_link_to_the_port_takes_no_files_place(tmp_path):
    mine = tmp_path / "mine.toml"
    shutil.copy(DEMO, mine)
    command = [*COMMAND, str(tmp_path / "flash.bin"), "--link", str(mine)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=600)
    assert done.returncode == 2 and "is no link to a port" in " ".join(done.stderr.split())
    assert mine.read_bytes() == Path(DEMO).read_bytes() and not mine.is_symlink()


def test_a_flash_has_one_board_until_that_is_killed(tmp_path):
    command = [*COMMAND, "flash.bin", "--link", "port"]
    first = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert first.stdout is not None
        assert first.stdout.readline().strip() == "port"
        for more in ((), ("--micropython", "v1.28.0")):
            second = subprocess.run(
                [*COMMAND, "flash.bin", *more],
                cwd=tmp_path,
                check=False,
                capture_output=True,
                text=True,
                timeout=600,
            )
            told = " ".join(second.stderr.split())
            assert second.returncode == 2 and "is the flash of a virtual board that runs" in told
        assert set((tmp_path / "flash.bin").read_bytes()) == {0xFF}, "nothing was installed"
    finally:
        first.kill()
        first.wait()
    third = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert third.stdout is not None
        assert third.stdout.readline().strip() == "port"
    finally:
        third.kill()
        third.wait()
