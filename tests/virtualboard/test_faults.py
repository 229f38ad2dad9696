"""What happens to a virtual board in the middle of something: cable, power, reset, full disk, slow line."""

import runpy
import struct
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
from consigne.firmware import layout
from consigne.sim.board.flash import HALF_ERASED, TORN
from consigne.sim.clock import VirtualClock
from consigne.sim.shim import _ops
from consigne.sim.virtualboard import ground, image, slip
from consigne.sim.virtualboard.flash import Region
from consigne.sim.virtualboard.line import LOOK_US, Line
from consigne.sim.virtualboard.loader import SYNC
from virtual_kit import PATIENCE_S, Port, board_at, esptool, eventually, let_pass, mpremote, tool

FLASH_BEGIN = slip.pack(struct.pack("<BBHIIIII", 0, 0x02, 16, 0, 0x10_0000, 1024, 1024, 0x1_0000))


def flash_data(sequence):
    """One block of the protocol, 1,024 zeros."""
    return slip.pack(struct.pack("<BBHIIIII", 0, 0x03, 1040, 0xEF, 1024, sequence, 0, 0) + bytes(1024))


OLD, NEW = b"old content\n" * 300, b"what is new\n" * 700


def interrupted_copy(board, folder):
    """Copy a file over one that is there, as a process."""
    (folder / "new").write_bytes(NEW)
    command = [
        sys.executable,
        "-m",
        "mpremote",
        "connect",
        board.port,
        "fs",
        "cp",
        str(folder / "new"),
        ":file",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def content(board):
    """The file as the board has it, read by its own interpreter."""
    said = mpremote(board, "exec", "import sys; sys.stdout.buffer.write(open('file', 'rb').read())")
    return said.encode()


@pytest.mark.parametrize("count", [900, 7000])
def test_a_cable_pulled_while_a_file_is_copied_fails_the_copy_and_the_board_goes_on(tmp_path, count):
    with board_at(tmp_path, link=tmp_path / "port") as board:
        mpremote(board, "exec", f"f = open('file', 'wb'); f.write({OLD[:12]!r} * 300); f.close()")
        board.pull_cable_after(count)
        process = interrupted_copy(board, tmp_path)
        assert process.wait(PATIENCE_S) != 0
        assert not (tmp_path / "port").exists()
        board.plug_cable()
        found = content(board)
        assert found == OLD or NEW.startswith(found)


@pytest.mark.parametrize("count", [900, 7000])
def test_power_lost_while_a_file_is_copied_leaves_a_file_system_that_mounts(tmp_path, count):
    with board_at(tmp_path) as board:
        mpremote(board, "exec", f"f = open('file', 'wb'); f.write({OLD[:12]!r} * 300); f.close()")
        board.cut_power_after(count)
        process = interrupted_copy(board, tmp_path)
        eventually(lambda: not board.powered, "the power goes")
        process.kill()
        process.wait()
        board.restore_power()
        assert content(board) in (OLD, NEW)


def test_power_lost_in_the_middle_of_one_program_of_the_flash_takes_the_board_down(tmp_path):
    with board_at(tmp_path) as board:
        mpremote(board, "exec", "f = open('file', 'wb'); f.write(b'old'); f.close()")
        board.call(lambda: board.flash.cut(3, TORN, 5))
        with Port(board) as port:
            port.to_raw()
            port.write(b"f = open('file', 'wb'); f.write(b'new' * 500); f.close()\x04")
            eventually(lambda: not board.powered, "the power goes")
        board.restore_power()
        assert content(board) in (b"old", b"", b"new" * 500)


def test_power_lost_while_esptool_writes_is_no_harm_once_it_writes_again(tmp_path):
    (tmp_path / "release.bin").write_bytes(image.release("v1.27.0"))
    arguments = "--no-stub", "write-flash", "0x1000", tmp_path / "release.bin"
    with board_at(tmp_path) as board:
        board.call(lambda: board.flash.cut(200, HALF_ERASED, 1))
        with Port(board) as port:  # esptool would wait for minutes for an answer to its write
            board.enter_loader()
            port.until(b"waiting for download\r\n")
            port.write(FLASH_BEGIN)
            for sequence in range(400):
                port.write(flash_data(sequence))
            eventually(lambda: not board.powered, "the power goes")
            port.write(b"\r\x03" + SYNC)
            assert not board.in_loader
        board.restore_power()
        assert esptool(board, *arguments).returncode == 0
        assert "1.27.0" in mpremote(board, "exec", "import sys; print(sys.version)")


def test_a_reset_in_the_middle_of_a_program_starts_the_board_anew(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        port.to_raw()
        port.write(b"while True: pass\x04")
        port.until(b"OK")
        board.reset()
        port.until(b"rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n")
        port.until(b">>> ")


def raw_prompt(port):
    """Enter it; a function that runs a program there and gives all that was said."""

    def run(code):
        port.write(code + b"\x04")
        return port.until(b"\x04>")

    port.write(b"\r\x03\x01")
    port.until(b"raw REPL; CTRL-B to exit\r\n>")
    return run


class Interrupted:
    """A partition whose operations are carried out, and the first time interrupted before they return."""

    def __init__(self):
        self.done = []

    def _operation(self, *arguments):
        self.done.append(arguments)
        if len(self.done) == 1:
            raise KeyboardInterrupt
        return len(self.done)

    readblocks = writeblocks = ioctl = _operation


@pytest.mark.parametrize("operation", ["readblocks", "writeblocks", "ioctl"])
def test_littlefs_never_hears_of_ctrl_c_and_the_program_does_later(monkeypatch, operation):
    """It comes where a board has C; littlefs, left in the middle of it, wrote over what it had not read."""
    posted = []
    monkeypatch.setitem(sys.modules, "_link", SimpleNamespace(post=lambda *what: posted.append(what)))
    monkeypatch.setitem(sys.modules, "_ops", _ops)
    monkeypatch.setattr(time, "sleep_us", lambda us: None, raising=False)
    disk = runpy.run_path(str(ground.ONBOARD / "disk.py"))["Disk"](Interrupted())
    assert getattr(disk, operation)(7, b"bytes") == 2 and posted == [(_ops.CONSOLE_AGAIN, 0)]
    assert getattr(disk, operation)(8, b"bytes") == 3 and len(posted) == 1


class Disturbed(Region):
    """The partition of the files; ``happens`` is called at the read that ``left`` counts down to."""

    left = 0

    def readblocks(self, block, buf, offset=0):
        self.left -= 1
        if self.left == 0:
            self.happens()
        super().readblocks(block, buf, offset)


def disturb(board, number, later_us):
    """Ctrl-C comes while a block is read, the ``number``-th from now, or a moment of board time later."""

    def happens():
        if later_us:
            board.clock.call_in(later_us, board.serial.line.on_bytes, b"\x03")
        else:
            board.serial.line.on_bytes(b"\x03")

    def act():
        disturbed = Disturbed(board.flash, layout.partition("vfs"))
        disturbed.left, disturbed.happens = number, happens
        board.board.flash["vfs"] = disturbed

    board.call(act)


def test_ctrl_c_stops_a_program_that_reads_files_without_end_and_harms_none(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        run = raw_prompt(port)
        run(b"import os\nfor n in range(8):\n with open('keep%d' % n, 'w') as f: f.write(400 * 'kept')")
        for number in range(12):
            look = b"os.stat('keep%d'); open('keep%d').read()" % (number % 8, 7 - number % 8)
            port.write(b"print(1)\nwhile True:\n %s\n sum(range(200))\n\x04" % look)
            port.until(b"OK1\r\n")
            disturb(board, 1 + 5 * number, 130 * (number % 4))
            assert b"KeyboardInterrupt" in port.until(b"\x04>")
            run(b"open('new', 'w').close()")
        kept = run(b"print(sum(open('keep%d' % n).read() == 400 * 'kept' for n in range(8)))")
        assert kept.startswith(b"OK8\r\n"), kept[-300:]


def test_files_that_a_program_dropped_do_the_board_no_harm(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        run = raw_prompt(port)
        run(b"f = open('named', 'w'); f.write('by its name')")
        run(b"f = open('other', 'w')")  # as mpremote does after a cable was pulled
        assert run(b"print(open('named').read())").startswith(b"OKby its name\r\n")
        run(b"def drop():\n open('unnamed', 'w').write('by nobody')\ndrop(); import gc; gc.collect()")
        run(b"for n in range(20):\n with open('n%d' % n, 'w') as g: g.write('new')")
        said = run(b"print(''.join(open('n%d' % n).read() for n in range(20)), open('named').read())")
        assert said.startswith(b"OK" + 20 * b"new" + b" by its name\r\n"), said
        assert not any(what == "ended" for _, what, _ in board.log)


def test_a_button_pressed_twice_starts_the_board_once(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        port.to_prompt()
        for _ in range(3):
            board.reset()
        port.until(b">>> ")
        let_pass(board, 3)
        assert [what for _, what, _ in board.log].count("boot") == 2


def test_a_watchdog_that_nobody_feeds_resets_the_board_also_from_the_prompt(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        port.to_prompt()
        port.write(b"import machine; w = machine.WDT(timeout=1500)\r\x04")
        port.until(b"MPY: soft reboot\r\n")
        port.until(b"rst:0x8 (TG1WDT_SYS_RESET)")
        port.until(b">>> ")


def test_a_full_disk_is_told_by_mpremote(tmp_path):
    with board_at(tmp_path) as board:
        program = "f = open('filler', 'wb')\nfor i in range(118): f.write(bytes(4096))\nf.close()"
        mpremote(board, "exec", program)
        (tmp_path / "more").write_bytes(bytes(60_000))
        done = tool("mpremote", "connect", board.port, "fs", "cp", tmp_path / "more", ":more")
        assert done.returncode != 0 and "No space left" in done.stdout + done.stderr


def test_a_port_that_is_open_already_is_busy(tmp_path):
    with board_at(tmp_path) as board, Port(board):
        done = tool("mpremote", "connect", board.port, "eval", "1")
        assert done.returncode != 0 and "failed to access" in done.stdout + done.stderr


def test_a_paced_line_takes_the_time_of_its_baud_rate_and_loses_what_nobody_takes(tmp_path):
    """11,520 bytes a second; 260 wait at the chip, as in the port's ring buffer."""
    with board_at(tmp_path, paced=True) as board, Port(board) as port:
        port.to_raw()
        began_us = board.clock.now_us()
        port.write(b"print('x' * 5000)\x04")
        port.until(b"x\r\n")
        assert board.clock.now_us() - began_us > 1e6 * 5000 / 11_520
        port.until(b"\x04>")
        line, pin = board.serial.line, board.board.pin(4)
        port.write(
            b"import machine, sys, time\nwhile machine.Pin(4, machine.Pin.IN).value(): time.sleep_ms(1)\n"
            b"print(sys.stdin.buffer.read(260) == b'y' * 260)\x04"
        )
        board.call(lambda: pin.drive("test", 1))
        port.until(b"OK")
        before, lost = line.received, line.lost
        port.write(b"y" * 700)
        eventually(lambda: line.received == before + 700, "all of it has come to the chip")
        assert line.lost - lost == 700 - 260
        board.call(lambda: pin.drive("test", 0))
        assert port.until(b"\n") == b"True\r\n"


class Laptop:
    """A cable whose other end takes everything at once; ``took_us`` says when."""

    def __init__(self, clock):
        self.clock, self.took_us, self.taken = clock, 0, b""

    def read(self, limit):
        return b""

    def write(self, data):
        self.took_us, self.taken = self.clock.now_us(), self.taken + data
        return len(data)


def test_a_paced_line_takes_no_longer_than_its_baud_rate_asks():
    clock = VirtualClock()
    laptop = Laptop(clock)
    line = Line(clock, laptop)
    line.baud = 115_200
    line.send(b"x" * 5000)
    clock.run_for(2)
    assert laptop.taken == b"x" * 5000
    assert 1e6 * 5000 / 11_520 <= laptop.took_us <= 1e6 * 5000 / 11_520 + LOOK_US
