"""The virtual board's ROM: what ``esptool`` finds there, writes, reads back, and what starts afterwards."""

import pytest
import serial
from consigne.firmware import layout
from consigne.sim.virtualboard import image
from consigne.sim.virtualboard.board import VirtualBoard
from consigne.sim.virtualboard.loader import SYNC
from esptool.reset import ClassicReset, HardReset
from virtual_kit import PATIENCE_S, Port, board_at, esptool, eventually, let_pass, mpremote


def test_esptool_finds_the_chip_its_flash_and_its_address(tmp_path):
    with board_at(tmp_path) as board:
        done = esptool(board, "flash-id")
        assert done.returncode == 0, done.stdout
        assert "ESP32-D0WD-V3 (revision v3.1)" in done.stdout and "Stub flasher running" in done.stdout
        assert "24:0a:c4:00:00:01" in done.stdout and "Detected flash size: 4MB" in done.stdout
        eventually(lambda: not board.in_loader, "the closed port resets it")
        assert mpremote(board, "eval", "1").strip() == "1"


@pytest.fixture
def loading(tmp_path):
    """A board in its loader, as on a terminal esptool has it, and the port that is open for that."""
    with board_at(tmp_path) as board:
        board.enter_loader()
        with serial.Serial(board.port) as first:
            first.write(SYNC)
            board.wait_for(lambda: board.in_loader, PATIENCE_S)
            yield board, first


def test_a_port_opened_again_before_the_board_could_look_was_closed_all_the_same(loading):
    """As on a busy computer: both happen while the board's thread is at something else."""
    board, first = loading

    def pass_on():
        first.close()
        return serial.Serial(board.port)

    with board.call(pass_on):
        board.wait_for(lambda: not board.in_loader, 10)


def test_two_programs_that_close_the_port_at_once_have_closed_it(loading):
    board, first = loading
    second = serial.Serial(board.port)
    let_pass(board, 0.1)
    board.call(lambda: (first.close(), second.close()))
    board.wait_for(lambda: not board.in_loader, 10)


def test_a_program_that_looks_at_the_port_of_another_does_not_reset_the_chip(loading):
    """As ``stty`` does, or a second esptool that finds it locked."""
    board, first = loading
    serial.Serial(board.port).close()
    board.call(lambda: serial.Serial(board.port).close())
    let_pass(board, 0.1)
    assert board.in_loader
    first.close()
    board.wait_for(lambda: not board.in_loader, 10)


def test_a_release_is_written_over_a_blank_chip_verified_and_started(tmp_path):
    with VirtualBoard(tmp_path / "flash.bin") as board:
        with Port(board) as port:
            board.reset()
            port.until(b"invalid header: 0xffffffff\r\n")
        file = tmp_path / "release.bin"
        file.write_bytes(image.release("v1.26.1"))
        done = esptool(board, "write-flash", "0x1000", file)
        assert done.returncode == 0 and "Hash of data verified" in done.stdout, done.stdout
        assert bytes(board.flash.data[0x1000 : 0x1000 + file.stat().st_size]) == file.read_bytes()
        assert "MicroPython v1.26.1" in mpremote(board, "exec", "import sys; print(sys.version)")
        assert "2097152" in mpremote(
            board, "exec", "import vfs; print(vfs.mount()[0][0].statvfs('/')[0] * 512)"
        )


def test_without_the_stub_the_rom_does_the_same_slower(tmp_path):
    file = tmp_path / "table.bin"
    file.write_bytes(layout.binary())
    with VirtualBoard(tmp_path / "flash.bin") as board:
        done = esptool(board, "--no-stub", "write-flash", "0x8000", file)
        assert done.returncode == 0 and "Hash of data verified" in done.stdout, done.stdout
        done = esptool(board, "--no-stub", "read-flash", "0x8000", "0xc00", tmp_path / "back.bin")
        assert (
            done.returncode == 0 and layout.parse((tmp_path / "back.bin").read_bytes()) == layout.PARTITIONS
        )


def test_a_region_is_erased_and_read_back_and_one_that_differs_is_told(tmp_path):
    with board_at(tmp_path) as board:
        before = bytes(board.flash.data)
        assert esptool(board, "erase-region", "0x10000", "0x2000").returncode == 0
        after = bytes(board.flash.data)
        assert after[0x10000:0x12000] == b"\xff" * 0x2000
        behind = slice(0x12000, layout.partition("vfs").offset)
        assert after[behind] == before[behind]
        (tmp_path / "app.bin").write_bytes(before[0x10000:0x12000])
        done = esptool(board, "verify-flash", "0x10000", tmp_path / "app.bin")
        assert done.returncode != 0 and "Verification failed" in done.stdout + done.stderr
        done = esptool(board, "read-flash", "0x11000", "0x3000", tmp_path / "back.bin")
        assert done.returncode == 0 and (tmp_path / "back.bin").read_bytes() == after[0x11000:0x14000]


def test_another_chip_says_so(tmp_path):
    for chip, name in (("esp32s3", "ESP32-S3"), ("esp8266", "ESP8266")):
        with VirtualBoard(tmp_path / f"{chip}.bin", chip=chip) as board:
            done = esptool(board, "--chip", "esp32", "chip-id")
            assert done.returncode != 0 and f"This chip is {name}, not ESP32" in done.stdout + done.stderr


def test_a_damaged_program_does_not_start_and_neither_does_one_for_another_chip(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        factory = layout.partition("factory")
        board.flash.rot(factory.offset + 0x400, 0x10)
        board.reset()
        port.until(b"No bootable app partitions in the partition table\r\n")
        board.flash.overwrite(factory.offset, image.build("v1.28.0", chip_id=9))
        board.reset()
        port.until(b"No bootable app partitions in the partition table\r\n")
        board.flash.rot(layout.TABLE_OFFSET + 4, 1)
        board.reset()
        port.until(b"Failed to verify partition table\r\n")


def test_a_board_with_some_other_program_answers_nothing(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        board.flash.overwrite(layout.partition("factory").offset, image.build("v2.0", project="blink"))
        board.reset()
        port.until(b"(SPI_FAST_FLASH_BOOT)\r\n")
        before = board.serial.line.received
        port.write(b"\r\x03\x01")
        eventually(lambda: board.serial.line.received == before + 3, "the chip has it")
        board.reset()
        silent = port.until(b"(SPI_FAST_FLASH_BOOT)\r\n")
        board.reset()
        assert port.until(b"(SPI_FAST_FLASH_BOOT)\r\n") == silent, "between two starts there is nothing"


def test_a_packet_that_was_damaged_on_the_way_is_refused(tmp_path):
    with board_at(tmp_path) as board, Port(board) as port:
        board.enter_loader()
        port.until(b"waiting for download\r\n")
        port.write(SYNC)
        for _ in range(16):
            port.until(b"\xc0")
        port.write(bytes.fromhex("c0000210000000000000100000010000000004000000000100c0"))  # FLASH_BEGIN
        answer = b"\xc0\x01\x02\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc0"
        assert port.until(answer) == answer, "eight answers to SYNC, no more"
        port.write(
            b"\xc0\x00\x03\x14\x00\x11\x00\x00\x00" + b"\x04" + bytes(15) + b"abcd\xc0"
        )  # wrong checksum
        assert port.until(b"\x01\x07\x00\x00\xc0")
        assert bytes(board.flash.data[0x10000:0x10004]) == b"\xff" * 4


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")  # pyserial's
def test_the_reset_dance_on_a_port_with_modem_lines_enters_the_loader_and_leaves_it(tmp_path):
    with board_at(tmp_path, lines=True) as board:
        with serial.serial_for_url(board.port, timeout=0.2) as line:
            line.write(b"\r")
            eventually(lambda: b">>> " in line.read(4096), "the prompt: opening the port resets nothing")
            ClassicReset(line)()
            eventually(lambda: b"waiting for download" in line.read(4096), "the loader")
            assert board.in_loader
            HardReset(line)()
            eventually(lambda: b">>> " in line.read(4096), "the prompt again")
        assert mpremote(board, "eval", "6*7").strip() == "42"
